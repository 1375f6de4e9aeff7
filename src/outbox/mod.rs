//! The outbox contract: a decoded row → the record to publish. Pure.
//!
//! ```text
//! settings   Config ──Mapper::new──▶ Mapper
//! Relation   ──Mapper::relation────▶ Plan     every column needed exists, with a type that fits
//! Insert     ──Mapper::record──────▶ Record   borrows from the row and from the mapper
//! ```
//!
//! - [`Mapper`] holds the settings and the buffers that are used again for each row.
//! - [`Plan`] says which column of one table is used for what; made anew at each Relation message.
//! - [`Record`] is the Kafka message to be. Payload bytes are never re-encoded.
//! - [`MappingError`] (a table) and [`EventError`] (a row) stop the stream: nothing is skipped.
//! - [`Template`] and [`TableName`] are what users write in the settings.
//! - [`Position`] names one event, the same in every repeat.

mod catalog;
mod config;
mod event_error;
#[cfg(test)]
mod fixture;
mod headers;
mod headers_json;
mod hex;
mod identifier;
mod mapper;
mod mapping_error;
mod pg_type;
mod plan;
mod position;
mod record;
mod row;
mod table;
mod template;
mod timestamp;
mod topic;

pub use catalog::CatalogColumn;
pub use config::{Columns, Config, HeaderColumn, Route};
pub use event_error::{EventError, EventProblem};
pub use headers::HeaderList;
pub use identifier::quote_identifier;
pub use mapper::Mapper;
pub use mapping_error::{MappingError, MissingColumn, UnfitColumn};
pub use plan::Plan;
pub use position::{ParsePositionError, Position};
pub use record::Record;
pub use table::{TableName, TableNameError};
pub use template::{Part, Template, TemplateError};
pub use topic::is_valid_topic;

//! Settings: file and environment in, read by one list of declarations; each edge's `Config` out.
//!
//! - `declared`: every setting, once: key, kind, default, meaning
//! - `source`: the file and the environment, each value with where it came from
//! - `value`, `units`, `nearest`: reading one value; what a wrong one is answered with
//! - `settings`: the layers on top of each other: default, file, environment
//! - `assemble`: typed settings of each edge, and the relations between them, checked once
//! - `sample`: a default or an example as the file writes it
//! - `show`: `postrider settings`, `--example`, `--json`, the README's table
//! - `error`: what can be wrong, with file, line and key

mod assemble;
mod declared;
mod error;
mod nearest;
mod sample;
mod settings;
mod show;
mod source;
mod units;
mod value;

pub use declared::{Absent, DECLARED, Kind, Setting};
pub use error::{Error, Origin};
pub use settings::Settings;
pub use show::{example, readme_table};
pub use source::Sources;

use crate::{
    kafka,
    observe::{HttpConfig, LogConfig},
    outbox, postgres, publisher,
};

/// All settings, parsed and checked; each part goes to its owner.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[postgres]`.
    pub postgres: postgres::Config,
    /// `[outbox]` and `[route]`.
    pub outbox: outbox::Config,
    /// `[kafka]`: what librdkafka needs.
    pub kafka: kafka::Config,
    /// The window and the stall timeout of `[kafka]`, and `[refused]`.
    pub publisher: publisher::Config,
    /// `[http]`.
    pub http: HttpConfig,
    /// `[log]`.
    pub log: LogConfig,
}

//! PostgreSQL: sockets and SQL.
//!
//! - [`ConnInfo`]: the connection string, for the stream and for SQL.
//! - [`password()`]: the places a password comes from.
//! - [`ReplicationConnection`], [`ReplicationStream`]: the WAL, by the replication protocol.
//! - [`SqlClient`]: one SQL connection; PostgreSQL's catalog and the slot's row are read through it.
//! - [`facts`]: what must be true before a stream starts, and which of it is not.
//! - [`lag`]: how far the slot is behind.
//! - [`setup`]: what `postrider init` creates.
//! - [`Error`]: what PostgreSQL or the way to it can answer, each with its remedy.

mod config;
mod connection;
mod conninfo;
mod error;
pub mod facts;
pub mod lag;
mod password;
mod quote;
pub mod setup;
mod socket;
mod sql;
pub mod sqlstate;
mod stream;
mod wire;

pub use config::Config;
pub use connection::{ReplicationConnection, SystemIdentity};
pub use conninfo::{ConnInfo, ConnInfoError, Endpoint, Keepalive, SessionTarget};
pub use error::{Context, Error};
pub use password::password;
pub use sql::SqlClient;
pub use stream::ReplicationStream;

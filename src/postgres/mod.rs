//! PostgreSQL: sockets and SQL.
//!
//! - [`ConnInfo`]: the connection string, for the stream and for SQL.
//! - [`password()`]: the places a password comes from.
//! - [`ReplicationConnection`], [`ReplicationStream`]: the WAL, by the replication protocol.
//! - [`SqlClient`]: one SQL connection; PostgreSQL's catalog and the slot's row are read through it.
//! - [`count`]: how many rows may lie in a range of the WAL.
//! - [`facts`]: what must be true before a stream starts, and which of it is not.
//! - [`lag`]: how far the slot is behind.
//! - [`setup`]: what `postrider init` creates.
//! - [`TlsError`]: why TLS is not spoken as the connection string asks.
//! - [`survey`]: what `postrider check` asks beyond the facts.
//! - [`Error`]: what PostgreSQL or the way to it can answer, each with its remedy.

mod channel;
mod codec;
mod config;
mod connection;
mod conninfo;
pub mod count;
mod error;
pub mod facts;
pub mod lag;
mod login;
mod password;
mod quote;
pub mod setup;
mod socket;
mod sql;
pub mod sqlstate;
mod stream;
pub mod survey;
mod tls;
mod wire;

pub use config::Config;
pub use connection::{ReplicationConnection, SystemIdentity};
pub use conninfo::{
    ChannelBinding, ConnInfo, ConnInfoError, Endpoint, Keepalive, Negotiation, Roots,
    SessionTarget, SslMode, TlsSettings, TlsVersion,
};
pub use error::{Context, Error};
pub use password::password;
pub use sql::SqlClient;
pub use stream::ReplicationStream;
pub use tls::TlsError;

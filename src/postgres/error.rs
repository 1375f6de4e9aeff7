//! Error: what PostgreSQL or the way to it can answer.
//!
//! A server's answer is told apart by its SQLSTATE. Its words are consulted only where one code
//! means several things, since they may be in any language; where that fails, the answer counts as
//! transient and [`super::facts`], read before the next session, names the cause.

mod answer;
mod fault;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf};

pub use answer::Context;

use super::{Endpoint, TlsError};

/// What went wrong at this edge. [`Error::fault`] says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The password file cannot be used.
    #[error("the password file {} cannot be used: {source}", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The server asks for a password and there is none.
    #[error("PostgreSQL at {endpoint} asks for a password for {user:?} and none is set")]
    PasswordMissing {
        /// The server.
        endpoint: Endpoint,
        /// The role.
        user: String,
    },
    /// No connection could be made.
    #[error("PostgreSQL at {endpoint} cannot be reached: {source}")]
    Unreachable {
        /// The server.
        endpoint: Endpoint,
        /// Why.
        source: io::Error,
    },
    /// A connection ended.
    #[error("the connection to PostgreSQL at {endpoint} ended: {reason}")]
    ConnectionLost {
        /// The server.
        endpoint: Endpoint,
        /// What was said last.
        reason: String,
    },
    /// The server starts or stops.
    #[error("PostgreSQL at {endpoint} accepts no connections now: {message}")]
    NotReady {
        /// The server.
        endpoint: Endpoint,
        /// The server's words.
        message: String,
    },
    /// All connections or walsenders are taken.
    #[error("PostgreSQL at {endpoint} has no connection left: {message}")]
    TooManyConnections {
        /// The server.
        endpoint: Endpoint,
        /// The server's words.
        message: String,
    },
    /// The server does not let the role in.
    #[error("PostgreSQL at {endpoint} does not let {user:?} into {database:?}: {message}")]
    Authentication {
        /// The server.
        endpoint: Endpoint,
        /// The role.
        user: String,
        /// The database.
        database: String,
        /// The server's words.
        message: String,
    },
    /// The server has no place for the role, or for this way of coming.
    #[error("PostgreSQL at {endpoint} does not admit {user:?} to {database:?}: {message}")]
    NotAdmitted {
        /// The server.
        endpoint: Endpoint,
        /// The role.
        user: String,
        /// The database.
        database: String,
        /// The server's words.
        message: String,
    },
    /// There is no TLS, or none that can be trusted.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The role may log in but not do what is needed.
    #[error("role {user:?} may not {doing}: {message}")]
    RightsMissing {
        /// The role.
        user: String,
        /// What was tried: verb, object.
        doing: String,
        /// The server's words.
        message: String,
    },
    /// The database does not exist.
    #[error("database {database:?} does not exist at {endpoint}")]
    DatabaseMissing {
        /// The server.
        endpoint: Endpoint,
        /// The database.
        database: String,
    },
    /// The WAL does not carry what logical decoding needs.
    #[error("wal_level of PostgreSQL at {endpoint} is {wal_level}, logical decoding needs logical")]
    NotLogical {
        /// The server.
        endpoint: Endpoint,
        /// The setting as it is.
        wal_level: String,
    },
    /// The server is a standby.
    #[error("PostgreSQL at {endpoint} is a standby; the slot is on the primary")]
    Standby {
        /// The server.
        endpoint: Endpoint,
    },
    /// The outbox table does not exist.
    #[error("table {table} does not exist in database {database:?}")]
    TableMissing {
        /// The table as written in SQL.
        table: String,
        /// The database.
        database: String,
    },
    /// The outbox table was in the publication and is gone.
    #[error("table {table} does not exist and publication {publication:?} is empty")]
    TableDropped {
        /// The table as written in SQL.
        table: String,
        /// The publication.
        publication: String,
    },
    /// The outbox table's schema does not exist.
    #[error("the schema of the outbox table does not exist in database {database:?}: {message}")]
    SchemaMissing {
        /// The database.
        database: String,
        /// The server's words.
        message: String,
    },
    /// What has the outbox table's name is no table.
    #[error("{table} is a {kind}, the outbox must be a table")]
    NotATable {
        /// The table as written in SQL.
        table: String,
        /// What it is.
        kind: &'static str,
    },
    /// The outbox table writes no WAL.
    #[error("table {table} is {persistence}, its rows never reach a slot")]
    NotPermanent {
        /// The table as written in SQL.
        table: String,
        /// `unlogged` or `temporary`.
        persistence: &'static str,
    },
    /// A partition of the outbox table writes no WAL.
    #[error("partition {leaf} of table {table} is {what}, its rows never reach a slot")]
    SilentLeaf {
        /// The outbox table as written in SQL.
        table: String,
        /// The partition as written in SQL.
        leaf: String,
        /// What it is: `unlogged`.
        what: String,
        /// The statement that mends it.
        remedy: String,
    },
    /// The server may still take a partition for the table that it was.
    #[error(
        "partition {leaf} was attached to table {table}, which PostgreSQL 14 may not notice while it streams"
    )]
    UnseenLeaf {
        /// The outbox table as written in SQL.
        table: String,
        /// The partition as written in SQL.
        leaf: String,
        /// The statement that makes it notice.
        remedy: String,
    },
    /// Rows of another table are rows of the outbox table for SQL, but not in the stream.
    #[error("table {child} inherits from {table}, its rows come under its own name and are lost")]
    Inherited {
        /// The outbox table as written in SQL.
        table: String,
        /// The table that inherits, as written in SQL.
        child: String,
    },
    /// The publication does not exist.
    #[error("publication {publication:?} does not exist")]
    PublicationMissing {
        /// The publication.
        publication: String,
    },
    /// The publication does not deliver every insert of the table.
    #[error("publication {publication:?} does not deliver the rows of {table}: {why}")]
    NotPublished {
        /// The publication.
        publication: String,
        /// The table as written in SQL.
        table: String,
        /// What is in the way.
        why: String,
        /// The statement that mends it.
        remedy: String,
    },
    /// The outbox table's rows appear under the name of the table that it is a partition of.
    #[error("publication {publication:?} delivers the rows of {table} as rows of {root}")]
    PublishedAsRoot {
        /// The publication.
        publication: String,
        /// The outbox table as written in SQL.
        table: String,
        /// The table under whose name they appear, as written in SQL.
        root: String,
    },
    /// Another process holds the slot.
    #[error("replication slot {slot:?} is in use{}", pid.map_or_else(String::new, |pid| format!(" by process {pid}")))]
    SlotBusy {
        /// The slot.
        slot: String,
        /// The server process, where it is known.
        pid: Option<i32>,
    },
    /// The slot is still being made: it waits for running transactions.
    #[error("replication slot {slot:?} is not ready; PostgreSQL has not finished creating it")]
    SlotNotReady {
        /// The slot.
        slot: String,
    },
    /// The slot does not exist.
    #[error("replication slot {slot:?} does not exist")]
    SlotMissing {
        /// The slot.
        slot: String,
    },
    /// The server gave the slot's WAL up.
    #[error("replication slot {slot:?} was invalidated: {reason}")]
    SlotInvalidated {
        /// The slot.
        slot: String,
        /// Why, in the server's words.
        reason: String,
    },
    /// The slot is of another kind.
    #[error("replication slot {slot:?} cannot be used: {why}")]
    SlotUnusable {
        /// The slot.
        slot: String,
        /// What is wrong with it.
        why: String,
    },
    /// The slot sends prepared transactions before they are committed.
    #[error("replication slot {slot:?} cannot be used: it decodes at PREPARE (two_phase = true)")]
    SlotTwoPhase {
        /// The slot.
        slot: String,
    },
    /// The slot is older than the publication has been there.
    #[error("replication slot {slot:?} exists but publication {publication:?} does not")]
    SlotWithoutPublication {
        /// The slot.
        slot: String,
        /// The publication.
        publication: String,
    },
    /// max_replication_slots is reached.
    #[error("PostgreSQL at {endpoint} has no replication slot left: {message}")]
    SlotsExhausted {
        /// The server.
        endpoint: Endpoint,
        /// The server's words.
        message: String,
    },
    /// Creating the slot waited too long for running transactions.
    #[error("replication slot {slot:?} could not be created while older transactions are open")]
    SlotCreationBlocked {
        /// The slot.
        slot: String,
    },
    /// Something listens there and speaks another protocol.
    #[error("what listens at {endpoint} does not answer as PostgreSQL does")]
    NotPostgres {
        /// Where.
        endpoint: Endpoint,
    },
    /// The stream has text that the server cannot write as UTF-8. Its words quote the text.
    #[error(
        "a row has text that PostgreSQL cannot convert from the encoding of database {database:?} to UTF-8"
    )]
    NotUtf8 {
        /// The database.
        database: String,
    },
    /// Any other answer of the server.
    #[error("PostgreSQL refused to {doing}: {message} (SQLSTATE {sqlstate})")]
    Server {
        /// What was tried: verb, object.
        doing: String,
        /// The server's code.
        sqlstate: String,
        /// The server's words.
        message: String,
    },
    /// Bytes or values that are not PostgreSQL's protocol.
    #[error("the server does not speak PostgreSQL's replication protocol: {0}")]
    Protocol(String),
}

//! The SQLSTATEs that Postrider tells apart, by PostgreSQL's own names.

/// A connection could not be kept: class 08.
pub const CONNECTION_EXCEPTION_CLASS: &str = "08";
/// What was sent is not the protocol.
pub const PROTOCOL_VIOLATION: &str = "08P01";
/// Bytes that are not of the encoding that the database has.
pub const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";
/// A character that the client's encoding lacks.
pub const UNTRANSLATABLE_CHARACTER: &str = "22P05";
/// The password is wrong.
pub const INVALID_PASSWORD: &str = "28P01";
/// The role does not exist, may not log in, or pg_hba.conf has no line for it.
pub const INVALID_AUTHORIZATION_SPECIFICATION: &str = "28000";
/// The database does not exist.
pub const INVALID_CATALOG_NAME: &str = "3D000";
/// The schema does not exist.
pub const INVALID_SCHEMA_NAME: &str = "3F000";
/// A right is missing.
pub const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// A slot or a publication does not exist.
pub const UNDEFINED_OBJECT: &str = "42704";
/// All connections, or all walsenders, are taken.
pub const TOO_MANY_CONNECTIONS: &str = "53300";
/// All replication slots are taken.
pub const CONFIGURATION_LIMIT_EXCEEDED: &str = "53400";
/// A slot was invalidated, is of another database, or wal_level is too low.
pub const OBJECT_NOT_IN_PREREQUISITE_STATE: &str = "55000";
/// Another process uses the slot.
pub const OBJECT_IN_USE: &str = "55006";
/// A lock could not be had in time.
pub const LOCK_NOT_AVAILABLE: &str = "55P03";
/// statement_timeout, or a person, ended the statement.
pub const QUERY_CANCELED: &str = "57014";
/// The server shuts down, or a person ended the connection.
pub const ADMIN_SHUTDOWN: &str = "57P01";
/// A server process crashed and takes all connections with it.
pub const CRASH_SHUTDOWN: &str = "57P02";
/// The server starts, stops or recovers.
pub const CANNOT_CONNECT_NOW: &str = "57P03";
/// The database was dropped under the connection.
pub const DATABASE_DROPPED: &str = "57P04";
/// A WAL segment that is needed is gone.
pub const UNDEFINED_FILE: &str = "58P01";

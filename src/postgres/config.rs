//! PostgreSQL's settings: `[postgres]`, parsed.

use std::path::PathBuf;

use super::conninfo::ConnInfo;

/// How to reach PostgreSQL, and through which slot and publication.
#[derive(Debug, Clone)]
pub struct Config {
    /// Host, port, user, database and connection options.
    pub conninfo: ConnInfo,
    /// A file that holds the password; read again at every connection.
    pub password_file: Option<PathBuf>,
    /// The logical replication slot.
    pub slot: String,
    /// The publication.
    pub publication: String,
}

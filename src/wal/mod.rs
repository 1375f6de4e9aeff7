//! The replication protocol: bytes from the walsender ⇄ meaning. Pure, and imports nothing of ours.

mod lsn;

pub use lsn::{Lsn, ParseLsnError};

//! pgoutput, protocol version 1: the messages inside XLogData.
//!
//! Layouts: PostgreSQL manual, "Logical Replication Message Formats". Version 1 never sends an
//! unfinished transaction and no two-phase messages, so their tags are unknown here: an error,
//! since nobody asked for them.

mod message;
mod relation;
mod tuple;

#[cfg(test)]
mod captured;
#[cfg(test)]
mod tests;

pub use message::{LogicalMessage, OldTuple, TruncateOptions};
pub use relation::{Column, Relation};
pub use tuple::{Tuple, Value, Values};

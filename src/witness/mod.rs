//! The witness: what a publisher writes to Kafka before it confirms a position to PostgreSQL. Pure.
//!
//! A slot alone cannot say that somebody else moved it, and a row that was written while the table
//! was not in the publication will never come through it. So before each confirmation a [`Witness`]
//! goes to a compacted topic: which cluster, which timeline, how far, and what the catalog looked
//! like when it was last seen good. At the start of a session [`compare`] holds it against what is
//! there, and names the [`Gap`] in which events may be missing.
//!
//! A witness never decides where to resume: the slot does.

mod gap;
mod highest;
mod look;
mod record;
mod verdict;
#[cfg(test)]
mod verdict_tests;

pub use gap::{Cause, Gap};
pub use highest::{Highest, highest};
pub use look::{Identity, Look};
pub use record::{Subject, Witness};
pub use verdict::{Here, TimelineEnd, compare};

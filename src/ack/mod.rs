//! Which LSN may be confirmed, and when to say so. Pure; the heart of the program.
//!
//! ```text
//!  Begin ──► begin()                    confirmed() ──► WitnessGate ──► FeedbackSchedule ──► status update
//!  row   ──► publish() ──► Ticket ─ ─ Kafka ─ ─►  acknowledge(Ticket)
//!  Commit ─► commit(end)                               ▲ only a drained prefix of transactions moves it
//! ```
//!
//! | # | invariant | kept by |
//! | --- | --- | --- |
//! | A1 prefix | `confirmed` never reaches the end of a transaction that has an unacknowledged row, or any later one | property, order of the queue |
//! | A2 monotone | `confirmed` never goes back | assertion, property |
//! | A3 boundary | `confirmed` is the start position, a commit's end, or a keepalive's end seen while nothing was open or in flight | property |
//! | A4 once | each row is acknowledged at most once | type: a [`Ticket`] is consumed and cannot be copied |
//! | A5 only acks advance | no failure, timeout, drop or shutdown moves `confirmed` | type: there is no nack, and only the tracker makes a [`ConfirmedLsn`] |
//! | A6 progress | when all is acknowledged, `confirmed` is the last end seen | property |
//! | A7 bounded | `confirmed` ≤ the larger of the start position and the highest LSN received | assertion, property |
//! | A8 witnessed | where a witness is kept, what the server is told never passes what Kafka acknowledged a witness of | assertion, property |

mod feedback;
mod tracker;
#[cfg(test)]
mod tracker_properties;
mod witness;

pub use feedback::{FeedbackSchedule, FeedbackTiming, StatusUpdate};
pub use tracker::{AckTracker, ConfirmedLsn, Ticket};
pub use witness::WitnessGate;

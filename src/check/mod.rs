//! Check: the preflight behind `postrider check`. The edges read, this layer judges.
//!
//! ```text
//! PostgreSQL ──facts, survey, clock──▶ server, limits, session, table, publication, rights ─┐
//! Kafka ──────cluster, topics────────▶ cluster, topic ──────────────────────────────────────┴▶ Report
//! ```
//!
//! - [`examine`] asks both servers, whatever the other one says, and gives a [`Report`].
//! - Each other file judges: facts in, lines out, nothing asked. They are tested by tables of facts,
//!   since not every state can be brought about in a real server.
//! - A [`Line`] has a name that stays the same, for programs, and a sentence for people; what is
//!   not ok has a hint.

mod cluster;
mod examine;
mod limits;
mod payload;
mod publication;
mod report;
mod rights;
mod routes;
mod server;
mod session;
mod standby_names;
mod table;
mod topic;
mod witness;
mod words;

pub use examine::{Subject, examine};
pub use report::{Area, Line, Report, State};

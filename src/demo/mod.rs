//! The demo: the whole story on this machine, in about a minute.
//!
//! A throw-away PostgreSQL, a Kafka inside this process (or a real one), a shop that commits orders
//! with their outbox rows, a publisher that is killed again and again, and a points service that
//! grants each order once. At the end everything is read back and counted.
//!
//! ```text
//! story ─► shop ─► PostgreSQL ─► postrider run (a child) ─► Kafka ─► points ─► PostgreSQL
//!   └────► audit: orders and outbox on one side, the whole topic on the other
//! ```
//!
//! The publisher is the built binary, run as anybody runs it: nothing here knows its inside.

mod audit;
mod broker;
mod cast;
mod closing;
mod error;
mod janitor;
mod place;
mod points;
mod publisher;
mod server;
mod shop;
mod story;
mod teller;

use std::{path::PathBuf, time::Duration};

pub use error::Error;
pub use story::{Ending, run};

/// What a person may choose.
#[derive(Debug, Clone)]
pub struct Config {
    /// A real Kafka, `host:port`; `None` is librdkafka's mock cluster inside this process.
    pub kafka: Option<String>,
    /// The folder of PostgreSQL's server programs; `None` is wherever they are found.
    pub postgres_bin: Option<PathBuf>,
    /// How long the shop is open.
    pub open: Duration,
}

//! Kafka, through librdkafka: records go in, acknowledgements come back.
//!
//! ```text
//!  Record ─► Producer::offer ─► Topics (does it exist? how many partitions?)
//!                  │               └► Gate (a cold partition takes one record alone)
//!                  └► librdkafka: batches, retries, idempotence
//!  Delivery ◄─ Producer::next_delivery ◄─ delivery callback, served by Producer::serve
//! ```
//!
//! [`witnesses`] reads and makes the topic that remembers what was confirmed. [`inspect`] asks a cluster about itself for `postrider check`; no record goes that way.
//!
//! This edge has never heard of the replication stream: it carries a [`crate::ack::Ticket`] from
//! the sending to the acknowledgement and gives it back.

mod certificate;
mod client;
mod complaint;
mod config;
mod credentials;
mod error;
mod flights;
mod gate;
pub mod inspect;
mod known;
mod lookup;
mod murmur2;
pub mod options;
mod producer;
mod refusal;
mod reports;
mod security;
mod shut_out;
mod topics;
pub mod witnesses;

pub use config::{Config, NewTopics, WitnessTopic};
pub use error::Error;
pub use options::{OptionError, OptionValue};
pub use producer::{Delivery, FlightId, Offer, Producer};
pub use refusal::{Outcome, Refusal};
pub use topics::TopicId;
#[cfg(test)]
pub(crate) use {
    flights::{Flight, Flights},
    gate::Gate,
    murmur2::partition_of,
};

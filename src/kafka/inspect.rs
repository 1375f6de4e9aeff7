//! Inspect: what `postrider check` asks Kafka: who answers, which topics there are, how they keep.
//!
//! Everything here waits for brokers: call it where waiting harms nobody.

mod inspector;
mod observer;

use std::collections::BTreeMap;

pub use inspector::Inspector;

use super::{Error, Refusal};
use crate::fault::{Fault, FaultKind};

/// Nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// No client could be made.
    #[error(transparent)]
    Client(#[from] Error),
    /// A broker does not let us in, or does not show who it is.
    #[error("{0}")]
    ShutOut(Fault),
    /// No broker answers.
    #[error("Kafka at {brokers} cannot be reached: {reason}")]
    Unreachable {
        /// `[kafka] brokers`.
        brokers: String,
        /// The last reason that librdkafka gave.
        reason: String,
    },
}

impl InspectError {
    /// What a person needs to hear.
    pub fn fault(&self) -> Fault {
        match self {
            InspectError::Client(error) => error.fault(),
            InspectError::ShutOut(fault) => fault.clone(),
            InspectError::Unreachable { .. } => Fault::new(
                FaultKind::Kafka,
                self.to_string(),
                "check [kafka] brokers, that a broker listens there, and security.protocol and the \
                 credentials in [kafka] options",
            ),
        }
    }
}

/// The cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cluster {
    /// Its identity, where the brokers tell it.
    pub id: Option<String>,
    /// Its brokers, by number.
    pub brokers: Vec<Broker>,
    /// The highest version of the Produce request that a broker knows: the one trace of the
    /// brokers' version that reaches a client.
    pub produce_version: Option<i16>,
    /// The version of librdkafka in this program.
    pub library: String,
    /// The settings of one broker; empty when we may not read them.
    pub defaults: BTreeMap<String, String>,
    /// How we speak to it.
    pub security: Security,
}

/// One broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// The host that it tells clients.
    pub host: String,
    /// The port that it tells clients.
    pub port: i32,
    /// Whether the way to it stays on this machine.
    pub is_local: bool,
}

/// What protects the way to the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Security {
    /// Whether it is encrypted.
    pub tls: bool,
    /// Whether the brokers' certificates are verified.
    pub verifies_certificates: bool,
    /// Whether the host's name in them is verified.
    pub verifies_hosts: bool,
}

impl Default for Security {
    fn default() -> Security {
        Security { tls: false, verifies_certificates: true, verifies_hosts: true }
    }
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// What the brokers say of it.
    pub presence: Presence,
    /// Its settings, the brokers' defaults included; empty when we may not read them.
    pub settings: BTreeMap<String, String>,
}

/// What the brokers say of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It exists.
    Exists(Layout),
    /// It does not exist.
    Missing,
    /// It cannot be written to, whatever we do.
    Refused(Refusal),
    /// Nobody could say.
    NotKnown(String),
}

/// How a topic is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Partitions.
    pub partitions: usize,
    /// Replicas of the partition that has the fewest.
    pub replicas: usize,
    /// Replicas in sync of the partition that has the fewest.
    pub in_sync: usize,
    /// Partitions without a leader, which take no record now.
    pub leaderless: usize,
}

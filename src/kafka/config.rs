//! Kafka's settings: `[kafka]`, parsed.

use std::{collections::BTreeMap, path::PathBuf};

/// How to reach Kafka and what to tell librdkafka.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `host:port`, comma separated.
    pub brokers: String,
    /// librdkafka settings as given. Values may be secrets: whoever prints this asks
    /// `options::is_secret` first.
    pub options: BTreeMap<String, super::OptionValue>,
    /// librdkafka settings whose values are read from files at each start of a producer.
    pub options_files: BTreeMap<String, PathBuf>,
    /// How to create a missing topic; `None` is never.
    pub create_topics: Option<NewTopics>,
    /// Events between the oldest unacknowledged one and the newest sent, at most.
    pub window: u32,
}

/// The shape of topics that Postrider creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewTopics {
    /// Partitions; -1 is the broker's default.
    pub partitions: i32,
    /// Replicas; -1 is the broker's default.
    pub replicas: i32,
}

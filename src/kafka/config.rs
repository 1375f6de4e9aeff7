//! Kafka's settings: `[kafka]`, parsed.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    Error,
    client::{client_config, creation_error, known_names},
    security,
};
use crate::fault::Fault;

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
    /// Where witnesses go; `None` keeps none.
    pub witness: Option<WitnessTopic>,
}

/// librdkafka's default for `batch.size`, in bytes.
const BATCH_SIZE: u32 = 1_000_000;

/// Batches are not made smaller than this: below it every record is nearly alone anyway.
const SMALLEST_BATCH: u32 = 16_384;

impl Config {
    /// Looks at the options and their files, without asking a broker.
    ///
    /// # Errors
    /// When librdkafka does not know an option or does not accept its value, when a file cannot be
    /// used, or when options of TLS and SASL are missing or contradict each other.
    pub fn verify(&self) -> Result<(), Error> {
        known_names(self)?;
        client_config(self)?.create_native_config().map(drop).map_err(creation_error)
    }

    /// Options that are allowed and weaken TLS: each a sentence and what to do instead.
    pub fn warnings(&self) -> Vec<Fault> {
        security::warnings(self)
    }

    /// Lets the next producer make batches of half the size; how many bytes that is.
    pub fn halve_batches(&mut self) -> u32 {
        let name = "batch.size";
        let now = self.options.get(name).and_then(|value| value.expose().parse().ok());
        let half =
            (now.unwrap_or(BATCH_SIZE) / 2).max(SMALLEST_BATCH.min(now.unwrap_or(BATCH_SIZE)));
        self.options.insert(name.to_owned(), super::OptionValue::new(half.to_string()));
        half
    }
}

/// The topic of the witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessTopic {
    /// Its name.
    pub name: String,
    /// Replicas when it is created; -1 is the broker's default.
    pub replicas: i32,
}

/// The shape of topics that Postrider creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewTopics {
    /// Partitions; -1 is the broker's default.
    pub partitions: i32,
    /// Replicas; -1 is the broker's default.
    pub replicas: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_halved_down_to_a_floor_and_never_enlarged() {
        let size = |config: &Config| config.options["batch.size"].expose().to_owned();
        let mut config = Config::default();
        let sizes: Vec<_> = (0..8)
            .map(|_| {
                config.halve_batches();
                size(&config)
            })
            .collect();
        assert_eq!(sizes[..2], ["500000", "250000"]);
        assert_eq!(sizes[6..], ["16384", "16384"]);
        config.options.insert("batch.size".into(), crate::kafka::OptionValue::new("100".into()));
        config.halve_batches();
        assert_eq!(size(&config), "100");
    }
}

//! What can go wrong when a producer is made.

use std::path::PathBuf;

use crate::fault::{Fault, FaultKind};

/// A producer could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka does not know the option, or does not accept its value.
    #[error("librdkafka does not accept the option {name:?} in [kafka] options: {reason}")]
    Option {
        /// The option.
        name: String,
        /// librdkafka's own words; never the value.
        reason: String,
    },
    /// The options contradict each other or what the guarantee needs.
    #[error("librdkafka cannot make a producer of these [kafka] options: {0}")]
    Options(String),
    /// A file of `[kafka] options_files` cannot be read.
    #[error("the file {} of [kafka] options_files {name:?} cannot be read: {source}", path.display())]
    File {
        /// The option.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// What a person needs to hear.
    pub fn fault(&self) -> Fault {
        let hint = match self {
            Error::Option { .. } => "correct or remove it; librdkafka's CONFIGURATION.md lists all",
            Error::Options(_) => "remove options until it starts; most need none",
            Error::File { .. } => "correct the path, or let our user read the file",
        };
        Fault::new(FaultKind::Settings, self.to_string(), hint)
    }
}

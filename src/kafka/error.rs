//! What can go wrong when a producer is made.

use std::path::PathBuf;

use crate::fault::{Fault, FaultKind};

/// A producer could not be made. No value of an option is ever told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka does not know the option.
    #[error("librdkafka knows no option {name:?}, which [kafka] options or options_files has")]
    Unknown {
        /// The option.
        name: String,
        /// The most similar one.
        nearest: Option<&'static str>,
    },
    /// What would go wrong at the first connection.
    #[error("[kafka] options: {problem}")]
    Security {
        /// What is missing or wrong.
        problem: String,
        /// What to write.
        hint: String,
    },
    /// librdkafka does not accept the option's value.
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
    #[error("the file {} of {name:?} in [kafka] options or options_files {problem}", path.display())]
    File {
        /// The option.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why not, to follow the file's name.
        problem: String,
    },
}

impl Error {
    /// What a person needs to hear.
    pub fn fault(&self) -> Fault {
        let hint = match self {
            Error::Unknown { nearest: Some(nearest), .. } => {
                return self.settings(format!(
                    "did you mean {nearest}? librdkafka's CONFIGURATION.md lists all"
                ));
            }
            Error::Unknown { nearest: None, .. } => {
                "remove it; librdkafka's CONFIGURATION.md lists all"
            }
            Error::Security { hint, .. } => hint,
            Error::Option { .. } => "correct or remove it; librdkafka's CONFIGURATION.md lists all",
            Error::Options(_) => "remove options until it starts; most need none",
            Error::File { .. } => "correct the path, fill the file, or let our user read it",
        };
        self.settings(hint)
    }

    fn settings(&self, hint: impl Into<String>) -> Fault {
        Fault::new(FaultKind::Settings, self.to_string(), hint)
    }
}

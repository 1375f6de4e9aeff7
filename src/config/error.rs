//! What can be wrong with settings, told with file, line and key.

use std::fmt;

use crate::fault::{Fault, FaultKind};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the settings file, from 1.
    File {
        /// The file, as it was named.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{path}:{line}"),
            Origin::Environment { name } => write!(f, "environment {name}"),
        }
    }
}

impl Origin {
    /// The beginning of a sentence about a value from here.
    fn lead(&self) -> String {
        match self {
            Origin::Default => String::new(),
            Origin::File { path, line } => format!("{path} line {line}: "),
            Origin::Environment { name } => format!("{name}: "),
        }
    }
}

/// Settings that cannot be used. None of them holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither a file nor a variable: most likely a first start.
    #[error("there is no postrider.toml here and no POSTRIDER_ variable is set")]
    NothingSet,
    /// The file cannot be read.
    #[error("settings file {path} cannot be read: {why}")]
    Unreadable {
        /// The file, as it was named.
        path: String,
        /// The system's words.
        why: String,
    },
    /// The file is not TOML.
    #[error("{path} line {line} is not valid TOML: {why}")]
    NotToml {
        /// The file, as it was named.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What the parser missed.
        why: String,
    },
    /// A key that is no setting.
    #[error("{}unknown setting {key}", origin.lead())]
    UnknownKey {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: String,
        /// The most similar setting or section.
        nearest: Option<&'static str>,
    },
    /// A variable that is no setting.
    #[error(
        "unknown environment variable {name}: variables that begin with POSTRIDER_ are settings"
    )]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The most similar variable.
        nearest: Option<String>,
    },
    /// A required setting that nobody set.
    #[error("{key} is not set")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value that cannot be.
    #[error("{}{key} {problem}", origin.lead())]
    Wrong {
        /// Where it came from.
        origin: Origin,
        /// The key.
        key: String,
        /// The rest of the sentence that begins with the key.
        problem: String,
        /// What to write instead.
        hint: String,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> String {
        const ALL: &str = "`postrider settings --example` shows every setting";
        match self {
            Error::NothingSet => "`postrider settings --example > postrider.toml` writes a \
                                  commented file to start from; --config names one elsewhere"
                .to_owned(),
            Error::Unreadable { .. } => {
                "name a readable file with --config or POSTRIDER_CONFIG".to_owned()
            }
            Error::NotToml { line, .. } => {
                format!("correct line {line}; {ALL} in the right form")
            }
            Error::UnknownKey { nearest: Some(nearest), .. } => {
                format!("did you mean {nearest}? {ALL}")
            }
            Error::UnknownVariable { nearest: Some(nearest), .. } => {
                format!("did you mean {nearest}? Two underscores part section and name")
            }
            Error::UnknownKey { nearest: None, .. } => ALL.to_owned(),
            Error::UnknownVariable { nearest: None, .. } => format!("unset it; {ALL}"),
            Error::Missing { key } => missing_hint(key),
            Error::Wrong { hint, .. } => hint.clone(),
        }
    }
}

fn missing_hint(key: &str) -> String {
    match super::declared::find(key) {
        Some(setting) => format!(
            "write {} under [{}] in postrider.toml, or set {}",
            setting.name(),
            setting.section(),
            setting.variable()
        ),
        None => String::new(),
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::new(FaultKind::Settings, error.to_string(), error.hint())
    }
}

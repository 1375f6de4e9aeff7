//! What can keep the story from being told.

use std::{io, path::PathBuf};

use crate::fault::{Fault, FaultKind};

/// The demo could not go on. That a count is wrong is no error: it is the answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no PostgreSQL to start.
    #[error("PostgreSQL's server programs (14 or newer) are not on this machine")]
    NoServer,
    /// Root may not run PostgreSQL, and there is nobody else to run it as.
    #[error("root cannot run PostgreSQL, and there is no user postgres or nobody to run it as")]
    NobodyElse,
    /// The path of a unix socket has about a hundred characters at most.
    #[error("the path {} is too long for a unix socket in it", .0.display())]
    LongPath(PathBuf),
    /// A path that cannot stand in a connection string and in PostgreSQL's settings.
    #[error("the folder for temporary files, {}, cannot be used: its path is not plain", .0.display())]
    OddPath(PathBuf),
    /// A file or a process could not be made.
    #[error("cannot {doing}: {source}")]
    Machine {
        /// What was tried, verb first.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// A program that the demo started did not do its work.
    #[error("{program} failed: {said}")]
    Program {
        /// Which.
        program: &'static str,
        /// The last it said.
        said: String,
    },
    /// The throw-away PostgreSQL answered with an error.
    #[error("the demo's PostgreSQL refused to {doing}: {reason}")]
    Postgres {
        /// What was tried, verb first.
        doing: &'static str,
        /// Its words.
        reason: String,
    },
    /// The Kafka that was named does not do what is needed.
    #[error("Kafka at {brokers} cannot {doing}: {reason}")]
    Kafka {
        /// Where.
        brokers: String,
        /// What was tried, verb first.
        doing: &'static str,
        /// Its words, or librdkafka's.
        reason: String,
    },
    /// Something that should happen did not.
    #[error("after {seconds} s this had not come true: {what}")]
    Late {
        /// What was waited for.
        what: &'static str,
        /// How long.
        seconds: u64,
    },
}

impl Error {
    /// What a person needs to hear.
    pub fn fault(&self) -> Fault {
        let (kind, hint) = match self {
            Error::NoServer => (
                FaultKind::Settings,
                "install them (apt-get install postgresql), or name their folder with \
                 --postgres-bin; `make demo` does it where it may",
            ),
            Error::NobodyElse => (FaultKind::Settings, "add one: useradd --system postgres"),
            Error::LongPath(_) | Error::OddPath(_) => {
                (FaultKind::Settings, "run it with another one: TMPDIR=/tmp postrider demo")
            }
            Error::Machine { .. } => (
                FaultKind::Settings,
                "check room and rights in the folder for temporary files (TMPDIR)",
            ),
            Error::Program { program: "initdb" | "postgres", .. } => (
                FaultKind::Settings,
                "check room and rights in TMPDIR, which the user that runs PostgreSQL must reach",
            ),
            Error::Program { .. } | Error::Postgres { .. } => {
                (FaultKind::Bug, "please report it with these lines; nothing was left behind")
            }
            Error::Kafka { .. } => (
                FaultKind::Kafka,
                "check --kafka and that the broker lets us create topics; without --kafka the \
                 demo brings its own",
            ),
            Error::Late { .. } => {
                (FaultKind::Postgres, "try again while the machine is less busy, or report it")
            }
        };
        Fault::new(kind, self.to_string(), hint)
    }
}

/// An I/O error with what was tried.
pub(super) fn machine(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let doing = doing.into();
    move |source| Error::Machine { doing, source }
}

/// An SQL error with what was tried; the server's own words where there are some.
pub(super) fn postgres(doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Error {
    move |error| {
        let words = error.as_db_error().map(|answer| answer.message().to_owned());
        Error::Postgres { doing, reason: words.unwrap_or_else(|| error.to_string()) }
    }
}

//! Ended: why a session came to its end.

use std::fmt;

use crate::{
    fault::{Fault, FaultKind},
    kafka::Refusal,
    outbox::Position,
    postgres,
    witness::Gap,
};

/// Why a session ended. None of these moves the confirmed position (A5).
#[derive(Debug)]
pub(crate) enum Ended {
    /// As asked.
    Stopped,
    /// PostgreSQL or the way to it.
    Postgres(postgres::Error),
    /// Kafka refused a batch of several; they have to be sent alone to find the cause.
    BatchRefused(Refusal),
    /// A person has to do something about this event, or about the stream. Everything before the
    /// event is acknowledged.
    Held(Fault, Option<Position>),
    /// The witness and what was read before it do not fit together: another look decides.
    Suspicious,
    /// Events may be missing, and which is known.
    Gap(Gap),
    /// The producer cannot go on without a gap.
    ProducerBroken(String),
    /// Kafka does not let us in, and a password, key or certificate has changed in its file.
    NewCredentials,
    /// Kafka acknowledges nothing.
    Stalled(Fault),
}

impl Ended {
    /// Whether a last status update may still be sent: not when the connection is gone, and not when
    /// the catalog says that rows are missing from the stream, which a keepalive passes over.
    pub(crate) fn may_confirm(&self) -> bool {
        match self {
            Ended::Postgres(_) | Ended::Suspicious | Ended::Gap(_) => false,
            Ended::Held(fault, _) => {
                !matches!(fault.kind, FaultKind::Publication | FaultKind::Slot)
            }
            _ => true,
        }
    }

    /// As a fault, to be shown and counted; `None` when it ended as asked.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self {
            Ended::Stopped => None,
            Ended::Postgres(error) => Some(error.fault()),
            Ended::Held(fault, _) | Ended::Stalled(fault) => Some(fault.clone()),
            Ended::BatchRefused(refusal) => Some(Fault::new(
                FaultKind::Refused,
                format!(
                    "Kafka refused a batch ({}); its events are sent alone now",
                    refusal.label()
                ),
                "nothing; if one of them is refused alone, it will be named",
            )),
            Ended::Suspicious => Some(Fault::new(
                FaultKind::Gap,
                "events may be missing: the slot or the catalog is not as it was left",
                "nothing yet; it is looked at again at once",
            )),
            Ended::Gap(gap) => Some(gap.fault("its rows were not counted")),
            Ended::NewCredentials => Some(Fault::new(
                FaultKind::Kafka,
                "Kafka did not let us in, and a file with a password, key or certificate has changed",
                "nothing; a new producer reads it and begins at the last confirmed position",
            )),
            Ended::ProducerBroken(reason) => Some(Fault::new(
                FaultKind::Kafka,
                format!("Kafka's producer cannot go on: {reason}"),
                "nothing; a new one begins at the last confirmed position",
            )),
        }
    }
}

impl From<postgres::Error> for Ended {
    fn from(error: postgres::Error) -> Ended {
        Ended::Postgres(error)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault() {
            Some(fault) => fault.fmt(f),
            None => f.write_str("stopped as asked"),
        }
    }
}

//! Fault: why work stopped, told the way a person needs to hear it.

use std::fmt;

/// What kind of trouble it is. Decides the exit code, whether waiting alone can help, and the
/// label of the metric `postrider_fault{kind}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A setting, or the server's own configuration, is wrong.
    Settings,
    /// The role or the credentials do not allow what is needed.
    Rights,
    /// PostgreSQL cannot be reached or ended the connection.
    Postgres,
    /// Another process holds the replication slot.
    SlotBusy,
    /// Kafka cannot be reached or acknowledges nothing.
    Kafka,
    /// The slot is gone, invalidated or not ours: rows may be missing from here on.
    Slot,
    /// The publication does not, or no longer, deliver the outbox table's inserts.
    Publication,
    /// Events of a known range of the WAL may be missing, and a person has to decide.
    Gap,
    /// An outbox row cannot become a record.
    Unroutable,
    /// The server sent what is not the replication protocol.
    Protocol,
    /// Kafka refused a record for good.
    Refused,
    /// An invariant of Postrider failed.
    Bug,
}

impl FaultKind {
    /// Every kind, in the order the metric lists them.
    pub const ALL: [FaultKind; 12] = [
        FaultKind::Settings,
        FaultKind::Rights,
        FaultKind::Postgres,
        FaultKind::SlotBusy,
        FaultKind::Kafka,
        FaultKind::Slot,
        FaultKind::Publication,
        FaultKind::Gap,
        FaultKind::Unroutable,
        FaultKind::Protocol,
        FaultKind::Refused,
        FaultKind::Bug,
    ];

    /// The metric's label and the `kind` field of log lines.
    pub fn label(self) -> &'static str {
        match self {
            FaultKind::Settings => "settings",
            FaultKind::Rights => "rights",
            FaultKind::Postgres => "postgres",
            FaultKind::SlotBusy => "slot_busy",
            FaultKind::Kafka => "kafka",
            FaultKind::Slot => "slot",
            FaultKind::Publication => "publication",
            FaultKind::Gap => "gap",
            FaultKind::Unroutable => "unroutable",
            FaultKind::Protocol => "protocol",
            FaultKind::Refused => "refused",
            FaultKind::Bug => "bug",
        }
    }

    /// The process's exit code when this fault ends it.
    pub fn exit_code(self) -> u8 {
        match self {
            FaultKind::Settings => 78,
            FaultKind::Rights => 77,
            FaultKind::Postgres | FaultKind::SlotBusy | FaultKind::Kafka => 69,
            FaultKind::Slot
            | FaultKind::Publication
            | FaultKind::Gap
            | FaultKind::Unroutable
            | FaultKind::Protocol => 76,
            FaultKind::Refused => 79,
            FaultKind::Bug => 70,
        }
    }

    /// Whether time alone may cure it: a restart, a failover, a lock that is let go.
    ///
    /// Transient faults are retried for ever and are not errors in the log.
    pub fn is_transient(self) -> bool {
        matches!(self, FaultKind::Postgres | FaultKind::SlotBusy | FaultKind::Kafka)
    }
}

/// One fault: a sentence that says what is wrong and a hint that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind it is.
    pub kind: FaultKind,
    /// One sentence: what is wrong, with the names involved. Never a secret, never a payload.
    pub sentence: String,
    /// What to do: the command, the setting or the place to look.
    pub hint: String,
}

impl Fault {
    /// A fault of `kind`.
    pub fn new(kind: FaultKind, sentence: impl Into<String>, hint: impl Into<String>) -> Fault {
        Fault { kind, sentence: sentence.into(), hint: hint.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Fault {}

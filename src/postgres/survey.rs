//! Survey: what `postrider check` asks of a server beyond the facts that a stream starts on.
//!
//! Read once, when a person asks; judged by the layer that asks. A role with LOGIN and REPLICATION
//! alone can read all of it, but for the outbox's own rows.

mod read;

use std::{collections::BTreeMap, time::Duration};

pub use read::{clock, survey, values};

/// Everything that was read, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Settings of the server by name; those that its version does not have are absent.
    pub settings: BTreeMap<String, Setting>,
    /// Slots and walsenders in use.
    pub load: Load,
    /// This very connection, as we see it: the server would see a proxy's.
    pub session: Session,
    /// The role that we log in as.
    pub role: Role,
    /// Who reads the slot, and whether it survives a failover; `None` without a slot.
    pub reader: Option<Reader>,
    /// What the outbox table does with inserts; empty without a table.
    pub shape: Shape,
}

/// One setting in its base unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting {
    /// The value as pg_settings has it.
    pub value: String,
    /// `ms`, `s`, `min`, `MB`, …; `None` for a plain number or text.
    pub unit: Option<String>,
}

/// How much of what the server has few of is in use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Load {
    /// Replication slots, ours included.
    pub slots: i64,
    /// Walsenders, ours included.
    pub walsenders: i64,
    /// Physical slots that outlive their session: a standby's, as a rule.
    pub physical_slots: i64,
    /// Walsenders that stream and read no logical slot, where we may see what they do.
    pub standbys: i64,
    /// Walsenders that read no logical slot, do what we may not see and have not our name.
    pub unseen: i64,
}

/// The connection that the survey came through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// The protocol, such as `TLSv1.3`; `None` when it is not encrypted.
    pub tls: Option<&'static str>,
    /// Whether the server has shown a certificate that we trust for its name.
    pub is_verified: bool,
    /// How it gets to the server.
    pub way: Way,
}

/// How a connection leaves us, whatever passes it on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Way {
    /// By a unix socket.
    #[default]
    Socket,
    /// By TCP that does not leave the machine.
    Loopback,
    /// By a network, to this host.
    Network(String),
}

/// What our role may do beyond what `run` needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Role {
    /// SUPERUSER.
    pub superuser: bool,
    /// CREATEROLE, CREATEDB, BYPASSRLS: those that it has.
    pub attributes: Vec<String>,
    /// The server's own roles that it belongs to and that read, write or run what is not theirs.
    pub member_of: Vec<String>,
    /// Whether it owns the outbox table.
    pub owns_table: bool,
}

/// The slot's reader, and what a failover does to the slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reader {
    /// The reader's application name, where we may see it.
    pub application: Option<String>,
    /// Whether the slot is kept on standbys; `None` before PostgreSQL 17.
    pub failover: Option<bool>,
}

/// What the catalog says of the table beyond its columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// The columns of each unique index that covers all rows.
    pub unique: Vec<Vec<String>>,
    /// Whether the table has a primary key, of whatever columns.
    pub has_primary_key: bool,
    /// CHECK constraints as pg_get_constraintdef writes them.
    pub checks: Vec<String>,
    /// Characters that the payload column's type allows; `None` without a limit.
    pub payload_characters: Option<i32>,
    /// Rules that do something else instead of an insert.
    pub instead_rules: Vec<String>,
    /// Triggers that run before each inserted row.
    pub before_triggers: Vec<String>,
    /// Generated columns that do not come through the publication.
    pub silent_generated: Vec<String>,
}

/// The server's clock against ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// How far the server is ahead, in microseconds; negative when it is behind.
    pub ahead_micros: i64,
    /// How wrong that may be: half of the question's round trip.
    pub uncertainty: Duration,
}

impl Survey {
    /// A setting's number; `None` when the server does not have it.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.settings.get(name)?.value.parse().ok()
    }

    /// A setting's text; `None` when the server does not have it.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|setting| setting.value.as_str())
    }

    /// A setting that is a time; `None` when the server does not have it, or it is negative.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        let count = u64::try_from(self.number(name)?).ok()?;
        Some(match self.settings.get(name)?.unit.as_deref() {
            Some("ms") => Duration::from_millis(count),
            Some("min") => Duration::from_secs(count * 60),
            _ => Duration::from_secs(count),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_unit_that_the_server_names() {
        let mut survey = Survey::default();
        for (unit, seconds) in [(Some("ms"), 2), (Some("s"), 2000), (Some("min"), 120_000)] {
            let setting = Setting { value: "2000".into(), unit: unit.map(str::to_owned) };
            survey.settings.insert("x".into(), setting);
            assert_eq!(survey.duration("x"), Some(Duration::from_secs(seconds)), "{unit:?}");
        }
        assert_eq!(survey.duration("y"), None);
        assert_eq!(survey.number("x"), Some(2000));
        assert_eq!(survey.text("x"), Some("2000"));
    }
}

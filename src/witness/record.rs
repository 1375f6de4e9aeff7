//! Witness: the record, its key and its JSON.

use serde::{Deserialize, Serialize};

use super::look::Look;
use crate::wal::Lsn;

/// What a witness is about: one slot of one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The database.
    pub database: String,
    /// The slot.
    pub slot: String,
}

/// What is known when a position is about to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The slot.
    #[serde(flatten)]
    pub subject: Subject,
    /// The cluster's identifier. As text: it does not fit into a number of JSON.
    #[serde(with = "text")]
    pub system_identifier: u64,
    /// The timeline that the position is on.
    pub timeline: u32,
    /// Grows with each session and with each gap that a person accepted. Only one session has the
    /// slot at a time, so the highest is the latest, whatever an older one still writes.
    pub epoch: u64,
    /// The position that will be confirmed. Invariant: the slot is never told a higher one before
    /// this record is acknowledged.
    #[serde(with = "text")]
    pub confirmed: Lsn,
    /// The catalog when it was last seen good.
    pub seen: Look,
    /// What was wrong with it when it was looked at since. It may be mended without a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoiled: Option<String>,
}

impl Subject {
    /// The record's key for the session `run`. A run of its own per session: a publisher that was
    /// frozen and thaws must not write over what its successor wrote.
    pub fn key(&self, run: &str) -> String {
        // A slot's name has no slash; a database's may, so it comes last.
        format!("{}/{run}/{}", self.slot, self.database)
    }

    /// Whether a record with this key is about it.
    pub fn has_key(&self, key: &str) -> bool {
        let mut parts = key.splitn(3, '/');
        parts.next() == Some(&self.slot)
            && parts.next().is_some()
            && parts.next() == Some(&self.database)
    }
}

impl Witness {
    /// The record's value.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("its maps have text for keys")
    }

    /// Reads a record's value; what is no witness, or of a later version, is `None`.
    pub fn from_json(value: &[u8]) -> Option<Witness> {
        serde_json::from_slice(value).ok()
    }
}

/// A value as the text that it displays as.
pub(super) mod text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(in crate::witness) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in crate::witness) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::witness::Identity;

    fn subject(database: &str) -> Subject {
        Subject { database: database.into(), slot: "postrider".into() }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let seen = Look {
            lsn: Lsn::new(5),
            oldest_xid: 750,
            identity: Identity::new([("the table", "16385".into())]),
        };
        let witness = Witness {
            subject: subject("shop"),
            system_identifier: u64::MAX,
            timeline: 2,
            epoch: 7,
            confirmed: Lsn::new(9),
            seen,
            spoiled: None,
        };
        let json = witness.to_json();
        assert_eq!(Witness::from_json(&json), Some(witness));
        let json = String::from_utf8(json).unwrap();
        assert!(json.contains(r#""confirmed":"0/9""#), "{json}");
        assert_eq!(Witness::from_json(b"{}"), None);
    }

    #[test]
    fn a_key_belongs_to_one_slot_of_one_database() {
        let odd = subject("a/b");
        assert!(odd.has_key(&odd.key("run")) && !subject("b").has_key(&odd.key("run")));
        assert!(!subject("shop").has_key("postrider/run") && !subject("shop").has_key(""));
        let other = Subject { slot: "postrider2".into(), ..subject("shop") };
        assert!(!other.has_key(&subject("shop").key("run")));
    }
}

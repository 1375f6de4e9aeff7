//! Look: the catalog at one moment, as far as it decides whether rows reach the slot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wal::Lsn;

/// What makes table and publication the ones they are, part by part: oids, and the transactions that
/// changed them last. Each part is named as people would name it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identity(BTreeMap<String, String>);

impl Identity {
    /// From parts and what identifies each.
    pub fn new<'a>(parts: impl IntoIterator<Item = (&'a str, String)>) -> Identity {
        Identity(parts.into_iter().map(|(part, value)| (part.to_owned(), value)).collect())
    }

    /// The oid of a part; `None` when there is no such part.
    pub fn oid(&self, part: &str) -> Option<&str> {
        self.0.get(part)?.split('/').next()
    }

    /// The names of the parts that are not the same in both.
    pub fn differences(&self, other: &Identity) -> Vec<String> {
        let mut parts: Vec<&String> = self.0.keys().chain(other.0.keys()).collect();
        parts.sort();
        parts.dedup();
        parts.into_iter().filter(|part| self.0.get(*part) != other.0.get(*part)).cloned().collect()
    }
}

/// One look at the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The end of the flushed WAL, read before the catalog: what was committed before it was
    /// decoded with a catalog that is no younger than this one.
    #[serde(with = "super::record::text")]
    pub lsn: Lsn,
    /// The oldest transaction that was running: what commits later has this id or a higher one.
    #[serde(with = "super::record::text")]
    pub oldest_xid: u64,
    /// What was there.
    pub identity: Identity,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_changed_came_or_went_are_named() {
        let before = Identity::new([
            ("the table", "1".into()),
            ("its entry", "2".into()),
            ("x", "3".into()),
        ]);
        let after = Identity::new([
            ("the table", "1".into()),
            ("its entry", "5".into()),
            ("y", "3".into()),
        ]);
        assert_eq!(before.differences(&after), ["its entry", "x", "y"]);
        assert_eq!(before.differences(&before), [""; 0]);
    }
}

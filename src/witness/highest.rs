//! Highest: the witness that counts, among all that a topic holds.

use super::record::{Subject, Witness};

/// The witness that counts, and what it replaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Highest {
    /// The one of the highest epoch, and of those the one that got furthest.
    pub witness: Option<Witness>,
    /// The keys of all records about the slot: a later session's record makes them superfluous.
    pub keys: Vec<String>,
}

impl Highest {
    /// The epoch of whoever comes next.
    pub fn next_epoch(&self) -> u64 {
        self.witness.as_ref().map_or(1, |witness| witness.epoch + 1)
    }
}

/// Finds what is said about `subject` in `records`: keys and values, in the topic's order.
pub fn highest<'a>(
    subject: &Subject,
    records: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Highest {
    let mut found = Highest::default();
    for (key, value) in records {
        if !subject.has_key(key) {
            continue;
        }
        if !found.keys.iter().any(|known| known == key) {
            found.keys.push(key.to_owned());
        }
        let Some(witness) = Witness::from_json(value) else { continue };
        let rank = |witness: &Witness| (witness.epoch, witness.confirmed);
        if found.witness.as_ref().is_none_or(|known| rank(known) < rank(&witness)) {
            found.witness = Some(witness);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::witness::verdict_tests::witness;

    #[test]
    fn the_latest_epoch_counts_and_within_it_the_furthest() {
        let subject = witness(1, 5).subject;
        let records: Vec<(String, Vec<u8>)> =
            [("a", 1, 90), ("b", 2, 30), ("b", 2, 40), ("a", 1, 95)]
                .into_iter()
                .map(|(run, epoch, lsn)| (subject.key(run), witness(epoch, lsn).to_json()))
                .collect();
        let listed = records.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
        let found = highest(&subject, listed);
        assert_eq!(found.witness, Some(witness(2, 40)));
        assert_eq!(found.keys, [subject.key("a"), subject.key("b")]);
        assert_eq!(found.next_epoch(), 3);
    }

    #[test]
    fn records_of_others_and_junk_are_passed_over() {
        let subject = witness(1, 5).subject;
        let other = Subject { database: "other".into(), ..subject.clone() };
        let (ours, theirs) = (subject.key("a"), other.key("a"));
        let json = witness(9, 9).to_json();
        let found = highest(&subject, [(ours.as_str(), &b"junk"[..]), (theirs.as_str(), &json)]);
        assert_eq!((found.witness.as_ref(), found.keys.len()), (None, 1));
        assert_eq!(found.next_epoch(), 1);
    }
}

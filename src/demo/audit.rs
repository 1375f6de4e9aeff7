//! The audit: what the shop committed, compared with everything that is in Kafka.

use std::collections::{HashMap, HashSet};

/// An event that the shop committed, read from its outbox.
#[derive(Debug, Clone)]
pub(super) struct Committed {
    /// Its id.
    pub(super) event: String,
    /// Its key.
    pub(super) key: String,
    /// Rises in commit order among the events of one key.
    pub(super) number: i32,
}

/// The id and the key of a record, in the order of its partition.
pub(super) type Delivered<'a> = (&'a str, &'a str);

/// What came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Records, repeats included.
    pub(super) records: usize,
    /// Records of an event that was there before.
    pub(super) repeats: usize,
    /// Committed events without a record.
    pub(super) lost: usize,
    /// Records of events that were never committed, or under another key.
    pub(super) phantom: usize,
    /// First records of an event that stand behind a later event of their key.
    pub(super) out_of_order: usize,
}

/// Counts. Records of one key stand in one partition, so their order is known.
pub(super) fn count(committed: &[Committed], records: &[Delivered<'_>]) -> Counts {
    let events: HashMap<&str, &Committed> =
        committed.iter().map(|event| (event.event.as_str(), event)).collect();
    let mut counts = Counts { records: records.len(), ..Counts::default() };
    let mut seen: HashSet<&str> = HashSet::new();
    let mut latest: HashMap<&str, i32> = HashMap::new();
    for (id, key) in records {
        let Some(event) = events.get(id).filter(|event| event.key == *key) else {
            counts.phantom += 1;
            continue;
        };
        if !seen.insert(id) {
            counts.repeats += 1;
            continue;
        }
        let latest = latest.entry(key).or_insert(event.number);
        counts.out_of_order += usize::from(event.number < *latest);
        *latest = event.number.max(*latest);
    }
    counts.lost = committed.iter().filter(|event| !seen.contains(event.event.as_str())).count();
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Vec<Committed> {
        let event = |event: &str, key: &str, number| Committed {
            event: event.into(),
            key: key.into(),
            number,
        };
        vec![event("a1", "a", 1), event("a2", "a", 2), event("a3", "a", 3), event("b1", "b", 1)]
    }

    const GOOD: [Delivered<'_>; 4] = [("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a")];

    #[test]
    fn a_good_history_is_clean_and_repeats_are_counted() {
        let clean = Counts { records: 4, ..Counts::default() };
        assert_eq!(count(&shop(), &GOOD), clean);
        let again = [&GOOD[..3], &GOOD[1..]].concat();
        assert_eq!(count(&shop(), &again), Counts { records: 6, repeats: 2, ..clean });
    }

    #[test]
    fn each_planted_defect_is_found() {
        let lost = count(&shop(), &GOOD[..3]);
        assert_eq!((lost.lost, lost.phantom, lost.out_of_order), (1, 0, 0));
        let phantom = count(&shop(), &[&GOOD[..], &[("a4", "a")]].concat());
        assert_eq!((phantom.lost, phantom.phantom, phantom.out_of_order), (0, 1, 0));
        let wrong_key = count(&shop(), &[&GOOD[..3], &[("a3", "b")]].concat());
        assert_eq!((wrong_key.lost, wrong_key.phantom), (1, 1));
        let swapped = count(&shop(), &[GOOD[0], GOOD[3], GOOD[2], GOOD[1]]);
        assert_eq!((swapped.lost, swapped.phantom, swapped.out_of_order), (0, 0, 1));
    }
}

//! WaitList: one producer's witnesses and erasures on their way, in order, one partition.

use std::collections::VecDeque;

use super::{chance::Dice, witness_topic::WitnessTopic};
use crate::kafka::Outcome;

/// One record.
struct Entry {
    key: String,
    /// `None` erases, and nobody waits for it.
    value: Option<Vec<u8>>,
    is_appended: bool,
}

/// What has not been answered.
#[derive(Default)]
pub(super) struct WaitList {
    entries: VecDeque<Entry>,
    outcomes: VecDeque<Outcome>,
}

impl WaitList {
    pub(super) fn push(&mut self, key: &str, value: Option<&[u8]>) {
        let (key, value) = (key.to_owned(), value.map(<[u8]>::to_vec));
        self.entries.push_back(Entry { key, value, is_appended: false });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn next_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }

    /// The oldest record is appended, or its answer comes. A lost answer costs a retry that the broker
    /// drops, so nothing but time.
    pub(super) fn step(&mut self, topic: &mut WitnessTopic) {
        let Some(first) = self.entries.front_mut() else { return };
        if !first.is_appended {
            topic.append(&first.key, first.value.as_deref());
            first.is_appended = true;
            return;
        }
        if self.entries.pop_front().is_some_and(|entry| entry.value.is_some()) {
            self.outcomes.push_back(Outcome::Acknowledged);
        }
    }

    /// The producer is broken: whether the oldest record arrives is open, the others do not.
    pub(super) fn give_up(&mut self, topic: &mut WitnessTopic, dice: &mut Dice) {
        let entries = std::mem::take(&mut self.entries);
        for (index, entry) in entries.into_iter().enumerate() {
            if index == 0 && !entry.is_appended && dice.one_in(2) {
                topic.append(&entry.key, entry.value.as_deref());
            }
            if entry.value.is_some() {
                self.outcomes.push_back(Outcome::Broken("purged".to_owned()));
            }
        }
    }

    /// The producer is gone. The oldest may be on the wire and arrive yet.
    pub(super) fn orphan(&mut self, dice: &mut Dice) {
        let is_on_the_wire = dice.one_in(2);
        self.entries.retain(|entry| !entry.is_appended);
        self.entries.truncate(usize::from(is_on_the_wire));
        self.outcomes.clear();
    }
}

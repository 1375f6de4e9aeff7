//! Suspects: events that were in a batch which Kafka refused. Pure.

use std::collections::BTreeSet;

use crate::{outbox::Position, wal::Lsn};

/// Events that have to be sent alone before anybody can say which one Kafka refuses.
///
/// Kafka refuses a whole batch. The innocent ones in it go through when they are sent alone, and
/// are no suspects any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Suspects(BTreeSet<Position>);

impl Suspects {
    pub(crate) fn insert(&mut self, position: Position) {
        self.0.insert(position);
    }

    /// Whether this event has to be sent alone.
    pub(crate) fn contains(&self, position: Position) -> bool {
        // Almost always empty, and asked for every row.
        !self.0.is_empty() && self.0.contains(&position)
    }

    /// Kafka acknowledged the event.
    pub(crate) fn acquit(&mut self, position: Position) {
        self.0.remove(&position);
    }

    /// Events of transactions that committed before `start` do not come again.
    pub(crate) fn forget_before(&mut self, start: Lsn) {
        self.0.retain(|position| position.commit_lsn >= start);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

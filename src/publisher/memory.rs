//! Memory: what one session leaves to the next, in the same process.

use super::suspects::Suspects;
use crate::{outbox::Position, wal::Lsn};

/// What positions compare within: one timeline of one cluster, and one table, because the ordinal in
/// a position counts the rows of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) system_identifier: u64,
    pub(crate) timeline: u32,
    /// The outbox table's oid today.
    pub(crate) table_oid: u32,
}

/// What is known beyond what the slot says. It spares repeats and puts refused events in order; to
/// forget it is always safe. To use it is safe as long as the WAL is the one it was learnt from:
/// same system, same timeline, and not shorter than what was received.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    history: Option<History>,
    /// What a tracker of ours confirmed. Ahead of the slot when the last update was lost, or when
    /// the server crashed and came back with an older slot.
    confirmed: Option<Lsn>,
    /// The highest position received. A server whose WAL ends before it was set back.
    received: Lsn,
    /// Events before this one are acknowledged, up to the last confirmed position.
    pub(crate) acknowledged_before: Option<Position>,
    /// Events that have to be sent alone.
    pub(crate) suspects: Suspects,
}

impl Memory {
    /// A session on this history begins, on a server whose WAL ends at `flushed`. What was learnt
    /// on another timeline, of another table, or on WAL that is there no more, is forgotten: its
    /// positions mean nothing here. False when the system is another one than before; then nothing changes.
    #[must_use]
    pub(crate) fn enter(&mut self, history: History, flushed: Lsn) -> bool {
        if self.history.is_some_and(|b| b.system_identifier != history.system_identifier) {
            return false;
        }
        if self.history.is_some_and(|before| before != history) || flushed < self.received {
            *self = Memory::default();
        }
        self.history = Some(history);
        true
    }

    /// Where to start: where the slot stands, or where we know better. Events before it are of no
    /// concern any more.
    pub(crate) fn start(&mut self, slot: Lsn) -> Lsn {
        let start = self.confirmed.map_or(slot, |known| known.max(slot));
        self.acknowledged_before = self.acknowledged_before.filter(|p| p.commit_lsn >= start);
        self.suspects.forget_before(start);
        start
    }

    /// A session ended with these positions. `unacknowledged` is the first event that is not known
    /// to be acknowledged, where that is known at all. It may lie before what an earlier session
    /// has left; that stays true.
    pub(crate) fn leave(
        &mut self,
        confirmed: Lsn,
        received: Lsn,
        unacknowledged: Option<Position>,
    ) {
        self.confirmed = Some(confirmed);
        self.received = self.received.max(received);
        self.acknowledged_before = self.acknowledged_before.max(unacknowledged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: History = History { system_identifier: 7, timeline: 1, table_oid: 9 };

    fn lsn(byte: u64) -> Lsn {
        Lsn::new(byte)
    }

    fn at(byte: u64) -> Position {
        Position { commit_lsn: lsn(byte), ordinal: 3 }
    }

    /// A memory of one session that confirmed 50 and received 60.
    fn learnt() -> Memory {
        let mut memory = Memory::default();
        assert!(memory.enter(HERE, lsn(40)));
        memory.leave(lsn(50), lsn(60), Some(at(55)));
        memory.suspects.insert(at(55));
        memory
    }

    #[test]
    fn the_next_session_starts_where_we_know_that_all_is_acknowledged() {
        let mut memory = learnt();
        assert!(memory.enter(HERE, lsn(100)));
        assert_eq!(memory.start(lsn(10)), lsn(50));
        assert!(memory.acknowledged_before.is_some() && !memory.suspects.is_empty());
        assert_eq!(memory.start(lsn(70)), lsn(70));
    }

    #[test]
    fn what_is_known_of_events_before_the_start_is_dropped() {
        let mut memory = learnt();
        memory.start(lsn(56));
        assert!(memory.acknowledged_before.is_none() && memory.suspects.is_empty());
    }

    #[test]
    fn a_server_that_was_set_back_makes_it_forget_all() {
        let mut memory = learnt();
        assert!(memory.enter(HERE, lsn(59)));
        assert_eq!(memory.start(lsn(10)), lsn(10));
        assert!(memory.acknowledged_before.is_none() && memory.suspects.is_empty());
    }

    #[test]
    fn another_timeline_or_table_makes_it_forget_all() {
        for other in [History { timeline: 2, ..HERE }, History { table_oid: 10, ..HERE }] {
            let mut memory = learnt();
            assert!(memory.enter(other, lsn(100)));
            assert_eq!(memory.start(lsn(10)), lsn(10));
            assert!(memory.acknowledged_before.is_none() && memory.suspects.is_empty());
        }
    }

    #[test]
    fn a_session_that_got_less_far_takes_nothing_back() {
        let mut memory = learnt();
        for less in [None, Some(at(52))] {
            memory.leave(lsn(50), lsn(60), less);
            assert_eq!(memory.acknowledged_before, Some(at(55)));
        }
        memory.leave(lsn(50), lsn(60), Some(at(57)));
        assert_eq!(memory.acknowledged_before, Some(at(57)));
    }

    #[test]
    fn another_system_is_refused_as_often_as_it_is_met() {
        let mut memory = learnt();
        let other = History { system_identifier: 8, ..HERE };
        assert!(!memory.enter(other, lsn(100)));
        assert!(!memory.enter(other, lsn(100)));
        assert!(memory.enter(HERE, lsn(100)));
        assert_eq!(memory.start(lsn(10)), lsn(50));
    }
}

//! Memory: what one session leaves to the next, in the same process.

use super::suspects::Suspects;
use crate::{outbox::Position, wal::Lsn};

/// One cluster's history; positions compare only within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) system_identifier: u64,
    pub(crate) timeline: u32,
}

/// What is known beyond what the slot says. All of it only spares repeats or orders them: to
/// forget it is always safe.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    history: Option<History>,
    /// What a tracker of ours confirmed. Ahead of the slot when the last update was lost, or when
    /// the server crashed and came back with an older slot.
    confirmed: Option<Lsn>,
    /// Events before this one are acknowledged, up to the last confirmed position.
    pub(crate) acknowledged_before: Option<Position>,
    /// Events that have to be sent alone.
    pub(crate) suspects: Suspects,
}

impl Memory {
    /// A session on this history begins. What was learnt on another is forgotten: its positions
    /// mean nothing here. True when the system is another one than before.
    pub(crate) fn enter(&mut self, history: History) -> bool {
        let before = self.history.replace(history);
        if before.is_some_and(|before| before != history) {
            *self = Memory { history: Some(history), ..Memory::default() };
        }
        before.is_some_and(|before| before.system_identifier != history.system_identifier)
    }

    /// Where to start: where the slot stands, or where we know better. `flushed` is the end of the
    /// server's WAL; a position beyond it cannot be of this WAL.
    pub(crate) fn start(&self, slot: Lsn, flushed: Lsn) -> Lsn {
        self.confirmed.filter(|known| *known <= flushed).map_or(slot, |known| known.max(slot))
    }

    /// A session ended with this confirmed position. What was remembered of events before it is
    /// of no use any more.
    pub(crate) fn leave(&mut self, confirmed: Lsn) {
        self.confirmed = Some(confirmed);
        self.acknowledged_before = self.acknowledged_before.filter(|p| p.commit_lsn >= confirmed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: History = History { system_identifier: 7, timeline: 1 };

    #[test]
    fn the_next_session_starts_where_we_know_that_all_is_acknowledged() {
        let mut memory = Memory::default();
        memory.enter(HERE);
        assert_eq!(memory.start(Lsn::new(10), Lsn::new(100)), Lsn::new(10));
        memory.leave(Lsn::new(50));
        assert!(!memory.enter(HERE));
        assert_eq!(memory.start(Lsn::new(10), Lsn::new(100)), Lsn::new(50));
        assert_eq!(memory.start(Lsn::new(70), Lsn::new(100)), Lsn::new(70));
    }

    #[test]
    fn a_position_beyond_the_servers_wal_is_not_of_this_wal() {
        let mut memory = Memory::default();
        memory.enter(HERE);
        memory.leave(Lsn::new(50));
        assert_eq!(memory.start(Lsn::new(10), Lsn::new(49)), Lsn::new(10));
    }

    #[test]
    fn another_timeline_or_system_makes_it_forget_all() {
        let position = Position { commit_lsn: Lsn::new(60), ordinal: 0 };
        for (other, is_other_system) in [
            (History { timeline: 2, ..HERE }, false),
            (History { system_identifier: 8, ..HERE }, true),
        ] {
            let mut memory = Memory::default();
            memory.enter(HERE);
            memory.leave(Lsn::new(50));
            memory.acknowledged_before = Some(position);
            memory.suspects = Suspects::just(position);
            assert_eq!(memory.enter(other), is_other_system);
            assert_eq!(memory.start(Lsn::new(10), Lsn::new(100)), Lsn::new(10));
            assert!(memory.acknowledged_before.is_none() && memory.suspects.is_empty());
        }
    }

    #[test]
    fn what_is_known_of_one_transaction_is_dropped_when_it_is_confirmed() {
        let mut memory = Memory::default();
        memory.enter(HERE);
        memory.acknowledged_before = Some(Position { commit_lsn: Lsn::new(60), ordinal: 3 });
        memory.leave(Lsn::new(50));
        assert!(memory.acknowledged_before.is_some());
        memory.leave(Lsn::new(61));
        assert!(memory.acknowledged_before.is_none());
    }
}

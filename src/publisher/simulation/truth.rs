//! Truth: what was committed, what Kafka has, what it acknowledged; and whether that is in order.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{chronicle::Chronicle, coverage::Rare};
use crate::{outbox::Position, wal::Lsn};

/// What became of an event in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Aborted,
    Committed,
    /// Its commit was lost with a primary: it may be in Kafka, and need not.
    Lost,
}

/// One outbox row.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) topic: usize,
    pub(super) key: usize,
    /// Its row's LSN.
    pub(super) row: u64,
    pub(super) position: Option<Position>,
    /// Whether its row names a topic.
    is_routable: bool,
    fate: Fate,
    stored: u32,
    acknowledged: bool,
}

/// A committed transaction that is in nobody's doubt.
struct Transaction {
    commit_lsn: u64,
    end: u64,
    events: Vec<usize>,
}

struct Facts {
    events: Vec<Event>,
    /// In commit order.
    transactions: Vec<Transaction>,
    /// Of these, so many from the front are acknowledged entirely.
    acknowledged: usize,
    /// The last first occurrence of each topic and key in Kafka.
    newest: BTreeMap<(usize, usize), Position>,
    /// The last record of each producer in each partition.
    last: BTreeMap<(usize, usize), Position>,
    /// The event acknowledged last.
    newest_acknowledged: Option<usize>,
    /// Where the running session begins.
    begin: Position,
    acknowledgements: u64,
    /// Events that came back refused to the process that lives, and were not acknowledged since.
    suspects: BTreeSet<Position>,
}

/// Sees both sides. Shared by all parts of a run.
#[derive(Clone)]
pub(super) struct Truth {
    facts: Rc<RefCell<Facts>>,
    chronicle: Chronicle,
}

impl Truth {
    pub(super) fn new(chronicle: Chronicle) -> Truth {
        let facts = Facts {
            events: Vec::new(),
            transactions: Vec::new(),
            acknowledged: 0,
            newest: BTreeMap::new(),
            last: BTreeMap::new(),
            newest_acknowledged: None,
            begin: Position { commit_lsn: Lsn::new(0), ordinal: 0 },
            acknowledgements: 0,
            suspects: BTreeSet::new(),
        };
        Truth { facts: Rc::new(RefCell::new(facts)), chronicle }
    }

    /// A row is written to the outbox; its number is the event's id.
    pub(super) fn written(
        &self,
        (topic, key): (usize, usize),
        row: u64,
        is_routable: bool,
    ) -> usize {
        let events = &mut self.facts.borrow_mut().events;
        events.push(Event {
            topic,
            key,
            row,
            position: None,
            is_routable,
            fate: Fate::Open,
            stored: 0,
            acknowledged: false,
        });
        events.len() - 1
    }

    /// Whether the event's row names a topic.
    pub(super) fn is_routable(&self, event: usize) -> bool {
        self.facts.borrow().events[event].is_routable
    }

    pub(super) fn aborted(&self, event: usize) {
        self.facts.borrow_mut().events[event].fate = Fate::Aborted;
    }

    pub(super) fn committed(&self, commit_lsn: u64, end: u64, events: Vec<usize>) {
        let mut facts = self.facts.borrow_mut();
        for (ordinal, event) in (0..).zip(&events) {
            let event = &mut facts.events[*event];
            event.fate = Fate::Committed;
            event.position = Some(Position { commit_lsn: Lsn::new(commit_lsn), ordinal });
        }
        self.chronicle.count(|counts| counts.events += events.len() as u64);
        facts.transactions.push(Transaction { commit_lsn, end, events });
        facts.advance();
    }

    /// A failover: what was committed beyond `end` is gone.
    pub(super) fn lost_beyond(&self, end: u64) {
        let mut facts = self.facts.borrow_mut();
        let kept = facts.transactions.partition_point(|transaction| transaction.end <= end);
        let gone: Vec<Transaction> = facts.transactions.drain(kept..).collect();
        for event in gone.iter().flat_map(|transaction| &transaction.events) {
            let event = &mut facts.events[*event];
            event.fate = Fate::Lost;
            if event.stored > 0 {
                self.chronicle.saw(Rare::FailoverLostSent);
            }
        }
        if !gone.is_empty() {
            self.chronicle.saw(Rare::FailoverLostCommits);
        }
        facts.acknowledged = facts.acknowledged.min(kept);
        // Positions beyond it are given again to other events.
        let point = Lsn::new(end);
        facts.newest.retain(|_, newest| newest.commit_lsn < point);
        facts.restore_newest();
    }

    /// Kafka appended a record of a producer's to a partition.
    pub(super) fn stored(&self, event: usize, at: Position, producer: usize, partition: usize) {
        let mut facts = self.facts.borrow_mut();
        let facts = &mut *facts;
        let Event { topic, key, position, fate, stored, .. } = &mut facts.events[event];
        *stored += 1;
        match *fate {
            Fate::Lost => return,
            Fate::Committed => {}
            Fate::Open | Fate::Aborted => {
                return self.chronicle.broken(format!("event {event} was never committed"));
            }
        }
        if *position != Some(at) {
            self.chronicle.broken(format!("event {event} at {position:?} was published as {at}"));
        }
        let last = facts.last.insert((producer, partition), at);
        if last.is_some_and(|last| last >= at) {
            self.chronicle.broken(format!("producer {producer} wrote {at} behind {last:?}"));
        }
        if *stored > 1 {
            self.chronicle.count(|counts| counts.repeats += 1);
            return;
        }
        let newest = facts.newest.insert((*topic, *key), at);
        if newest.is_some_and(|newest| newest > at) {
            let sentence = format!("event {event} at {at} came behind {newest:?} of its key");
            self.chronicle.broken(sentence);
        }
    }

    /// The publisher has seen Kafka's acknowledgement.
    pub(super) fn acknowledged(&self, event: usize) {
        let mut facts = self.facts.borrow_mut();
        facts.acknowledgements += 1;
        let before = facts.newest_acknowledged.and_then(|newest| facts.events[newest].position);
        if facts.events[event].position < before {
            self.chronicle.saw(Rare::AcknowledgedOutOfOrder);
        } else {
            facts.newest_acknowledged = Some(event);
        }
        if facts.events[event].stored == 0 {
            self.chronicle.broken(format!("event {event} was acknowledged and is not in Kafka"));
        }
        facts.events[event].acknowledged = true;
        if let Some(position) = facts.events[event].position {
            facts.suspects.remove(&position);
        }
        facts.advance();
    }

    /// No position beyond this one may be confirmed: the first transaction with an unacknowledged
    /// event has its commit record here.
    pub(super) fn confirmable(&self) -> u64 {
        let facts = self.facts.borrow();
        facts.transactions.get(facts.acknowledged).map_or(u64::MAX, |first| first.commit_lsn)
    }

    /// The publisher has seen that Kafka refused the batch of this event.
    pub(super) fn refused(&self, at: Position) {
        self.facts.borrow_mut().suspects.insert(at);
    }

    /// Whether nothing may be in flight beside this event.
    pub(super) fn is_suspect(&self, at: Position) -> bool {
        self.facts.borrow().suspects.contains(&at)
    }

    /// A new process, or another timeline: what was refused before is not known there.
    pub(super) fn suspects_are_forgotten(&self) {
        self.facts.borrow_mut().suspects.clear();
    }

    /// How many acknowledgements came.
    pub(super) fn acknowledgements(&self) -> u64 {
        self.facts.borrow().acknowledgements
    }

    /// Whether a transaction ends here.
    pub(super) fn is_end(&self, lsn: u64) -> bool {
        let facts = self.facts.borrow();
        facts.transactions.binary_search_by_key(&lsn, |transaction| transaction.end).is_ok()
    }

    /// Whether everything that was committed is acknowledged.
    pub(super) fn is_all_acknowledged(&self) -> bool {
        let facts = self.facts.borrow();
        facts.acknowledged == facts.transactions.len()
    }

    /// Committed events that are not in Kafka.
    pub(super) fn absent(&self) -> Vec<usize> {
        let facts = self.facts.borrow();
        let is_absent = |event: &Event| event.fate == Fate::Committed && event.stored == 0;
        let absent = facts.events.iter().enumerate().filter(|(_, event)| is_absent(event));
        absent.map(|(number, _)| number).collect()
    }

    /// Whether Kafka has the event.
    pub(super) fn is_stored(&self, event: usize) -> bool {
        self.facts.borrow().events[event].stored > 0
    }

    /// Whether every committed event before this one is acknowledged, and this one is not.
    pub(super) fn is_first_unacknowledged(&self, event: usize) -> bool {
        let facts = self.facts.borrow();
        let first = facts.transactions.get(facts.acknowledged).and_then(|transaction| {
            transaction.events.iter().find(|event| !facts.events[**event].acknowledged)
        });
        first == Some(&event)
    }

    /// The event of this position today.
    pub(super) fn event_at(&self, position: Position) -> Option<usize> {
        let facts = self.facts.borrow();
        let commit_lsn = position.commit_lsn.as_u64();
        let at = facts.transactions.binary_search_by_key(&commit_lsn, |t| t.commit_lsn).ok()?;
        facts.transactions[at].events.get(position.ordinal as usize).copied()
    }

    /// The row's LSN and the transaction's end of the event that was acknowledged last.
    pub(super) fn newest_acknowledged(&self) -> Option<(u64, u64)> {
        let facts = self.facts.borrow();
        let event = &facts.events[facts.newest_acknowledged?];
        let commit_lsn = event.position?.commit_lsn.as_u64();
        let at = facts.transactions.binary_search_by_key(&commit_lsn, |t| t.commit_lsn).ok()?;
        Some((event.row, facts.transactions[at].end))
    }

    /// The transaction that ends here begins its commit record there.
    pub(super) fn commit_of(&self, end: u64) -> Option<u64> {
        let facts = self.facts.borrow();
        let at = facts.transactions.binary_search_by_key(&end, |t| t.end).ok()?;
        Some(facts.transactions[at].commit_lsn)
    }

    /// A session begins: nothing before `start`, and nothing before `known`, may be sent in it.
    pub(super) fn session_begins(&self, start: u64, known: Option<Position>) {
        let begin = Position { commit_lsn: Lsn::new(start), ordinal: 0 };
        self.facts.borrow_mut().begin = known.map_or(begin, |known| known.max(begin));
        self.chronicle.count(|counts| counts.sessions += 1);
    }

    /// The publisher hands a record to its producer.
    pub(super) fn sent(&self, event: usize, at: Position) {
        let begin = self.facts.borrow().begin;
        if at < begin {
            let sentence = format!("event {event} at {at} is sent, and {begin} was the beginning");
            self.chronicle.broken(sentence);
        }
    }

    pub(super) fn topic_and_key(&self, event: usize) -> (usize, usize) {
        let facts = self.facts.borrow();
        (facts.events[event].topic, facts.events[event].key)
    }
}

impl Facts {
    /// Moves the acknowledged front on.
    fn advance(&mut self) {
        while let Some(first) = self.transactions.get(self.acknowledged) {
            if !first.events.iter().all(|event| self.events[*event].acknowledged) {
                return;
            }
            self.acknowledged += 1;
        }
    }

    /// What is the newest of each key again, after some were lost.
    fn restore_newest(&mut self) {
        self.newest.clear();
        for event in &self.events {
            if event.fate == Fate::Committed && event.stored > 0 {
                let newest = self.newest.entry((event.topic, event.key));
                let position = event.position.expect("it is committed");
                newest.and_modify(|other| *other = position.max(*other)).or_insert(position);
            }
        }
    }
}

//! Database: writers, their WAL, and the slot, as PostgreSQL keeps them.

use std::cell::Cell;

use super::{
    chance::{Dice, Plan},
    chronicle::Chronicle,
    coverage::Rare,
    truth::Truth,
};
use crate::{
    wal::Lsn,
    witness::{Here, Identity, Look, TimelineEnd},
};

/// One change of a committed transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) lsn: u64,
    /// An event, or a row of another table of the publication.
    pub(super) event: Option<usize>,
}

/// A transaction as the walsender decodes it: whole, in commit order.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) commit_lsn: u64,
    pub(super) end: u64,
    pub(super) changes: Vec<Change>,
}

/// A transaction that is being written.
#[derive(Default)]
struct Open {
    changes: Vec<Change>,
    /// How many changes stood before the savepoint that is open.
    savepoint: Option<usize>,
}

/// The slot's confirmed position, three times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// `confirmed_flush_lsn`.
    pub(super) confirmed: u64,
    /// What the last checkpoint wrote: where a crash goes back to.
    persisted: u64,
    /// What the standby has copied.
    synced: u64,
}

/// One cluster, and the standby that may take its place.
pub(super) struct Database {
    /// Where the WAL ends.
    pub(super) lsn: u64,
    pub(super) log: Vec<Committed>,
    open: Vec<Open>,
    pub(super) slot: Slot,
    pub(super) timeline: u32,
    /// How many there were.
    timelines: u32,
    /// Where earlier timelines ended.
    pub(super) history: Vec<TimelineEnd>,
    /// The slot was told more than the history that is left has, and nobody has accepted it.
    pub(super) has_lost_confirmed: Cell<bool>,
    /// It is starting, and takes no connection.
    pub(super) down: u32,
    truth: Truth,
    chronicle: Chronicle,
}

/// Where the WAL begins.
const BEGINNING: u64 = 1000;

impl Database {
    pub(super) fn new(truth: Truth, chronicle: Chronicle) -> Database {
        let slot = Slot { confirmed: BEGINNING, persisted: BEGINNING, synced: BEGINNING };
        Database {
            lsn: BEGINNING,
            log: Vec::new(),
            open: Vec::new(),
            slot,
            timeline: 1,
            timelines: 1,
            history: Vec::new(),
            has_lost_confirmed: Cell::new(false),
            down: 0,
            truth,
            chronicle,
        }
    }

    /// One thing that a writer, the checkpointer or the standby does.
    pub(super) fn step(&mut self, dice: &mut Dice, plan: &Plan) {
        if self.down > 0 {
            self.down -= 1;
            return;
        }
        match dice.below(20) {
            // Autovacuum, tables outside of the publication: WAL and nothing for us.
            0..=2 => self.lsn += dice.between(8, 300),
            3 => self.slot.persisted = self.slot.confirmed,
            4 => self.slot.synced = self.slot.confirmed,
            5..=8 if self.open.len() < 4 => self.open.push(Open::default()),
            _ if self.open.is_empty() => {}
            9..=14 => self.write(dice, plan),
            15 => self.savepoint(dice),
            16 => self.abort(dice),
            _ => self.commit(dice),
        }
    }

    /// What the server was told, as it takes it: without a check.
    pub(super) fn confirm(&mut self, position: u64) {
        self.slot.confirmed = self.slot.confirmed.max(position);
    }

    /// All memory is lost: open transactions, and what the slot was told since the last checkpoint.
    pub(super) fn crash(&mut self, dice: &mut Dice) {
        self.abort_all();
        self.lsn += dice.between(8, 200);
        self.chronicle.saw(Rare::ServerCrash);
        if self.slot.persisted < self.slot.confirmed {
            self.chronicle.saw(Rare::SlotWentBack);
        }
        self.slot.confirmed = self.slot.persisted;
        self.down = dice.between(0, 5) as u32;
    }

    /// The standby takes over, on a timeline of its own. It may lack the newest WAL, and its slot
    /// stands where it was copied last.
    pub(super) fn fail_over(&mut self, dice: &mut Dice) {
        self.abort_all();
        let newest = self.log.len() - dice.below(4.min(self.log.len() + 1));
        let end = match self.log[..newest].last() {
            Some(last) if newest < self.log.len() => last.end.max(self.slot.synced),
            _ => self.lsn,
        };
        self.log.truncate(self.log.partition_point(|transaction| transaction.end <= end));
        self.truth.lost_beyond(end);
        self.lsn = end;
        self.leave_timeline(Lsn::new(end));
        if self.slot.confirmed > end {
            self.has_lost_confirmed.set(true);
        }
        self.timelines += 1;
        self.timeline = self.timelines;
        self.chronicle.saw(Rare::Failover);
        self.slot.confirmed = self.slot.synced;
        self.slot.persisted = self.slot.synced;
        self.down = dice.between(0, 5) as u32;
        // The new timeline begins with records of its own, so that no position is the same by chance.
        self.lsn += dice.between(1, 40);
    }

    /// A standby that lags behind the last promotion is still on the timeline before it.
    fn leave_timeline(&mut self, end: Lsn) {
        let mut timeline = self.timeline;
        while let Some(last) = self.history.pop_if(|last| last.end > end) {
            timeline = last.timeline;
        }
        self.history.push(TimelineEnd { timeline, end });
    }

    /// What a publisher compares its witness with.
    pub(super) fn here(&self) -> Here {
        Here {
            system_identifier: 1,
            timeline: self.timeline,
            history: self.history.clone(),
            slot_confirmed: Ok(Lsn::new(self.slot.confirmed)),
            look: self.look(),
        }
    }

    /// One look at a catalog that never changes.
    pub(super) fn look(&self) -> Look {
        let identity = Identity::new([("the table", "1".to_owned())]);
        Look { lsn: Lsn::new(self.lsn), oldest_xid: 0, identity }
    }

    /// Writers come to an end.
    pub(super) fn finish(&mut self, dice: &mut Dice) {
        self.down = 0;
        while !self.open.is_empty() {
            if dice.one_in(3) { self.abort(dice) } else { self.commit(dice) }
        }
    }

    fn write(&mut self, dice: &mut Dice, plan: &Plan) {
        let which = dice.below(self.open.len());
        let is_large = dice.one_in(plan.large);
        let rows = if is_large { 200 + dice.below(200) } else { 1 + dice.below(3) };
        if is_large {
            self.chronicle.saw(Rare::LargeTransaction);
        }
        // COPY puts many rows into one record of the WAL.
        let is_copy = rows > 1 && dice.one_in(2);
        if self.open.iter().filter(|open| !open.changes.is_empty()).count() > 1 {
            self.chronicle.saw(Rare::RowsInterleaved);
        }
        for row in 0..rows {
            if row == 0 || !is_copy {
                self.lsn += dice.between(8, 120);
            } else {
                self.chronicle.saw(Rare::RowsShareLsn);
            }
            let lsn = self.lsn;
            let event = (!dice.one_in(4)).then(|| {
                let (topic, key) = (dice.below(plan.topics), dice.below(plan.keys));
                self.truth.written((topic, key), lsn, !dice.one_in(plan.unroutable))
            });
            self.open[which].changes.push(Change { lsn, event });
        }
    }

    fn savepoint(&mut self, dice: &mut Dice) {
        let which = dice.below(self.open.len());
        let open = &mut self.open[which];
        let Some(kept) = open.savepoint.take() else {
            open.savepoint = Some(open.changes.len());
            return;
        };
        if dice.one_in(2) {
            for change in open.changes.split_off(kept) {
                if let Some(event) = change.event {
                    self.truth.aborted(event);
                    self.chronicle.saw(Rare::SavepointAborted);
                }
            }
        }
    }

    fn abort(&mut self, dice: &mut Dice) {
        let open = self.open.swap_remove(dice.below(self.open.len()));
        self.lsn += dice.between(8, 40);
        self.give_up(open);
    }

    fn abort_all(&mut self) {
        for open in std::mem::take(&mut self.open) {
            self.give_up(open);
        }
    }

    fn give_up(&self, open: Open) {
        for event in open.changes.iter().filter_map(|change| change.event) {
            self.truth.aborted(event);
            self.chronicle.saw(Rare::TransactionAborted);
        }
    }

    fn commit(&mut self, dice: &mut Dice) {
        let open = self.open.swap_remove(dice.below(self.open.len()));
        // The end of one record is the beginning of the next: a row before, a commit behind.
        let commit_lsn = self.lsn + if dice.one_in(3) { 1 } else { dice.between(1, 60) };
        let end = commit_lsn + dice.between(1, 60);
        self.lsn = end;
        let events: Vec<usize> = open.changes.iter().filter_map(|change| change.event).collect();
        self.chronicle.tell(|| format!("commit at {commit_lsn}, end {end}: events {events:?}"));
        self.truth.committed(commit_lsn, end, events);
        self.log.push(Committed { commit_lsn, end, changes: open.changes });
    }
}

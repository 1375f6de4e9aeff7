//! Engine: frames and acknowledgements in, records and status updates out. Pure.

use std::{collections::BTreeSet, time::Instant};

use super::engine_error::EngineError;
use crate::{
    ack::{
        AckTracker, ConfirmedLsn, FeedbackSchedule, FeedbackTiming, StatusUpdate, Ticket,
        WitnessGate,
    },
    outbox::{self, CatalogColumn, Mapper, Plan, Position, Record},
    wal::{Frame, LogicalMessage, Lsn, PgTimestamp, Relation, Tuple},
};

/// The outbox table in the catalog. Rows written before it, or a column, got its present name carry
/// the old one.
#[derive(Debug, Clone, Default)]
pub struct CatalogTable {
    /// Its oid.
    pub oid: u32,
    /// Its columns.
    pub columns: Vec<CatalogColumn>,
    /// The end of the WAL when this was read: what was committed later may know better.
    pub as_of: Lsn,
}

/// What an engine starts with.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The table, its columns and the route.
    pub outbox: outbox::Config,
    /// The table as the catalog had it before the stream started.
    pub table: CatalogTable,
    /// Events between the oldest unacknowledged one and the newest sent, at most.
    pub window: u32,
    /// The same in bytes, soft by one event.
    pub window_bytes: u64,
    /// Where the stream starts: everything before it is confirmed.
    pub start: Lsn,
    /// Events before this one are known to be acknowledged and are not sent again.
    pub acknowledged_before: Option<Position>,
    /// When to report, and when to give a silent server up.
    pub timing: FeedbackTiming,
    /// Whether a position is reported only once Kafka has a witness of it.
    pub keeps_witness: bool,
}

/// What a frame asks for.
#[derive(Debug)]
pub enum Received<'a> {
    /// Nothing; the next frame may come.
    Nothing,
    /// This record is to be sent. Until [`Engine::sent`] says that it was, the same frame gives
    /// the same record again and nothing has changed.
    Record(Record<'a>),
}

/// The transaction that is being read.
#[derive(Debug, Clone, Copy)]
struct Transaction {
    commit_lsn: Lsn,
    commit_time: PgTimestamp,
    /// The next outbox row's place, from 0.
    ordinal: u64,
}

/// A table whose rows are events.
#[derive(Debug)]
struct Outbox {
    id: u32,
    /// It had the configured name when it was described last.
    is_named: bool,
    plan: Plan,
}

/// One session's logic: the only place that knows the order decode → map → route → track.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    mapper: Mapper,
    /// The outbox table as the server describes it. Rows of other ids belong to other tables of the
    /// publication. More than one when the table was dropped and made again: the rows of both were
    /// written to the outbox.
    outboxes: Vec<Outbox>,
    /// Ids of the other tables that were described. A row of a table that was not might be an event.
    others: BTreeSet<u32>,
    /// `Some` from Begin to Commit; agrees with the tracker's open transaction.
    transaction: Option<Transaction>,
    tracker: AckTracker,
    /// A8: between tracker and schedule, where a witness is kept.
    gate: Option<WitnessGate>,
    schedule: FeedbackSchedule,
    events: u64,
    transactions: u64,
    acknowledged: u64,
}

impl Engine {
    /// An engine for a stream that begins now.
    pub fn new(config: EngineConfig, now: Instant) -> Engine {
        let tracker = AckTracker::new(config.start);
        Engine {
            mapper: Mapper::new(config.outbox.clone()),
            outboxes: Vec::new(),
            others: BTreeSet::new(),
            transaction: None,
            gate: config.keeps_witness.then(|| WitnessGate::new(tracker.confirmed(), now)),
            tracker,
            schedule: FeedbackSchedule::new(config.timing, now),
            events: 0,
            transactions: 0,
            acknowledged: 0,
            config,
        }
    }

    /// Takes one frame in.
    ///
    /// # Errors
    /// When the bytes are no frame, the stream is out of order, the table lost a column, or a row
    /// cannot become a record. Nothing has changed then, and no other frame may be taken in: what
    /// was not understood must not be passed over.
    pub fn receive<'a>(
        &'a mut self,
        frame: &'a [u8],
        now: Instant,
    ) -> Result<Received<'a>, EngineError> {
        self.schedule.heard(now);
        match Frame::decode(frame)? {
            Frame::Keepalive { wal_end, reply_requested, .. } => {
                self.tracker.keepalive(wal_end);
                if reply_requested {
                    self.schedule.ask();
                    self.hurry();
                }
                Ok(Received::Nothing)
            }
            Frame::XLogData { wal_end, body, .. } => {
                self.tracker.receive(wal_end);
                self.message(LogicalMessage::decode(body)?)
            }
        }
    }

    /// The record of the last [`receive`](Self::receive) was handed to Kafka.
    ///
    /// # Panics
    /// Outside of a transaction, where no record is given.
    pub fn sent(&mut self, bytes: u64) -> Ticket {
        self.count_row();
        self.tracker.publish(bytes)
    }

    /// Frames are not read now, so the server cannot be called silent.
    pub fn is_not_reading(&mut self, now: Instant) {
        self.schedule.heard(now);
    }

    /// Kafka acknowledged a record.
    pub fn acknowledge(&mut self, ticket: Ticket) {
        self.tracker.acknowledge(ticket);
        self.acknowledged += 1;
    }

    /// The status update that is due, if any; it must be sent.
    pub fn status_update(&mut self, now: Instant) -> Option<StatusUpdate> {
        self.schedule.due(now, self.told())
    }

    /// The last status update before the stream is closed.
    pub fn final_update(&mut self, now: Instant) -> StatusUpdate {
        self.schedule.final_update(now, self.told())
    }

    /// When the next status update is due, if nothing happens until then.
    pub fn feedback_deadline(&self) -> Instant {
        self.schedule.next_deadline(self.told())
    }

    /// When the next witness is due, if nothing happens until then.
    pub fn witness_deadline(&self) -> Option<Instant> {
        self.gate.as_ref()?.due_at(self.tracker.confirmed(), self.acknowledged)
    }

    /// The position that wants a witness now, if any.
    pub fn witness_due(&mut self, now: Instant) -> Option<ConfirmedLsn> {
        let confirmed = self.tracker.confirmed();
        self.gate.as_mut()?.due(now, confirmed, self.acknowledged)
    }

    /// A witness of what was due is on its way to Kafka.
    ///
    /// # Panics
    /// If another one is, or no witness is kept.
    pub fn witness_sent(&mut self, confirmed: ConfirmedLsn, now: Instant) {
        let gate = self.gate.as_mut().expect("a witness is kept");
        gate.sent(confirmed, self.acknowledged, now);
    }

    /// Kafka acknowledged the witness: its position may be told to the server.
    ///
    /// # Panics
    /// If none was on its way.
    pub fn witnessed(&mut self) {
        self.gate.as_mut().expect("a witness is kept").acknowledged();
    }

    /// Somebody waits for the next confirmation.
    pub fn hurry(&mut self) {
        if let Some(gate) = &mut self.gate {
            gate.hurry();
        }
    }

    /// Since when a confirmed position has been waiting for its witness; `None` when none has.
    pub fn unwitnessed_since(&self) -> Option<Instant> {
        self.gate.as_ref()?.behind_since(self.tracker.confirmed())
    }

    /// Whether events are confirmed that the server may not be told yet, so that they would be
    /// repeated after a restart.
    pub fn has_unwitnessed_events(&self) -> bool {
        let short = self.gate.as_ref().is_some_and(|gate| gate.is_short_of(self.acknowledged));
        short && self.told() < self.confirmed()
    }

    /// What the server may be told: what is confirmed, and witnessed where a witness is kept.
    pub fn told(&self) -> ConfirmedLsn {
        let confirmed = self.tracker.confirmed();
        let told = self.gate.as_ref().map_or(confirmed, WitnessGate::witnessed);
        assert!(told <= confirmed, "a witness of what is not confirmed");
        told
    }

    /// Whether the server has been silent for too long.
    pub fn is_stale(&self, now: Instant) -> bool {
        self.schedule.is_stale(now)
    }

    /// Whether another event may be sent: the window has room.
    pub fn has_room(&self) -> bool {
        self.tracker.window_events() < u64::from(self.config.window)
            && self.tracker.window_bytes() < self.config.window_bytes
    }

    /// The position that may be confirmed.
    pub fn confirmed(&self) -> ConfirmedLsn {
        self.tracker.confirmed()
    }

    /// The highest position received.
    pub fn received_lsn(&self) -> Lsn {
        self.tracker.received()
    }

    /// Events and bytes that Kafka has not acknowledged.
    pub fn in_flight(&self) -> (u64, u64) {
        (self.tracker.in_flight_events(), self.tracker.in_flight_bytes())
    }

    /// When the transaction that is being read was committed, by the server's clock.
    pub fn commit_time(&self) -> Option<PgTimestamp> {
        self.transaction.map(|transaction| transaction.commit_time)
    }

    /// The name of the next outbox row of the transaction that is being read.
    pub fn next_position(&self) -> Option<Position> {
        let named = |t: Transaction| Position { commit_lsn: t.commit_lsn, ordinal: t.ordinal };
        self.transaction.map(named)
    }

    /// Whether rows of the transaction that is being read were taken in already. Until its commit
    /// is read they cannot be confirmed.
    pub fn is_amid_rows(&self) -> bool {
        self.transaction.is_some_and(|transaction| transaction.ordinal > 0)
    }

    /// Outbox rows and transactions taken in so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.events, self.transactions)
    }

    fn message<'a>(&'a mut self, message: LogicalMessage<'a>) -> Result<Received<'a>, EngineError> {
        match message {
            LogicalMessage::Insert { relation_id, row } => return self.insert(relation_id, row),
            LogicalMessage::Begin { final_lsn, commit_time, .. } => {
                self.begin(final_lsn, commit_time)?;
            }
            LogicalMessage::Commit { commit_lsn, end_lsn, .. } => {
                self.commit(commit_lsn, end_lsn)?;
            }
            LogicalMessage::Relation(relation) => self.relation(&relation)?,
            // An outbox row is written once. Housekeeping deletes rows, and other tables of the
            // publication may change as they like.
            LogicalMessage::Update { .. }
            | LogicalMessage::Delete { .. }
            | LogicalMessage::Truncate { .. }
            | LogicalMessage::Type { .. }
            | LogicalMessage::Origin { .. } => {}
            LogicalMessage::Message { .. } => {
                return Err(EngineError::Order("a logical message that was not asked for"));
            }
        }
        Ok(Received::Nothing)
    }

    fn begin(&mut self, commit_lsn: Lsn, commit_time: PgTimestamp) -> Result<(), EngineError> {
        if self.transaction.is_some() {
            return Err(EngineError::Order("a transaction that begins inside another"));
        }
        self.transaction = Some(Transaction { commit_lsn, commit_time, ordinal: 0 });
        self.tracker.begin();
        Ok(())
    }

    fn commit(&mut self, commit_lsn: Lsn, end: Lsn) -> Result<(), EngineError> {
        let Some(transaction) = self.transaction else {
            return Err(EngineError::Order("a commit outside of a transaction"));
        };
        if transaction.commit_lsn != commit_lsn || end <= commit_lsn {
            return Err(EngineError::Order("a commit that is not its transaction's"));
        }
        if end <= self.tracker.last_end().max(self.tracker.confirmed().lsn()) {
            return Err(EngineError::Order("a commit that ends before what was confirmed"));
        }
        self.transaction = None;
        self.tracker.commit(end);
        self.transactions += 1;
        Ok(())
    }

    /// Ours is what has the configured name, and what has it today: WAL is decoded with the names of
    /// its time.
    fn relation(&mut self, relation: &Relation<'_>) -> Result<(), EngineError> {
        let is_named = self.mapper.is_outbox(relation);
        let known = self.outboxes.iter().position(|outbox| outbox.id == relation.id);
        if !is_named && known.is_some_and(|index| self.outboxes[index].is_named) {
            // The rows go on coming under another name. They were meant for the outbox once;
            // whether they still are, a person has to say.
            return Err(EngineError::Renamed {
                table: self.config.outbox.table.to_string(),
                now: format!("{}.{}", relation.namespace, relation.name),
            });
        }
        let today = &self.config.table;
        if is_named || relation.id == today.oid {
            let is_older = self.transaction.is_none_or(|t| t.commit_lsn <= today.as_of);
            let plan = match is_older && relation.id == today.oid {
                true => self.mapper.older_relation(relation, &today.columns)?,
                false => self.mapper.relation(relation)?,
            };
            self.outboxes.retain(|outbox| outbox.id != relation.id);
            self.outboxes.push(Outbox { id: relation.id, is_named, plan });
        } else {
            self.others.insert(relation.id);
        }
        Ok(())
    }

    fn insert<'a>(&'a mut self, id: u32, row: Tuple<'a>) -> Result<Received<'a>, EngineError> {
        let Some(transaction) = self.transaction else {
            return Err(EngineError::Order("a row outside of a transaction"));
        };
        let Some(index) = self.outboxes.iter().position(|outbox| outbox.id == id) else {
            return match self.others.contains(&id) {
                true => Ok(Received::Nothing),
                false => Err(EngineError::Order("a row of a table that it has not described")),
            };
        };
        let Transaction { commit_lsn, commit_time, ordinal } = transaction;
        let position = Position { commit_lsn, ordinal };
        if self.config.acknowledged_before.is_some_and(|first| position < first) {
            self.count_row();
            return Ok(Received::Nothing);
        }
        let record = self.mapper.record(&self.outboxes[index].plan, &row, position, commit_time)?;
        Ok(Received::Record(record))
    }

    /// The row has been dealt with; the next one has the next place.
    fn count_row(&mut self) {
        let transaction = self.transaction.as_mut().expect("a row is inside a transaction");
        transaction.ordinal += 1;
        self.events += 1;
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
pub(super) mod tests;

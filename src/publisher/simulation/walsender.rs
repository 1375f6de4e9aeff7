//! Walsender: one replication connection, as the server's side of it behaves.

use std::collections::VecDeque;

use super::{
    chance::{Dice, Plan},
    chronicle::Chronicle,
    coverage::Rare,
    database::{Committed, Database},
    truth::Truth,
};
use crate::publisher::engine_frames::{self as frames, OUTBOX};

/// The id of another table of the publication.
const OTHER: u32 = 20_000;

/// Frames under way to the publisher, at most.
const WIRE: usize = 40;

/// What a frame is, so that the judge need not decode what the engine decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Keepalive(u64),
    Begin,
    /// A row of the outbox, and its LSN.
    Event(u64),
    Other,
    Commit(u64),
}

/// One CopyData payload.
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    pub(super) kind: Kind,
}

/// One connection. It ends when it is dropped.
pub(super) struct Walsender {
    /// Transactions whose commit record stands before it are not sent.
    start: u64,
    /// The next transaction of the log.
    next: usize,
    /// All WAL before it is decoded. Begins below the start: decoding needs what was open then.
    decoded: u64,
    /// The transaction that is being sent, last frame first.
    sending: Vec<Sent>,
    described: bool,
    wire: VecDeque<Sent>,
    /// Status updates under way to the server.
    replies: VecDeque<u64>,
    pub(super) is_frozen: bool,
    chronicle: Chronicle,
}

impl Walsender {
    /// A stream from `asked` on. The server silently begins where the slot stands, if that is later.
    pub(super) fn start(asked: u64, database: &Database, chronicle: Chronicle) -> Walsender {
        let start = asked.max(database.slot.confirmed);
        Walsender {
            start,
            next: 0,
            decoded: start.saturating_sub(500),
            sending: Vec::new(),
            described: false,
            wire: VecDeque::new(),
            replies: VecDeque::new(),
            is_frozen: false,
            chronicle,
        }
    }

    /// Decodes a little, sends a little, reads a reply.
    pub(super) fn step(
        &mut self,
        database: &mut Database,
        plan: &Plan,
        dice: &mut Dice,
        truth: &Truth,
    ) {
        if self.is_frozen {
            return;
        }
        if dice.one_in(2) {
            self.hear(database);
        }
        if self.wire.len() >= WIRE {
            return;
        }
        if dice.one_in(6) {
            self.keepalive(dice);
        }
        for _ in 0..1 + dice.below(12) {
            if let Some(frame) = self.sending.pop() {
                if let Kind::Commit(end) = frame.kind {
                    self.decoded = self.decoded.max(end);
                }
                self.wire.push_back(frame);
            }
        }
        if !self.sending.is_empty() {
            return;
        }
        match database.log.get(self.next) {
            Some(transaction) => {
                self.next += 1;
                if transaction.commit_lsn >= self.start {
                    self.encode(transaction, plan, truth, dice);
                }
                // The position moves past a commit record when all that it brings is out.
                let is_out = self.sending.is_empty();
                let decoded = if is_out { transaction.end } else { transaction.commit_lsn };
                self.decoded = self.decoded.max(decoded);
            }
            None => {
                self.decoded = self.decoded.max(database.lsn);
                if dice.one_in(2) {
                    self.keepalive(dice);
                }
            }
        }
    }

    /// The next frame that has arrived at the publisher.
    pub(super) fn receive(&mut self) -> Option<Sent> {
        self.wire.pop_front()
    }

    /// The publisher sends a status update.
    pub(super) fn reply(&mut self, confirmed: u64) {
        self.replies.push_back(confirmed);
    }

    /// The server reads one status update.
    fn hear(&mut self, database: &mut Database) {
        if let Some(confirmed) = self.replies.pop_front() {
            database.confirm(confirmed);
        }
    }

    /// The server reads all that was sent to it: the connection is closed in order.
    pub(super) fn hear_all(&mut self, database: &mut Database) {
        while !self.replies.is_empty() {
            self.hear(database);
        }
    }

    /// The connection is lost: of what was under way, a part arrives.
    pub(super) fn cut(mut self, database: &mut Database, dice: &mut Dice) {
        for _ in 0..dice.below(self.replies.len() + 1) {
            self.hear(database);
        }
        if !self.replies.is_empty() {
            self.chronicle.saw(Rare::ConfirmationLost);
        }
    }

    fn keepalive(&mut self, dice: &mut Dice) {
        let asks = dice.one_in(4);
        if asks {
            self.chronicle.saw(Rare::ReplyRequested);
        }
        if self.decoded < self.start {
            self.chronicle.saw(Rare::KeepaliveBelowConfirmed);
        }
        if !self.sending.is_empty() {
            self.chronicle.saw(Rare::KeepaliveInTransaction);
        }
        let (bytes, kind) = (frames::keepalive(self.decoded, asks), Kind::Keepalive(self.decoded));
        self.wire.push_back(Sent { bytes, kind });
    }

    fn encode(&mut self, transaction: &Committed, plan: &Plan, truth: &Truth, dice: &mut Dice) {
        let Committed { commit_lsn, end, changes } = transaction;
        if changes.is_empty() {
            if !plan.sends_empty {
                return;
            }
            self.chronicle.saw(Rare::EmptyTransaction);
        }
        let mut sending = Vec::new();
        let mut push = |lsn: u64, bytes: Vec<u8>, kind: Kind| {
            sending.push(Sent { bytes: frames::at(lsn, bytes), kind });
        };
        let first = changes.first().map_or(*commit_lsn, |change| change.lsn);
        push(first, frames::begin(*commit_lsn), Kind::Begin);
        if !self.described || dice.one_in(20) {
            self.described = true;
            push(first, frames::relation(OUTBOX, "outbox", &[]), Kind::Other);
            push(first, frames::relation(OTHER, "orders", &[]), Kind::Other);
        }
        for change in changes {
            match change.event {
                Some(event) => {
                    push(change.lsn, row(event, truth), Kind::Event(change.lsn));
                }
                None => push(change.lsn, frames::insert(OTHER, [Some("o"); 5]), Kind::Other),
            }
        }
        push(*end, frames::commit(*commit_lsn, *end), Kind::Commit(*end));
        sending.reverse();
        self.sending = sending;
    }
}

/// The outbox row of an event.
fn row(event: usize, truth: &Truth) -> Vec<u8> {
    let (topic, key) = truth.topic_and_key(event);
    let (id, topic, key) = (event.to_string(), format!("t{topic}"), format!("k{key}"));
    let topic = truth.is_routable(event).then_some(topic.as_str());
    frames::insert(OUTBOX, [Some(&id), topic, Some(&key), Some("paid"), Some(&id)])
}

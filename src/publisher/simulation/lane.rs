//! Lane: one producer's way to one partition, as librdkafka keeps it: a queue, requests, sequences.

use std::collections::VecDeque;

use crate::{kafka::Refusal, outbox::Position};

/// Requests of one lane on the wire at once: `max.in.flight`.
const ON_THE_WIRE: usize = 5;

/// One record.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// What comes back with the report.
    pub(super) number: usize,
    pub(super) event: usize,
    pub(super) position: Position,
}

/// What the broker says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    /// An error that a retry cures.
    Again,
    OutOfOrder,
    Refused(Refusal),
}

/// One batch.
#[derive(Debug)]
pub(super) struct Request {
    /// The sequence number of its first record.
    pub(super) base: u32,
    pub(super) records: Vec<Sent>,
    /// Requests arrive and are answered in this order.
    turn: u32,
    answer: Option<Answer>,
}

impl Request {
    /// The sequence number behind its last record.
    pub(super) fn end(&self) -> u32 {
        self.base + self.records.len() as u32
    }
}

/// What a producer does with an answer.
pub(super) enum Step {
    /// The same request goes again.
    Resend,
    Acknowledge,
    /// It is refused for good, and with `enable.gapless.guarantee` that breaks the producer.
    Refuse(Refusal),
    /// The sequence is lost.
    Break,
}

/// One producer's way to one partition.
#[derive(Debug, Default)]
pub(super) struct Lane {
    queue: VecDeque<Sent>,
    /// In the order of their sequences.
    requests: Vec<Request>,
    next_sequence: u32,
    next_turn: u32,
}

impl Lane {
    pub(super) fn push(&mut self, record: Sent) {
        self.queue.push_back(record);
    }

    pub(super) fn on_the_wire(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.requests.is_empty()
    }

    /// Makes a request of at most `most` records. True when it did.
    pub(super) fn dispatch(&mut self, most: usize) -> bool {
        if self.queue.is_empty() || self.requests.len() >= ON_THE_WIRE {
            return false;
        }
        let records: Vec<Sent> = self.queue.drain(..most.min(self.queue.len())).collect();
        let (base, turn) = (self.next_sequence, self.next_turn);
        self.next_sequence += records.len() as u32;
        self.next_turn += 1;
        self.requests.push(Request { base, records, turn, answer: None });
        true
    }

    /// The request that arrives next, if one is on its way.
    pub(super) fn arriving(&self) -> Option<usize> {
        self.first(|request| request.answer.is_none())
    }

    /// The request whose answer comes next, if one is answered.
    pub(super) fn answered(&self) -> Option<usize> {
        self.first(|request| request.answer.is_some())
    }

    pub(super) fn request(&self, index: usize) -> &Request {
        &self.requests[index]
    }

    pub(super) fn answer(&mut self, index: usize, answer: Answer) {
        self.requests[index].answer = Some(answer);
    }

    /// What the answer of this request means for the producer.
    pub(super) fn meaning(&self, index: usize, is_broken: bool) -> Step {
        let answer = self.requests[index].answer.expect("it is answered");
        match answer {
            Answer::Taken => Step::Acknowledge,
            Answer::Refused(refusal) => Step::Refuse(refusal),
            Answer::Again | Answer::OutOfOrder if is_broken => Step::Break,
            // One before it is not there yet. At the front nothing can be missing.
            Answer::OutOfOrder if index == 0 => Step::Break,
            Answer::Again | Answer::OutOfOrder => Step::Resend,
        }
    }

    /// Sends a request again, behind all that are on the wire.
    pub(super) fn resend(&mut self, index: usize) {
        self.requests[index].turn = self.next_turn;
        self.requests[index].answer = None;
        self.next_turn += 1;
    }

    /// A new connection: everything goes again, in the order of the sequences.
    pub(super) fn resend_all(&mut self) {
        for index in 0..self.requests.len() {
            self.resend(index);
        }
    }

    pub(super) fn take(&mut self, index: usize) -> Request {
        self.requests.remove(index)
    }

    pub(super) fn take_all(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// Whether the broker has a request whose answer is still under way.
    pub(super) fn is_applied_unanswered(&self) -> bool {
        self.requests.iter().any(|request| request.answer == Some(Answer::Taken))
    }

    /// The records that were not sent.
    pub(super) fn take_queue(&mut self) -> VecDeque<Sent> {
        std::mem::take(&mut self.queue)
    }

    /// Its producer is gone. The first `kept` requests that have not arrived will do so yet.
    pub(super) fn orphan(&mut self, kept: usize) {
        self.queue.clear();
        self.requests.retain(|request| request.answer.is_none());
        self.requests.sort_by_key(|request| request.turn);
        self.requests.truncate(kept);
    }

    fn first(&self, is_meant: impl Fn(&Request) -> bool) -> Option<usize> {
        let meant = self.requests.iter().enumerate().filter(|(_, request)| is_meant(request));
        meant.min_by_key(|(_, request)| request.turn).map(|(index, _)| index)
    }
}

//! Carrier: the engine and the producer as one: frames become records in flight, and come back.

use std::time::{Duration, Instant};

use super::{
    board::{Board, unacknowledged, wall_clock},
    ending::Ended,
    engine::{Engine, Received},
    suspects::Suspects,
};
use crate::{
    fault::{Fault, FaultKind},
    kafka::{Delivery, FlightId, Offer, Outcome, Producer, Refusal},
    outbox::{Position, Record},
};

/// Whether a frame was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Yes; the next may come.
    Done,
    /// No; the same frame has to come again.
    NotNow,
}

/// A suspect that is in flight, with nothing beside it.
struct Alone {
    position: Position,
    id: String,
}

/// What a session drives: it knows no socket.
pub(crate) struct Carrier {
    pub(crate) engine: Engine,
    pub(crate) board: Board,
    producer: Producer,
    suspects: Suspects,
    /// Invariant: while it is `Some`, exactly that record is in flight.
    alone: Option<Alone>,
    /// Since when the frame in hand has not been taken.
    waiting_since: Option<Instant>,
    stall_timeout: Duration,
}

impl Carrier {
    pub(crate) fn new(
        engine: Engine,
        producer: Producer,
        board: Board,
        suspects: Suspects,
        stall_timeout: Duration,
    ) -> Carrier {
        let (alone, waiting_since) = (None, None);
        Carrier { engine, board, producer, suspects, alone, waiting_since, stall_timeout }
    }

    /// Records that Kafka has not acknowledged.
    pub(crate) fn in_flight(&self) -> usize {
        self.producer.in_flight()
    }

    /// Whether every suspect was acknowledged.
    pub(crate) fn is_clear(&self) -> bool {
        self.suspects.is_empty()
    }

    /// Lets librdkafka report, for `wait` at most.
    pub(crate) fn wait_for_kafka(&self, wait: Duration) {
        self.producer.serve(wait);
    }

    /// Takes back what has not been sent and forgets what is on the wire.
    pub(crate) fn abandon(self) {
        self.producer.purge();
    }

    /// Takes in what Kafka said since the last time. True when it said anything.
    pub(crate) fn collect(&mut self, now: Instant) -> Result<bool, Ended> {
        let wall = wall_clock();
        let mut any = false;
        let mut refused = None;
        let mut broken = None;
        loop {
            self.producer.serve(Duration::ZERO);
            let mut came = false;
            while let Some(delivery) = self.producer.next_delivery() {
                came = true;
                match delivery.outcome {
                    Outcome::Acknowledged => self.acknowledged(delivery, wall),
                    Outcome::Refused(refusal) => {
                        self.note_refusal(&delivery, refusal);
                        refused = Some((delivery, refusal));
                    }
                    Outcome::Broken(reason) => broken = Some(reason),
                }
            }
            if !came {
                break;
            }
            any = true;
        }
        self.board.turn();
        let waiting = self.waiting(now);
        self.board.write(&self.engine, &mut self.producer, waiting, now);
        match (refused, broken) {
            (Some((delivery, refusal)), _) => Err(self.refused(&delivery, refusal)),
            (None, Some(reason)) => Err(Ended::ProducerBroken(reason)),
            (None, None) => Ok(any),
        }
    }

    /// Lets go when Kafka has acknowledged nothing for the stall timeout, or the server is gone.
    pub(crate) fn check(&mut self, now: Instant) -> Result<(), Ended> {
        let waiting = self.waiting(now);
        if waiting >= self.stall_timeout {
            return Err(Ended::Stalled(unacknowledged(waiting, self.producer.trouble())));
        }
        if self.engine.is_stale(now) {
            return Err(Ended::Held(
                Fault::new(
                    FaultKind::Postgres,
                    "PostgreSQL has been silent for too long",
                    "nothing; the connection is opened again",
                ),
                None,
            ));
        }
        Ok(())
    }

    /// Takes one frame in and hands its record, if it is one, to Kafka.
    pub(crate) fn take(&mut self, frame: &[u8], now: Instant) -> Result<Taken, Ended> {
        let next = self.engine.next_position();
        let committed_at = self.engine.commit_time();
        let record = match self.engine.receive(frame, now) {
            Ok(Received::Nothing) => return Ok(Taken::Done),
            Ok(Received::Record(record)) => record,
            // First let everything before it arrive: then nothing of it has to be sent again.
            Err(_) if self.producer.in_flight() > 0 => return Ok(Taken::NotNow),
            Err(error) => return Err(Ended::Held(error.fault(), next)),
        };
        let is_suspect = self.suspects.contains(record.position);
        if self.alone.is_some() || (is_suspect && self.producer.in_flight() > 0) {
            return Ok(Taken::NotNow);
        }
        let committed_at = committed_at.expect("a record is inside a transaction");
        match self.producer.offer(&record, committed_at.unix_micros(), now) {
            Offer::Sent(flight) => {
                let alone =
                    is_suspect.then(|| Alone { position: record.position, id: id(&record) });
                let bytes = record.bytes() as u64;
                self.departed(flight, bytes, alone);
                Ok(Taken::Done)
            }
            Offer::NotNow => {
                self.waiting_since.get_or_insert(now);
                Ok(Taken::NotNow)
            }
            Offer::Refused(_) if self.producer.in_flight() > 0 => Ok(Taken::NotNow),
            Offer::Refused(refusal) => {
                let fault = refusal_fault(refusal, record.topic, &id(&record), record.position);
                self.board.refused(record.topic, refusal.label());
                Err(Ended::Held(fault, Some(record.position)))
            }
            Offer::Broken(reason) => Err(Ended::ProducerBroken(reason)),
        }
    }

    fn departed(&mut self, flight: FlightId, bytes: u64, alone: Option<Alone>) {
        let ticket = self.engine.sent(bytes);
        self.producer.attach(flight, ticket);
        self.alone = alone;
        self.waiting_since = None;
    }

    fn acknowledged(&mut self, delivery: Delivery, wall: i64) {
        self.board.acknowledged(&delivery, &self.producer, wall);
        if !self.suspects.is_empty() {
            self.suspects.acquit(delivery.position);
            self.alone = None;
            if self.suspects.is_empty() {
                self.board.release();
            }
        }
        self.engine.acknowledge(delivery.ticket);
    }

    fn note_refusal(&mut self, delivery: &Delivery, refusal: Refusal) {
        self.board.refused(self.producer.topic_name(delivery.topic), refusal.label());
        self.suspects.insert(delivery.position);
    }

    fn refused(&mut self, delivery: &Delivery, refusal: Refusal) -> Ended {
        let topic = self.producer.topic_name(delivery.topic);
        match self.alone.take() {
            Some(alone) if alone.position == delivery.position => {
                let fault = refusal_fault(refusal, topic, &alone.id, alone.position);
                Ended::Held(fault, Some(alone.position))
            }
            _ => Ended::BatchRefused(std::mem::take(&mut self.suspects)),
        }
    }

    /// How long the oldest record, or the frame in hand, has been waiting for Kafka.
    fn waiting(&self, now: Instant) -> Duration {
        let oldest =
            [self.producer.oldest_sent_at(), self.waiting_since].into_iter().flatten().min();
        oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

/// The event's id for a person to read: never long, never with control characters.
fn id(record: &Record<'_>) -> String {
    let text = String::from_utf8_lossy(record.event_id.unwrap_or(b"NULL"));
    text.chars().take(100).flat_map(char::escape_debug).collect()
}

fn refusal_fault(refusal: Refusal, topic: &str, id: &str, position: Position) -> Fault {
    Fault::new(
        FaultKind::Refused,
        format!("Kafka refuses event {id} at {position} for topic {topic}: {}", refusal.reason()),
        refusal.hint(),
    )
}

//! Carrier: the engine and the producer as one: frames become records in flight, and come back.

use std::time::{Duration, Instant};

use super::{
    board::{Board, unacknowledged, wall_clock},
    ending::Ended,
    engine::{Engine, Received},
    // By way of the parent: the simulation compiles this file beside a model of Kafka.
    kafka::{Delivery, FlightId, Offer, Outcome, Producer, Refusal},
    keeper::Keeper,
    suspects::Suspects,
};
use crate::{
    fault::{Fault, FaultKind},
    outbox::{Position, Record},
    witness::Look,
};

/// How long to wait for the reports of what was in flight when something failed. librdkafka gives
/// up what is queued at once; only a request on the wire takes longer.
const LAST_REPORTS: Duration = Duration::from_secs(2);

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

/// Something went wrong with records in flight. What else is in flight is waited for: it may name
/// the cause, and every acknowledgement that still comes is one repeat less.
struct Failure {
    since: Instant,
    /// The last record that was refused, if one was; it says more than a broken producer.
    refused: Option<(Position, String, Refusal)>,
    /// Why the producer is broken, when nothing was refused.
    reason: String,
}

/// What a session drives: it knows no socket.
pub(crate) struct Carrier {
    pub(crate) engine: Engine,
    pub(crate) board: Board,
    producer: Producer,
    /// `None` when no witness is kept.
    keeper: Option<Keeper>,
    suspects: Suspects,
    /// Invariant: while it is `Some`, exactly that record is in flight.
    alone: Option<Alone>,
    /// Since when the frame in hand has not been taken.
    waiting_since: Option<Instant>,
    /// Once set, nothing more is sent.
    failure: Option<Failure>,
    stall_timeout: Duration,
    /// Rights that are missing at Kafka end the session, because the process leaves then.
    leaves_when_shut_out: bool,
}

impl Carrier {
    pub(crate) fn new(
        engine: Engine,
        producer: Producer,
        board: Board,
        suspects: Suspects,
        stall_timeout: Duration,
    ) -> Carrier {
        Carrier {
            engine,
            board,
            producer,
            keeper: None,
            suspects,
            alone: None,
            waiting_since: None,
            failure: None,
            stall_timeout,
            leaves_when_shut_out: false,
        }
    }

    /// Lets missing rights at Kafka end the session instead of waiting for them.
    pub(crate) fn leave_when_shut_out(self, leaves: bool) -> Carrier {
        Carrier { leaves_when_shut_out: leaves, ..self }
    }

    /// Keeps a witness of what is confirmed.
    pub(crate) fn with_witness(self, keeper: Option<Keeper>) -> Carrier {
        Carrier { keeper, ..self }
    }

    /// Takes in how the catalog looks, and sends and takes back witnesses.
    pub(crate) fn witness(&mut self, look: Option<Look>, now: Instant) -> Result<(), Ended> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        if let Some(look) = look {
            keeper.looked(look)?;
        }
        if self.failure.is_some() {
            return Ok(());
        }
        keeper.turn(&mut self.engine, &mut self.producer, now)
    }

    /// The fault of a catalog in which rows go missing, with the range where that is known.
    pub(crate) fn since_when(&self, fault: Fault) -> Fault {
        let Some(keeper) = &self.keeper else { return fault };
        let good = keeper.good_until();
        let sentence = format!("{fault}; events committed after {good} may be missing");
        Fault { sentence, ..fault }
    }

    /// Whether it is known that nothing is missing before what is read here.
    pub(crate) fn has_compared(&self) -> bool {
        self.keeper.as_ref().is_none_or(Keeper::has_compared)
    }

    /// Whether something is confirmed that the server may not be told yet.
    pub(crate) fn is_unwitnessed(&self) -> bool {
        self.engine.told() < self.engine.confirmed()
    }

    /// When to look again for what Kafka says, `look` from `now` if an answer is waited for.
    pub(crate) fn next_look(&self, now: Instant, look: Duration) -> Option<Instant> {
        let waits = self.keeper.as_ref().is_some_and(|keeper| keeper.is_waiting(&self.engine));
        match self.in_flight() > 0 || waits {
            true => Some(now + look),
            false => self.engine.witness_deadline(),
        }
    }

    /// Records that Kafka has not acknowledged.
    pub(crate) fn in_flight(&self) -> usize {
        self.producer.in_flight()
    }

    /// The first event that is not known to be acknowledged: the oldest in flight, else the next of
    /// the open transaction. `None` outside of a transaction, and after a failure: what was refused
    /// is not in flight and not acknowledged either.
    pub(crate) fn first_unacknowledged(&self) -> Option<Position> {
        match self.failure {
            Some(_) => None,
            None => self.producer.oldest_position().or_else(|| self.engine.next_position()),
        }
    }

    /// Waits for acknowledgements.
    pub(crate) fn wait_for_kafka(&mut self, wait: Duration) {
        self.producer.serve(wait);
    }

    /// Takes back what has not been sent, forgets what is on the wire, and gives the suspects
    /// that are left.
    pub(crate) fn abandon(self) -> Suspects {
        self.producer.purge();
        self.suspects
    }

    /// Takes in what Kafka said since the last time. True when it said anything.
    pub(crate) fn collect(&mut self, now: Instant) -> Result<bool, Ended> {
        let wall = wall_clock();
        let mut any = false;
        loop {
            self.producer.serve(Duration::ZERO);
            let mut came = false;
            while let Some(delivery) = self.producer.next_delivery(now) {
                came = true;
                match delivery.outcome {
                    Outcome::Acknowledged => self.acknowledged(delivery, wall),
                    Outcome::Refused(refusal) => self.refused(&delivery, refusal, now),
                    Outcome::Broken(reason) => self.broken(reason, now),
                }
            }
            if !came {
                break;
            }
            any = true;
        }
        let waiting = self.waiting(now);
        if !self.suspects.is_empty() {
            // A row that was no event, or was passed over by a person, never comes again.
            self.suspects.forget_before(self.engine.confirmed().lsn());
        }
        if self.suspects.is_empty() && self.failure.is_none() {
            self.board.release(any, waiting, now);
        }
        self.board.turn();
        self.board.write(&self.engine, &self.producer, waiting, now);
        self.failed(now)?;
        Ok(any)
    }

    /// Lets go when Kafka has acknowledged nothing for the stall timeout, or the server is gone.
    pub(crate) fn check(&mut self, now: Instant) -> Result<(), Ended> {
        self.check_credentials(now)?;
        let waiting = self.waiting(now);
        let shut_out = self.producer.shut_out(waiting, now);
        if waiting >= self.stall_timeout {
            let fault =
                shut_out.unwrap_or_else(|| unacknowledged(waiting, self.producer.trouble()));
            return Err(Ended::Stalled(fault));
        }
        if self.leaves_when_shut_out
            && let Some(fault) = shut_out.filter(|fault| fault.kind == FaultKind::Rights)
        {
            return Err(Ended::Held(fault, None));
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

    /// Ends the session when Kafka does not let us in and there are new credentials: only a new
    /// producer reads them.
    pub(crate) fn check_credentials(&mut self, now: Instant) -> Result<(), Ended> {
        if self.producer.has_new_credentials(now) { Err(Ended::NewCredentials) } else { Ok(()) }
    }

    /// Takes one frame in and hands its record, if it is one, to Kafka.
    pub(crate) fn take(&mut self, frame: &[u8], now: Instant) -> Result<Taken, Ended> {
        if self.failure.is_some() {
            return Ok(Taken::NotNow);
        }
        let next = self.engine.next_position();
        let committed_at = self.engine.commit_time();
        let record = match self.engine.receive(frame, now) {
            Ok(Received::Nothing) => return Ok(Taken::Done),
            Ok(Received::Record(record)) => record,
            // A gap says more than a row from within it.
            Err(_) if !self.keeper.as_ref().is_none_or(Keeper::has_compared) => {
                self.waiting_since.get_or_insert(now);
                return Ok(Taken::NotNow);
            }
            // First let everything before it arrive: then nothing of it has to be sent again.
            Err(_) if self.producer.in_flight() > 0 => return Ok(Taken::NotNow),
            Err(error) => return Err(Ended::Held(error.fault(), next)),
        };
        let is_suspect = self.suspects.contains(record.position);
        if self.alone.is_some() || (is_suspect && self.producer.in_flight() > 0) {
            return Ok(Taken::NotNow);
        }
        let committed_at = committed_at.expect("a record is inside a transaction");
        failpoint!("before_produce");
        if record.position.ordinal > 0 {
            failpoint!("mid_transaction");
        }
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
            Offer::Broken(reason) => {
                // The report that says why may still be on its way.
                self.broken(reason, now);
                Ok(Taken::NotNow)
            }
        }
    }

    fn departed(&mut self, flight: FlightId, bytes: u64, alone: Option<Alone>) {
        let ticket = self.engine.sent(bytes);
        self.producer.attach(flight, ticket);
        self.alone = alone;
        self.waiting_since = None;
        failpoint!("after_produce");
    }

    fn acknowledged(&mut self, delivery: Delivery, wall: i64) {
        self.board.acknowledged(&delivery, &self.producer, wall);
        if !self.suspects.is_empty() {
            self.suspects.acquit(delivery.position);
            self.alone = None;
        }
        self.engine.acknowledge(delivery.ticket);
        failpoint!("after_acknowledge");
    }

    fn refused(&mut self, delivery: &Delivery, refusal: Refusal, now: Instant) {
        let topic = self.producer.topic_name(delivery.topic).to_owned();
        self.board.refused(&topic, refusal.label());
        self.suspects.insert(delivery.position);
        let failure = self.failure.get_or_insert_with(|| Failure::new(now));
        failure.refused = Some((delivery.position, topic, refusal));
    }

    fn broken(&mut self, reason: String, now: Instant) {
        let failure = self.failure.get_or_insert_with(|| Failure::new(now));
        if failure.reason.is_empty() {
            failure.reason = reason;
        }
    }

    /// The end of the session after a failure, once all is known that can be known.
    fn failed(&mut self, now: Instant) -> Result<(), Ended> {
        let Some(failure) = &self.failure else { return Ok(()) };
        if self.producer.in_flight() > 0 && now.duration_since(failure.since) < LAST_REPORTS {
            return Ok(());
        }
        if let Some((position, topic, refusal)) = &failure.refused {
            return Err(match self.alone.take() {
                Some(alone) if alone.position == *position => {
                    let fault = refusal_fault(*refusal, topic, &alone.id, *position);
                    Ended::Held(fault, Some(*position))
                }
                _ => Ended::BatchRefused(*refusal),
            });
        }
        Err(match self.producer.fatal() {
            Some((Outcome::Refused(Refusal::NotAuthorized), words)) => {
                Ended::Held(no_idempotence(&words), None)
            }
            Some((_, words)) => Ended::ProducerBroken(words),
            None => Ended::ProducerBroken(failure.reason.clone()),
        })
    }

    /// How long the oldest record, the frame in hand, or a position without witness has been waiting
    /// for Kafka.
    fn waiting(&self, now: Instant) -> Duration {
        let unwitnessed = self.engine.unwitnessed_since();
        let oldest = [self.producer.oldest_sent_at(), self.waiting_since, unwitnessed]
            .into_iter()
            .flatten()
            .min();
        oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

impl Failure {
    fn new(since: Instant) -> Failure {
        Failure { since, refused: None, reason: String::new() }
    }
}

fn no_idempotence(words: &str) -> Fault {
    Fault::new(
        FaultKind::Rights,
        format!("Kafka does not allow us an idempotent producer: {words}"),
        "grant IdempotentWrite on the cluster, or Write on the topics, to our principal",
    )
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

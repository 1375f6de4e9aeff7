//! Board: what a session tells operators, gathered per turn and not per row.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::engine::Engine;
use crate::{
    fault::{Fault, FaultKind},
    kafka::{Delivery, Producer, TopicId},
    observe::{Health, Metrics, Readiness, Server, TopicMetrics},
    wal::Lsn,
};

/// How often gauges are written.
pub(super) const INTERVAL: Duration = Duration::from_millis(200);

/// When the oldest record has waited for this long, Kafka is not acknowledging: not ready.
const PATIENCE: Duration = Duration::from_secs(5);

/// A fault that comes back comes back within this time, as a rule: it is at the stream's beginning.
const PROBATION: Duration = Duration::from_secs(3);

/// Where a session writes its numbers and its state.
pub(crate) struct Board {
    metrics: Metrics,
    health: Health,
    /// One entry per topic of the producer.
    topics: Vec<TopicMetrics>,
    /// Events and transactions already counted.
    counted: (u64, u64),
    retries: u64,
    confirmed: Option<Lsn>,
    /// Set while a fault of an earlier session is not overcome: it keeps us from being ready.
    held: bool,
    /// PostgreSQL is gone: the supervisor says what is wrong, and nothing here makes it right.
    detached: bool,
    /// What the log was told of Kafka not letting us in: once, not at each turn.
    told: Option<Fault>,
    begun_at: Instant,
    next_at: Instant,
}

impl Board {
    pub(crate) fn new(metrics: Metrics, health: Health, held: bool, now: Instant) -> Board {
        let board = Board {
            metrics,
            health,
            topics: Vec::new(),
            counted: (0, 0),
            retries: 0,
            confirmed: None,
            held,
            detached: false,
            told: None,
            begun_at: now,
            next_at: now,
        };
        board.metrics.connected(Server::Postgres, true);
        board
    }

    /// The replication connection is closed; only acknowledgements are waited for.
    pub(super) fn detach(&mut self) {
        self.detached = true;
    }

    /// The session's loop went round.
    pub(super) fn turn(&self) {
        self.health.turn();
    }

    /// When [`write`](Self::write) has something to do.
    pub(super) fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Whether a fault of an earlier session is not overcome yet.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// What held the publisher is over when something is acknowledged, or nothing has gone wrong
    /// for a while.
    pub(super) fn release(&mut self, acknowledged: bool, waiting: Duration, now: Instant) {
        let is_quiet = waiting.is_zero() && now.duration_since(self.begun_at) >= PROBATION;
        if self.held && !self.detached && (acknowledged || is_quiet) {
            tracing::info!("what held the publisher is overcome; publishing goes on");
            self.held = false;
        }
    }

    /// Kafka acknowledged a record.
    pub(super) fn acknowledged(&mut self, delivery: &Delivery, producer: &Producer, wall: i64) {
        let topic = self.topic(delivery.topic, producer);
        topic.acknowledged.inc();
        topic.bytes.inc_by(delivery.bytes);
        let micros = wall.saturating_sub(delivery.committed_at);
        let latency = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        self.metrics.commit_to_acknowledge(latency);
    }

    /// Kafka refused a record.
    pub(super) fn refused(&self, topic: &str, reason: &str) {
        self.metrics.refused(topic, reason);
    }

    /// Writes gauges and readiness, if it is time.
    pub(super) fn write(
        &mut self,
        engine: &Engine,
        producer: &Producer,
        waiting: Duration,
        now: Instant,
    ) {
        if now < self.next_at {
            return;
        }
        self.next_at = now + INTERVAL;
        let (events, transactions) = engine.counts();
        self.metrics.received(events - self.counted.0, transactions - self.counted.1);
        self.counted = (events, transactions);
        let (records, bytes) = engine.in_flight();
        self.metrics.in_flight(records, bytes);
        self.metrics.received_lsn(engine.received_lsn());
        self.metrics.oldest_unacknowledged(waiting);
        let retries = producer.retries();
        self.metrics.kafka_retries(retries.saturating_sub(self.retries));
        self.retries = self.retries.max(retries);
        self.metrics.connected(Server::Kafka, !producer.brokers_down() && waiting < PATIENCE);
        match producer.shut_out(waiting, now) {
            Some(fault) => self.shut_out(fault),
            None => self.ready(waiting, producer),
        }
    }

    /// A status update left for the server.
    pub(super) fn confirmed(&mut self, lsn: Lsn, received: Lsn) {
        if self.confirmed != Some(lsn) {
            self.confirmed = Some(lsn);
            // Together, so that no scrape sees more confirmed than received.
            self.metrics.received_lsn(received);
            self.metrics.confirmed(lsn, SystemTime::now());
        }
    }

    /// Kafka does not let us in: said at once. While something is held, that is what is shown.
    fn shut_out(&mut self, fault: Fault) {
        if self.told.as_ref() != Some(&fault) {
            tracing::error!(kind = fault.kind.label(), hint = %fault.hint, "{fault}");
            self.told = Some(fault.clone());
        }
        if !self.held {
            self.show(fault);
        }
    }

    fn show(&self, fault: Fault) {
        self.metrics.fault(Some(fault.kind));
        self.health.set_readiness(Readiness::NotReady { reason: fault.sentence, hint: fault.hint });
    }

    fn ready(&mut self, waiting: Duration, producer: &Producer) {
        if self.held || self.detached {
            return;
        }
        if waiting >= PATIENCE {
            self.show(unacknowledged(waiting, producer.trouble()));
        } else {
            if self.told.take().is_some() {
                tracing::info!("Kafka lets us in again");
            }
            self.metrics.fault(None);
            self.health.set_readiness(Readiness::Ready);
        }
    }

    fn topic(&mut self, id: TopicId, producer: &Producer) -> &TopicMetrics {
        // Topics are numbered in order of first use, without holes.
        for known in producer.topic_names().skip(self.topics.len()) {
            self.topics.push(self.metrics.topic(known));
        }
        &self.topics[id.index()]
    }
}

/// Kafka has acknowledged nothing for `waiting`; `trouble` is librdkafka's last complaint.
pub(super) fn unacknowledged(waiting: Duration, trouble: Option<&str>) -> Fault {
    let seconds = waiting.as_secs();
    let reason = trouble.map(|words| format!(" ({words})")).unwrap_or_default();
    Fault::new(
        FaultKind::Kafka,
        format!("Kafka has not acknowledged the oldest record for {seconds} s{reason}"),
        "see whether the brokers of [kafka] brokers are up and the topic's partitions have leaders; \
         nothing is lost, publishing goes on when they are",
    )
}

/// The wall clock in µs since the Unix epoch, to compare with commit times.
pub(super) fn wall_clock() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

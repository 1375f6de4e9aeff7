//! Metrics: every number Postrider shows, declared once, in `Families::declare`.
//!
//! They live in a registry of their own, so that two publishers in one test never mix. Numbers
//! that are unknown until first seen (LSNs, the slot) have no sample before that: a 0 would lie,
//! and alerts would fire at every start.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prometheus::{
    Gauge, GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, TEXT_FORMAT,
    TextEncoder,
};

use super::declare::Declarer;
use crate::{
    fault::{Fault, FaultKind},
    wal::Lsn,
};

/// Upper bounds in seconds, 1 ms to 10 min: a healthy publisher is in the first, a broker that
/// comes back in the last.
const LATENCY_BUCKETS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0,
    300.0, 600.0,
];

/// Why a session ended that no fault ended.
const STOPPED: &str = "stopped";

/// The numbers of one publisher. Clones are the same numbers.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    declarer: Declarer,
    families: Families,
}

/// The numbers of one topic. Resolved once, kept by the caller, then a plain atomic addition.
#[derive(Debug, Clone)]
pub struct TopicMetrics {
    /// Records that Kafka acknowledged.
    pub acknowledged: IntCounter,
    /// Their keys and values in bytes.
    pub bytes: IntCounter,
}

/// A server that the publisher talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The source.
    Postgres,
    /// The target.
    Kafka,
}

impl Server {
    fn label(self) -> &'static str {
        match self {
            Server::Postgres => "postgres",
            Server::Kafka => "kafka",
        }
    }
}

/// What PostgreSQL says about the WAL a slot needs (`pg_replication_slots.wal_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// Within `max_wal_size`.
    Reserved,
    /// Beyond `max_wal_size`, still kept.
    Extended,
    /// May be removed at the next checkpoint.
    Unreserved,
    /// Removed; the slot is of no use any more.
    Lost,
    /// There is no such slot.
    Missing,
}

impl SlotState {
    /// Every state, in the order the metric lists them.
    pub const ALL: [SlotState; 5] = [
        SlotState::Reserved,
        SlotState::Extended,
        SlotState::Unreserved,
        SlotState::Lost,
        SlotState::Missing,
    ];

    /// The metric's label; PostgreSQL's own word where it has one.
    pub fn label(self) -> &'static str {
        match self {
            SlotState::Reserved => "reserved",
            SlotState::Extended => "extended",
            SlotState::Unreserved => "unreserved",
            SlotState::Lost => "lost",
            SlotState::Missing => "missing",
        }
    }

    /// The state of a slot with this `wal_status`; `None` for a word that we do not know.
    pub fn from_wal_status(text: &str) -> Option<SlotState> {
        SlotState::ALL.into_iter().find(|state| state.label() == text)
    }
}

/// One look at the slot's row in `pg_replication_slots`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotSample {
    /// From the confirmed position to the server's newest WAL.
    pub lag_bytes: u64,
    /// From `restart_lsn` to the server's newest WAL: the disk this slot holds.
    pub retained_bytes: u64,
    /// What may still be written before the slot can be lost (`safe_wal_size`, negative beyond);
    /// `None` when the server sets no bound, shown as +Inf.
    pub safe_bytes: Option<i64>,
    /// What the server says about the slot's WAL.
    pub state: SlotState,
}

struct Families {
    events_received: IntCounter,
    transactions_received: IntCounter,
    acknowledged: IntCounterVec,
    refused: IntCounterVec,
    bytes: IntCounterVec,
    in_flight_records: IntGauge,
    in_flight_bytes: IntGauge,
    received_lsn: GaugeVec,
    confirmed_lsn: GaugeVec,
    slot_lag_bytes: GaugeVec,
    slot_retained_bytes: GaugeVec,
    slot_safe_bytes: GaugeVec,
    slot_state: IntGaugeVec,
    commit_to_acknowledge: Histogram,
    oldest_unacknowledged: Gauge,
    connected: IntGaugeVec,
    sessions_ended: IntCounterVec,
    kafka_retries: IntCounter,
    last_confirm: GaugeVec,
    fault: IntGaugeVec,
}

impl Families {
    fn declare(d: &mut Declarer) -> Families {
        d.gauges("build_info", "1, with the version that runs.", &["version"])
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        Families {
            events_received: d.counter(
                "events_received_total",
                "Outbox rows received from PostgreSQL, repeats after a restart included.",
            ),
            transactions_received: d.counter(
                "transactions_received_total",
                "Transactions received from PostgreSQL, repeats after a restart included.",
            ),
            acknowledged: d.counters(
                "records_acknowledged_total",
                "Records that Kafka acknowledged.",
                &["topic"],
            ),
            refused: d.counters(
                "records_refused_total",
                "Records that Kafka refused, once for each try.",
                &["topic", "reason"],
            ),
            bytes: d.counters(
                "record_bytes_total",
                "Bytes of keys and values of acknowledged records.",
                &["topic"],
            ),
            in_flight_records: d
                .gauge("in_flight_records", "Records sent and not yet acknowledged."),
            in_flight_bytes: d.gauge("in_flight_bytes", "Bytes sent and not yet acknowledged."),
            received_lsn: d.unknown_at_first(
                "received_lsn",
                "Highest WAL position received, as a byte offset (exact below 9 PB).",
            ),
            confirmed_lsn: d.unknown_at_first(
                "confirmed_lsn",
                "WAL position confirmed to the slot, as a byte offset (exact below 9 PB).",
            ),
            slot_lag_bytes: d.unknown_at_first(
                "slot_lag_bytes",
                "Bytes from the slot's confirmed position to the newest WAL.",
            ),
            slot_retained_bytes: d.unknown_at_first(
                "slot_retained_bytes",
                "Bytes of WAL that the server keeps for the slot.",
            ),
            slot_safe_bytes: d.unknown_at_first(
                "slot_safe_bytes",
                "Bytes of WAL until the slot can be lost; +Inf when the server sets no bound.",
            ),
            slot_state: d.gauges(
                "slot_state",
                "1 for the state that the slot is in, 0 for the others.",
                &["state"],
            ),
            commit_to_acknowledge: d.histogram(
                "commit_to_acknowledge_seconds",
                "Time from a row's commit to Kafka's acknowledgement, by both clocks.",
                LATENCY_BUCKETS,
            ),
            oldest_unacknowledged: d.seconds(
                "oldest_unacknowledged_seconds",
                "Age of the oldest record in flight; 0 when there is none.",
            ),
            connected: d.gauges(
                "connected",
                "1 while there is a connection to the server, else 0.",
                &["server"],
            ),
            sessions_ended: d.counters(
                "sessions_ended_total",
                "Replication sessions that ended, by the kind of fault or \"stopped\".",
                &["reason"],
            ),
            kafka_retries: d
                .counter("kafka_retries_total", "Produce requests that librdkafka sent again."),
            last_confirm: d.unknown_at_first(
                "last_confirm_timestamp_seconds",
                "When a position was last confirmed to the slot, in Unix time.",
            ),
            fault: d.gauges(
                "fault",
                "1 for the fault that keeps the publisher from working now, 0 for the others.",
                &["kind"],
            ),
        }
    }

    /// Shows the series whose labels are known from the start, so that a rate or an alert over
    /// them has a 0 to begin with.
    fn show_known_labels(&self) {
        for kind in FaultKind::ALL {
            self.fault.with_label_values(&[kind.label()]).set(0);
            self.sessions_ended.with_label_values(&[kind.label()]);
        }
        self.sessions_ended.with_label_values(&[STOPPED]);
        for server in [Server::Postgres, Server::Kafka] {
            self.connected.with_label_values(&[server.label()]).set(0);
        }
    }
}

impl Metrics {
    /// The media type of [`Metrics::text`].
    pub const CONTENT_TYPE: &'static str = TEXT_FORMAT;

    /// All numbers at their beginning.
    #[expect(clippy::new_without_default, reason = "a second set of numbers is never a default")]
    pub fn new() -> Metrics {
        let mut declarer = Declarer::new("postrider");
        let families = Families::declare(&mut declarer);
        families.show_known_labels();
        Metrics { inner: Arc::new(Inner { declarer, families }) }
    }

    fn families(&self) -> &Families {
        &self.inner.families
    }

    /// The handles of one topic; looking them up takes a lock, so keep them.
    pub fn topic(&self, topic: &str) -> TopicMetrics {
        TopicMetrics {
            acknowledged: self.families().acknowledged.with_label_values(&[topic]),
            bytes: self.families().bytes.with_label_values(&[topic]),
        }
    }

    /// Adds what came from PostgreSQL since the last call.
    pub fn received(&self, events: u64, transactions: u64) {
        self.families().events_received.inc_by(events);
        self.families().transactions_received.inc_by(transactions);
    }

    /// Counts one refusal. `reason` is one of few words, never a text from the server.
    pub fn refused(&self, topic: &str, reason: &str) {
        self.families().refused.with_label_values(&[topic, reason]).inc();
    }

    /// What is sent and not yet acknowledged.
    pub fn in_flight(&self, records: u64, bytes: u64) {
        self.families().in_flight_records.set(clamp(records));
        self.families().in_flight_bytes.set(clamp(bytes));
    }

    /// The highest position seen on the wire.
    pub fn received_lsn(&self, lsn: Lsn) {
        set(&self.families().received_lsn, lsn.as_u64() as f64);
    }

    /// The position that was confirmed, and when.
    pub fn confirmed(&self, lsn: Lsn, at: SystemTime) {
        set(&self.families().confirmed_lsn, lsn.as_u64() as f64);
        // A clock before 1970 is wrong anyway; 0 says so.
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        set(&self.families().last_confirm, seconds);
    }

    /// One look at the slot.
    pub fn slot(&self, sample: &SlotSample) {
        let families = self.families();
        set(&families.slot_lag_bytes, sample.lag_bytes as f64);
        set(&families.slot_retained_bytes, sample.retained_bytes as f64);
        let safe = sample.safe_bytes.map_or(f64::INFINITY, |bytes| bytes as f64);
        set(&families.slot_safe_bytes, safe);
        for state in SlotState::ALL {
            let here = i64::from(state == sample.state);
            families.slot_state.with_label_values(&[state.label()]).set(here);
        }
    }

    /// Latency of one record. Zero when the server's clock is ahead of ours.
    pub fn commit_to_acknowledge(&self, latency: Duration) {
        self.families().commit_to_acknowledge.observe(latency.as_secs_f64());
    }

    /// Age of the oldest record in flight; zero when there is none.
    pub fn oldest_unacknowledged(&self, age: Duration) {
        self.families().oldest_unacknowledged.set(age.as_secs_f64());
    }

    /// Whether there is a connection.
    pub fn connected(&self, server: Server, yes: bool) {
        self.families().connected.with_label_values(&[server.label()]).set(i64::from(yes));
    }

    /// Counts the end of a session: by a fault, or as asked when `None`.
    pub fn session_ended(&self, by: Option<FaultKind>) {
        let reason = by.map_or(STOPPED, FaultKind::label);
        self.families().sessions_ended.with_label_values(&[reason]).inc();
    }

    /// Adds the requests that librdkafka sent again since the last call.
    pub fn kafka_retries(&self, more: u64) {
        self.families().kafka_retries.inc_by(more);
    }

    /// What keeps the publisher from working now; `None` when it works.
    pub fn fault(&self, now: Option<FaultKind>) {
        for kind in FaultKind::ALL {
            let here = i64::from(now == Some(kind));
            self.families().fault.with_label_values(&[kind.label()]).set(here);
        }
    }

    /// All numbers in Prometheus' text format. A metric without samples still says that it exists.
    ///
    /// # Errors
    ///
    /// A bug when the encoder finds a family that it cannot write.
    pub fn text(&self) -> Result<String, Fault> {
        let mut text = String::new();
        TextEncoder::new().encode_utf8(&self.inner.declarer.gather(), &mut text).map_err(
            |error| {
                Fault::new(
                    FaultKind::Bug,
                    format!("metrics cannot be written: {error}"),
                    "report this with the version of Postrider",
                )
            },
        )?;
        self.inner.declarer.announce_empty(&mut text);
        Ok(text)
    }
}

fn set(gauge: &GaugeVec, value: f64) {
    gauge.with_label_values::<&str>(&[]).set(value);
}

fn clamp(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;

//! Metrics: how the program hands in its numbers, and their text for Prometheus.
//!
//! They live in a registry of their own, so that two publishers in one process never mix.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prometheus::{GaugeVec, IntCounter, TEXT_FORMAT, TextEncoder};

use super::{
    declare::Declarer,
    families::{Flow, Process, Slot},
};
use crate::{
    fault::{Fault, FaultKind},
    wal::Lsn,
};

/// Why a session ended that no fault ended.
const STOPPED: &str = "stopped";

/// The numbers of one publisher. Clones are the same numbers.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    declarer: Declarer,
    flow: Flow,
    slot: Slot,
    process: Process,
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

impl Metrics {
    /// The media type of [`Metrics::text`].
    pub const CONTENT_TYPE: &'static str = TEXT_FORMAT;

    /// All numbers at their beginning, with a 0 for every label that is known already: rates and
    /// alerts need something to begin with.
    #[expect(clippy::new_without_default, reason = "a second set of numbers is never a default")]
    pub fn new() -> Metrics {
        let mut declarer = Declarer::new("postrider");
        let flow = Flow::declare(&mut declarer);
        let slot = Slot::declare(&mut declarer);
        let process = Process::declare(&mut declarer);
        process.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        for reason in FaultKind::ALL.map(FaultKind::label).into_iter().chain([STOPPED]) {
            process.sessions_ended.with_label_values(&[reason]);
        }
        let metrics = Metrics { inner: Arc::new(Inner { declarer, flow, slot, process }) };
        metrics.fault(None);
        metrics.connected(Server::Postgres, false);
        metrics.connected(Server::Kafka, false);
        metrics
    }

    /// The handles of one topic; looking them up takes a lock, so keep them.
    pub fn topic(&self, topic: &str) -> TopicMetrics {
        TopicMetrics {
            acknowledged: self.inner.flow.acknowledged.with_label_values(&[topic]),
            bytes: self.inner.flow.bytes.with_label_values(&[topic]),
        }
    }

    /// Adds what came from PostgreSQL since the last call.
    pub fn received(&self, events: u64, transactions: u64) {
        self.inner.flow.events_received.inc_by(events);
        self.inner.flow.transactions_received.inc_by(transactions);
    }

    /// Counts one refusal. `reason` is one of few words, never a text from the server.
    pub fn refused(&self, topic: &str, reason: &str) {
        self.inner.flow.refused.with_label_values(&[topic, reason]).inc();
    }

    /// What is sent and not yet acknowledged.
    pub fn in_flight(&self, records: u64, bytes: u64) {
        self.inner.flow.in_flight_records.set(clamp(records));
        self.inner.flow.in_flight_bytes.set(clamp(bytes));
    }

    /// The highest position seen on the wire.
    pub fn received_lsn(&self, lsn: Lsn) {
        set(&self.inner.slot.received_lsn, lsn.as_u64() as f64);
    }

    /// The position that was confirmed, and when.
    pub fn confirmed(&self, lsn: Lsn, at: SystemTime) {
        set(&self.inner.slot.confirmed_lsn, lsn.as_u64() as f64);
        // A clock before 1970 is wrong anyway; 0 says so.
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        set(&self.inner.slot.last_confirm, seconds);
    }

    /// One look at the slot.
    pub fn slot(&self, sample: &SlotSample) {
        let slot = &self.inner.slot;
        set(&slot.lag_bytes, sample.lag_bytes as f64);
        set(&slot.retained_bytes, sample.retained_bytes as f64);
        let safe = sample.safe_bytes.map_or(f64::INFINITY, |bytes| bytes as f64);
        set(&slot.safe_bytes, safe);
        for state in SlotState::ALL {
            let here = i64::from(state == sample.state);
            slot.state.with_label_values(&[state.label()]).set(here);
        }
    }

    /// Latency of one record. Zero when the server's clock is ahead of ours.
    pub fn commit_to_acknowledge(&self, latency: Duration) {
        self.inner.flow.commit_to_acknowledge.observe(latency.as_secs_f64());
    }

    /// Age of the oldest record in flight; zero when there is none.
    pub fn oldest_unacknowledged(&self, age: Duration) {
        self.inner.flow.oldest_unacknowledged.set(age.as_secs_f64());
    }

    /// Whether there is a connection.
    pub fn connected(&self, server: Server, yes: bool) {
        self.inner.process.connected.with_label_values(&[server.label()]).set(i64::from(yes));
    }

    /// Counts the end of a session: by a fault, or as asked when `None`.
    pub fn session_ended(&self, by: Option<FaultKind>) {
        let reason = by.map_or(STOPPED, FaultKind::label);
        self.inner.process.sessions_ended.with_label_values(&[reason]).inc();
    }

    /// Adds the requests that librdkafka sent again since the last call.
    pub fn kafka_retries(&self, more: u64) {
        self.inner.flow.kafka_retries.inc_by(more);
    }

    /// What keeps the publisher from working now; `None` when it works.
    pub fn fault(&self, now: Option<FaultKind>) {
        for kind in FaultKind::ALL {
            let here = i64::from(now == Some(kind));
            self.inner.process.fault.with_label_values(&[kind.label()]).set(here);
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
        // The encoder writes Rust's `inf`; the format's word is `+Inf`.
        Ok(text.replace(" inf\n", " +Inf\n"))
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

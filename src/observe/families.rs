//! Families: every metric of Postrider, declared once: name, help, kind and labels.
//!
//! Numbers that are unknown until first seen (LSNs, the slot) have no sample before that: a 0
//! would lie, and alerts would fire at every start.

use prometheus::{Gauge, GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::declare::Declarer;

/// Upper bounds in seconds, 1 ms to 10 min: a healthy publisher is in the first, a broker that
/// comes back in the last.
const LATENCY_BUCKETS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0,
    300.0, 600.0,
];

/// What flows from PostgreSQL to Kafka.
pub(super) struct Flow {
    pub(super) events_received: IntCounter,
    pub(super) transactions_received: IntCounter,
    pub(super) acknowledged: IntCounterVec,
    pub(super) refused: IntCounterVec,
    pub(super) bytes: IntCounterVec,
    pub(super) in_flight_records: IntGauge,
    pub(super) in_flight_bytes: IntGauge,
    pub(super) commit_to_acknowledge: Histogram,
    pub(super) oldest_unacknowledged: Gauge,
    pub(super) kafka_retries: IntCounter,
}

impl Flow {
    pub(super) fn declare(d: &mut Declarer) -> Flow {
        Flow {
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
            commit_to_acknowledge: d.histogram(
                "commit_to_acknowledge_seconds",
                "Time from a row's commit to Kafka's acknowledgement, by both clocks.",
                LATENCY_BUCKETS,
            ),
            oldest_unacknowledged: d.seconds(
                "oldest_unacknowledged_seconds",
                "Age of the oldest record in flight; 0 when there is none.",
            ),
            kafka_retries: d
                .counter("kafka_retries_total", "Produce requests that librdkafka sent again."),
        }
    }
}

/// Where stream and slot stand.
pub(super) struct Slot {
    pub(super) received_lsn: GaugeVec,
    pub(super) confirmed_lsn: GaugeVec,
    pub(super) last_confirm: GaugeVec,
    pub(super) lag_bytes: GaugeVec,
    pub(super) retained_bytes: GaugeVec,
    pub(super) safe_bytes: GaugeVec,
    pub(super) state: IntGaugeVec,
}

impl Slot {
    // A sample is a 64-bit float, so LSNs lose their last bits beyond 2^53 bytes of WAL.
    pub(super) fn declare(d: &mut Declarer) -> Slot {
        Slot {
            received_lsn: d.unknown_at_first(
                "received_lsn",
                "Highest WAL position received, as a byte offset (exact below 9 PB).",
            ),
            confirmed_lsn: d.unknown_at_first(
                "confirmed_lsn",
                "WAL position confirmed to the slot, as a byte offset (exact below 9 PB).",
            ),
            last_confirm: d.unknown_at_first(
                "last_confirm_timestamp_seconds",
                "When a position was last confirmed to the slot, in Unix time.",
            ),
            lag_bytes: d.unknown_at_first(
                "slot_lag_bytes",
                "Bytes from the slot's confirmed position to the newest WAL.",
            ),
            retained_bytes: d.unknown_at_first(
                "slot_retained_bytes",
                "Bytes of WAL that the server keeps for the slot.",
            ),
            safe_bytes: d.unknown_at_first(
                "slot_safe_bytes",
                "Bytes of WAL until the slot can be lost; +Inf when the server sets no bound.",
            ),
            state: d.gauges(
                "slot_state",
                "1 for the state that the slot is in, 0 for the others.",
                &["state"],
            ),
        }
    }
}

/// How the process fares.
pub(super) struct Process {
    pub(super) build_info: IntGaugeVec,
    pub(super) connected: IntGaugeVec,
    pub(super) sessions_ended: IntCounterVec,
    pub(super) fault: IntGaugeVec,
}

impl Process {
    pub(super) fn declare(d: &mut Declarer) -> Process {
        Process {
            build_info: d.gauges("build_info", "1, with the version that runs.", &["version"]),
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
            fault: d.gauges(
                "fault",
                "1 for the fault that keeps the publisher from working now, 0 for the others.",
                &["kind"],
            ),
        }
    }
}

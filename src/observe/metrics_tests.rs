//! Tests of metrics: what `/metrics` says before and after numbers come in.

use super::*;

fn lines(metrics: &Metrics) -> Vec<String> {
    metrics.text().unwrap().lines().map(str::to_owned).collect()
}

#[track_caller]
fn assert_line(metrics: &Metrics, line: &str) {
    let lines = lines(metrics);
    assert!(lines.iter().any(|l| l == line), "no line {line:?} in\n{}", lines.join("\n"));
}

#[test]
fn every_metric_is_announced_once_even_before_it_has_samples() {
    let text = Metrics::new().text().unwrap();
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE postrider_"))
        .filter_map(|line| line.split(' ').next())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "build_info",
            "commit_to_acknowledge_seconds",
            "confirmed_lsn",
            "connected",
            "events_received_total",
            "fault",
            "in_flight_bytes",
            "in_flight_records",
            "kafka_retries_total",
            "last_confirm_timestamp_seconds",
            "oldest_unacknowledged_seconds",
            "received_lsn",
            "record_bytes_total",
            "records_acknowledged_total",
            "records_refused_total",
            "sessions_ended_total",
            "slot_lag_bytes",
            "slot_retained_bytes",
            "slot_safe_bytes",
            "slot_state",
            "transactions_received_total",
        ]
    );
    assert_eq!(text.matches("# HELP ").count(), names.len());
}

#[test]
fn what_is_not_known_yet_has_no_sample() {
    let text = Metrics::new().text().unwrap();
    for name in ["received_lsn", "confirmed_lsn", "slot_safe_bytes", "last_confirm"] {
        let sample = format!("postrider_{name}");
        assert!(!text.lines().any(|line| line.starts_with(&sample)), "{name} has a sample");
    }
}

#[test]
fn labels_that_are_known_start_at_zero() {
    let metrics = Metrics::new();
    for kind in FaultKind::ALL {
        assert_line(&metrics, &format!("postrider_fault{{kind=\"{}\"}} 0", kind.label()));
    }
    assert_line(&metrics, "postrider_connected{server=\"kafka\"} 0");
    assert_line(&metrics, "postrider_sessions_ended_total{reason=\"stopped\"} 0");
    let version = env!("CARGO_PKG_VERSION");
    assert_line(&metrics, &format!("postrider_build_info{{version=\"{version}\"}} 1"));
}

#[test]
fn a_turns_numbers_are_shown() {
    let metrics = Metrics::new();
    let orders = metrics.topic("orders");
    orders.acknowledged.inc_by(3);
    metrics.topic("orders").bytes.inc_by(1200);
    metrics.received(5, 2);
    metrics.in_flight(2, 800);
    metrics.received_lsn(Lsn::new(0x16_B374_D848));
    metrics.confirmed(Lsn::new(0x16_B374_D800), UNIX_EPOCH + Duration::from_millis(1500));
    metrics.oldest_unacknowledged(Duration::from_millis(250));
    metrics.kafka_retries(4);
    metrics.session_ended(Some(FaultKind::Kafka));
    metrics.refused("orders", "too_large");
    metrics.connected(Server::Postgres, true);
    metrics.commit_to_acknowledge(Duration::from_millis(15));
    for line in [
        "postrider_records_acknowledged_total{topic=\"orders\"} 3",
        "postrider_record_bytes_total{topic=\"orders\"} 1200",
        "postrider_events_received_total 5",
        "postrider_transactions_received_total 2",
        "postrider_in_flight_records 2",
        "postrider_in_flight_bytes 800",
        "postrider_received_lsn 97500059720",
        "postrider_confirmed_lsn 97500059648",
        "postrider_last_confirm_timestamp_seconds 1.5",
        "postrider_oldest_unacknowledged_seconds 0.25",
        "postrider_kafka_retries_total 4",
        "postrider_sessions_ended_total{reason=\"kafka\"} 1",
        "postrider_records_refused_total{reason=\"too_large\",topic=\"orders\"} 1",
        "postrider_connected{server=\"postgres\"} 1",
        "postrider_commit_to_acknowledge_seconds_bucket{le=\"0.01\"} 0",
        "postrider_commit_to_acknowledge_seconds_bucket{le=\"0.02\"} 1",
        "postrider_commit_to_acknowledge_seconds_bucket{le=\"600\"} 1",
    ] {
        assert_line(&metrics, line);
    }
}

#[test]
fn one_fault_is_shown_at_a_time_and_none_when_it_is_over() {
    let metrics = Metrics::new();
    metrics.fault(Some(FaultKind::Kafka));
    metrics.fault(Some(FaultKind::SlotBusy));
    assert_line(&metrics, "postrider_fault{kind=\"kafka\"} 0");
    assert_line(&metrics, "postrider_fault{kind=\"slot_busy\"} 1");
    metrics.fault(None);
    assert!(!lines(&metrics).iter().any(|l| l.starts_with("postrider_fault") && l.ends_with(" 1")));
}

#[test]
fn a_slot_without_bound_is_safe_for_ever_and_has_one_state() {
    let metrics = Metrics::new();
    let mut sample = SlotSample {
        lag_bytes: 10,
        retained_bytes: 4096,
        safe_bytes: None,
        state: SlotState::Reserved,
    };
    metrics.slot(&sample);
    assert_line(&metrics, "postrider_slot_safe_bytes +Inf");
    sample.safe_bytes = Some(-1);
    sample.state = SlotState::Lost;
    metrics.slot(&sample);
    assert_line(&metrics, "postrider_slot_lag_bytes 10");
    assert_line(&metrics, "postrider_slot_retained_bytes 4096");
    assert_line(&metrics, "postrider_slot_safe_bytes -1");
    assert_line(&metrics, "postrider_slot_state{state=\"reserved\"} 0");
    assert_line(&metrics, "postrider_slot_state{state=\"lost\"} 1");
}

#[test]
fn postgres_words_for_the_slot_are_known() {
    assert_eq!(SlotState::from_wal_status("unreserved"), Some(SlotState::Unreserved));
    assert_eq!(SlotState::from_wal_status("RESERVED"), None);
}

//! A publisher's life: what it shows while it runs, and how `init` prepares it.

use std::process::Command;

use crate::harness::{Publisher, Stage, TABLE};

/// Every metric of the contract whose subject exists.
const METRICS: &[&str] = &[
    "build_info",
    "events_received_total",
    "transactions_received_total",
    "records_acknowledged_total",
    "records_refused_total",
    "record_bytes_total",
    "in_flight_records",
    "in_flight_bytes",
    "received_lsn",
    "confirmed_lsn",
    "slot_lag_bytes",
    "slot_retained_bytes",
    "slot_safe_bytes",
    "slot_state",
    "commit_to_acknowledge_seconds",
    "oldest_unacknowledged_seconds",
    "connected",
    "sessions_ended_total",
    "kafka_retries_total",
    "last_confirm_timestamp_seconds",
    "fault",
];

#[track_caller]
fn becomes(publisher: &Publisher, name: &str, label: &str, expected: f64) {
    let name = format!("postrider_{name}");
    publisher.eventually(&format!("{name}{{{label}}} is {expected}"), || {
        (publisher.metric(&name, label)? == expected).then_some(())
    });
}

#[test]
fn metrics_count_what_was_delivered() {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    let page = publisher.metrics().unwrap().0;
    for name in METRICS {
        assert!(page.contains(&format!("# TYPE postrider_{name} ")), "no metric {name}:\n{page}");
    }
    let sql = stage.sql();
    let row = |n: i32| stage.insert(&n.to_string(), "'k'", r#"'{"a": 1}'"#);
    sql.run(&row(1));
    sql.run(&(row(2) + &row(3) + &row(4)));
    stage.records_when(&publisher, 4);
    stage.confirmed();

    let topic = stage.topic_name("orders");
    becomes(&publisher, "events_received_total", "", 4.0);
    becomes(&publisher, "transactions_received_total", "", 2.0);
    becomes(&publisher, "records_acknowledged_total", &topic, 4.0);
    becomes(&publisher, "in_flight_records", "", 0.0);
    becomes(&publisher, "in_flight_bytes", "", 0.0);
    becomes(&publisher, "commit_to_acknowledge_seconds_count", "", 4.0);
    becomes(&publisher, "oldest_unacknowledged_seconds", "", 0.0);
    becomes(&publisher, "connected", "postgres", 1.0);
    becomes(&publisher, "connected", "kafka", 1.0);
    becomes(&publisher, "fault", "", 0.0);
    becomes(&publisher, "build_info", env!("CARGO_PKG_VERSION"), 1.0);
    let page = publisher.metrics().unwrap();
    let value = |name: &str| page.sum(&format!("postrider_{name}"), "").unwrap();
    assert!(value("record_bytes_total") >= 4.0 * 8.0);
    assert!(value("confirmed_lsn") > 0.0);
    publisher.eventually("what is confirmed was received", || {
        let page = publisher.metrics()?;
        let received = page.sum("postrider_received_lsn", "")?;
        (received >= page.sum("postrider_confirmed_lsn", "")?).then_some(())
    });
    assert!(value("last_confirm_timestamp_seconds") > 1.7e9);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn probes_answer_and_unknown_pages_do_not() {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    let status = |path| publisher.get(path).map(|(status, _)| status);
    assert_eq!(status("/livez"), Some(200));
    assert_eq!(status("/readyz"), Some(200));
    assert_eq!(status("/nothing"), Some(404));
    assert_eq!(publisher.terminate(), 0);
    assert_eq!(status("/livez"), None, "the port is free again");
}

#[test]
fn json_logs_are_one_object_a_line() {
    let stage = Stage::new();
    stage.set("log.format", "'json'");
    let stage = stage.with_orders();
    let publisher = stage.run();
    assert_eq!(publisher.terminate(), 0);
    let log = publisher.log();
    assert!(!log.is_empty());
    for line in log.lines() {
        let object: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(object["level"], "INFO", "{line}");
    }
}

#[test]
fn init_twice_is_safe_and_keeps_the_slots_position() {
    let stage = Stage::new().with_orders();
    stage.sql().run(&stage.insert("between", "'k'", "'{}'"));
    stage.init();
    let publisher = stage.run();
    stage.records_when(&publisher, 1);
    stage.init();
    stage.confirmed();
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn init_print_prints_sql_that_psql_runs_and_changes_nothing_itself() {
    let stage = Stage::new();
    stage.sql().run(TABLE);
    stage.topic("orders", &[]);
    let said = stage.says(&["init", "--print"]);
    assert_eq!(said.code, 0, "{said:?}");
    let slots = "select count(*) from pg_replication_slots where slot_name = ";
    let slots = format!("{slots}'{}'", stage.name);
    assert_eq!(stage.sql().one::<i64>(&slots), 0, "--print creates nothing");

    let script = stage.directory.join("init.sql");
    std::fs::write(&script, &said.out).unwrap();
    let psql = |step: &str| {
        let mut psql = Command::new(stage.postgres.program("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&script);
        psql.arg(stage.postgres.address(crate::harness::ROLE, &stage.name));
        let said = crate::harness::said(psql);
        assert_eq!(said.code, 0, "{step}: {said:?}");
    };
    psql("first");
    assert_eq!(stage.sql().one::<i64>(&slots), 1);
    psql("again");

    let publisher = stage.run();
    stage.sql().run(&stage.insert("one", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);
    assert_eq!(publisher.terminate(), 0);
}

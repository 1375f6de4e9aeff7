//! The harness itself: both servers start and answer.

use std::time::Duration;

use crate::harness::{Load, Stage, TABLE};

#[test]
fn both_servers_start_and_a_topic_reads_back_empty() {
    let stage = Stage::new();
    stage.topic("orders", &[]);
    assert!(stage.records().is_empty());
    assert_eq!(stage.sql().text("show wal_level").as_deref(), Some("logical"));
}

#[test]
fn the_load_commits_rolls_back_and_keeps_rows_apart() {
    let stage = Stage::new();
    stage.sql().run(TABLE);
    let load = Load::start(&stage, 3, Duration::ZERO);
    load.goes_on(200);
    load.finish();
    let rows = stage.rows();
    assert!(rows.len() > 200, "{} rows", rows.len());
    assert!(rows.iter().all(|row| !row.id.ends_with("rolled-back")), "a savepoint was kept");
    let last: i64 = stage.sql().one("select last_value from outbox_seq_seq");
    assert!(last > rows.len() as i64, "nothing was rolled back");
}

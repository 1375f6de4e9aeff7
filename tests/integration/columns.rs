//! Optional columns and routes: each does what its setting says, and nothing is guessed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::harness::{Record, Stage};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A table with every optional column, mapped, and a column that has no role.
fn stage_with_all_columns() -> Stage<'static> {
    let stage = Stage::new();
    stage.sql().run(
        "create table outbox (
             id text primary key, aggregatetype text, aggregateid text, type text, payload text,
             shard int, extra json, trace text, at timestamptz, tenant text)",
    );
    stage.set(
        "outbox.columns",
        "{ partition = 'shard', headers = 'extra', traceparent = 'trace', timestamp = 'at' }",
    );
    stage.topic("orders", &[]);
    stage.init();
    stage
}

fn insert(stage: &Stage<'_>, values: &str) {
    let aggregate = stage.aggregate("orders");
    stage.sql().run(&format!(
        "insert into outbox (id, aggregatetype, aggregateid, type, payload, shard, extra, trace, at)
         select v.id, '{aggregate}', 'key', 'made', 'body', v.shard, v.extra::json, v.trace,
                v.at::timestamptz
         from (values {values}) v (id, shard, extra, trace, at)"
    ));
}

fn by_id(records: Vec<Record>, id: &str) -> Record {
    let found = records.into_iter().find(|record| record.header("id").as_deref() == Some(id));
    found.unwrap_or_else(|| panic!("no record has the id {id}"))
}

fn is_now(record: &Record) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let at = Duration::from_millis(record.timestamp.unwrap() as u64);
    now.abs_diff(at) < Duration::from_secs(60)
}

#[test]
fn partition_headers_traceparent_and_timestamp_columns_are_followed() {
    let stage = stage_with_all_columns();
    let publisher = stage.run();
    for shard in 0..4 {
        let extra = r#"{"tenant": "söüth", "empty": ""}"#;
        let at = "2024-05-01T12:34:56.789Z";
        insert(&stage, &format!("('{shard}', {shard}, '{extra}', '{TRACE}', '{at}')"));
    }

    let records = stage.records_when(&publisher, 4);
    for record in &records {
        assert_eq!(record.header("id"), Some(record.partition.to_string()));
        assert_eq!(record.timestamp, Some(1_714_566_896_789));
        assert_eq!(record.header("tenant").as_deref(), Some("söüth"));
        assert_eq!(record.header("empty").as_deref(), Some(""));
        assert_eq!(record.header("traceparent").as_deref(), Some(TRACE));
        assert_eq!(record.header_names().last(), Some(&"position"));
        assert_eq!(record.header_names().len(), 6);
    }
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_null_in_an_optional_column_falls_back_to_the_default() {
    let stage = stage_with_all_columns();
    let publisher = stage.run();
    insert(&stage, "('nulls', null::int, null, null, null)");

    let record = by_id(stage.records_when(&publisher, 1), "nulls");
    assert_eq!(record.header_names(), ["id", "type", "position"]);
    assert!(is_now(&record), "the commit time is the timestamp: {:?}", record.timestamp);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_timestamp_that_kafka_would_refuse_becomes_the_commit_time() {
    let stage = stage_with_all_columns();
    let publisher = stage.run();
    let odd = ["infinity", "-infinity", "294276-12-31 23:59:59", "0044-03-15 BC", "1969-12-31"];
    for at in odd {
        insert(&stage, &format!("('{at}', 0, null, null, '{at}')"));
    }

    let records = stage.records_when(&publisher, odd.len());
    for record in &records {
        assert!(is_now(record), "{:?} became {:?}", record.header("id"), record.timestamp);
    }
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn headers_can_be_renamed_and_position_left_out() {
    let stage = Stage::new();
    stage.sql().run(
        "create table outbox (id int, aggregatetype text, aggregateid text, type text,
                              payload text, tenant text)",
    );
    stage.set("route.headers", "['id as event-id', 'tenant', 'type as kind']");
    stage.set("route.position_header", "false");
    stage.topic("orders", &[]);
    stage.init();
    let publisher = stage.run();
    let aggregate = stage.aggregate("orders");
    stage.sql().run(&format!("insert into outbox values (5, '{aggregate}', 'k', 't', 'p', null)"));

    let records = stage.records_when(&publisher, 1);
    assert_eq!(records[0].header_names(), ["event-id", "tenant", "kind"]);
    assert_eq!(records[0].header("event-id").as_deref(), Some("5"));
    assert_eq!(records[0].headers[1].1, None, "a NULL column is a header without value");
    assert_eq!(records[0].header("kind").as_deref(), Some("t"));
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn topic_and_key_follow_their_templates() {
    let stage = Stage::new();
    stage.sql().run(
        "create table outbox (id int, full_topic text, tenant text, number int, type text,
                              payload text)",
    );
    stage.set("outbox.columns", "{ topic = 'full_topic', key = 'number' }");
    stage.set("route.topic", "'{full_topic}'");
    stage.set("route.key", "'{tenant}:{number}'");
    stage.topic("orders", &[]);
    stage.init();
    let publisher = stage.run();
    let topic = stage.topic_name("orders");
    stage.sql().run(&format!("insert into outbox values (1, '{topic}', 'acme', 42, 't', 'p')"));

    let records = stage.records_when(&publisher, 1);
    assert_eq!(records[0].key.as_deref(), Some(&b"acme:42"[..]));
    assert_eq!(publisher.terminate(), 0);
}

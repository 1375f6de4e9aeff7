//! Delivery: what is in the payload, key and topic columns arrives byte for byte.

use crate::harness::{Stage, TABLE};

/// About 900,000 bytes that do not compress to nothing.
const LARGE: &str = "(select string_agg(md5(i::text), '') from generate_series(1, 28125) i)";

/// Inserts each payload under each kind of key and reads all of it back.
fn delivers(column_type: &str, payloads: &[&str]) {
    let stage = Stage::new();
    stage.sql().run(&TABLE.replace("payload json", &format!("payload {column_type}")));
    stage.topic("orders", &[]);
    stage.init();
    let publisher = stage.run();

    let keys = ["'plain'", "''", "null", "'Schlüssel 鍵 🔑'", "'with ''quotes\" and \\'"];
    let sql = stage.sql();
    let mut count = 0;
    for (number, payload) in payloads.iter().enumerate() {
        for (key_number, key) in keys.iter().enumerate() {
            sql.run(&stage.insert(&format!("{number}/{key_number}"), key, payload));
            count += 1;
        }
    }

    assert_eq!(stage.records_when(&publisher, count).len(), count);
    let bytes = match column_type {
        "bytea" => "payload",
        _ => "convert_to(payload::text, 'UTF8')",
    };
    assert_eq!(stage.check(stage.rows_with(bytes), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn json_is_sent_as_it_was_written_spaces_and_repeated_names_too() {
    let large = format!("to_json({LARGE})");
    delivers(
        "json",
        &[r#"'{"b": 1,   "a":2, "b" : 3.10}'"#, r#"'"snö ☃ \u00e9"'"#, "'null'", "null", &large],
    );
}

#[test]
fn jsonb_is_sent_as_postgresql_prints_it() {
    let large = format!("to_jsonb({LARGE})");
    delivers("jsonb", &[r#"'{"b":1,"a":  [1.50, "ü"]}'"#, "'{}'", "'null'", "null", &large]);
}

#[test]
fn text_is_sent_byte_for_byte() {
    delivers("text", &["''", "'line\n\ttab \\ ''quote'''", "'日本語 🎉'", "null", LARGE]);
}

#[test]
fn varchar_is_sent_byte_for_byte() {
    delivers("varchar", &["''", "'  spaces  '", "'é'", "null", LARGE]);
}

#[test]
fn bytea_is_sent_as_the_bytes_it_holds() {
    let large = format!("decode({LARGE} || {LARGE}, 'hex')");
    delivers("bytea", &["''", r"'\x00ff0a5c78'", r"'\x'", "null", &large]);
}

#[test]
fn names_with_quotes_capitals_and_spaces_work_everywhere() {
    let stage = Stage::new();
    stage.sql().run(
        r#"create schema "Shop Floor";
           create table "Shop Floor"."Out""box" (
               "The Id" int primary key, "Topic" text, "Ke'y" text, "a""type" text, "Päyload" text)"#,
    );
    stage.set("postgres.publication", r#"'Mixed "Case'"#);
    stage.set("outbox.table", r#"'"Shop Floor"."Out""box"'"#);
    stage.set(
        "outbox.columns",
        r#"{ id = "The Id", topic = "Topic", key = "Ke'y", type = 'a"type', payload = "Päyload" }"#,
    );
    stage.topic("orders", &[]);
    stage.init();
    let publisher = stage.run();

    stage.sql().run(&format!(
        r#"insert into "Shop Floor"."Out""box" values (7, '{}', 'k', 'made', 'value')"#,
        stage.aggregate("orders")
    ));

    let records = stage.records_when(&publisher, 1);
    assert_eq!(records[0].key.as_deref(), Some(&b"k"[..]));
    assert_eq!(records[0].text(), "value");
    assert_eq!(records[0].header("id").as_deref(), Some("7"));
    assert_eq!(records[0].header("type").as_deref(), Some("made"));
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_debezium_outbox_table_works_without_any_setting_for_its_columns() {
    let stage = Stage::new();
    stage.sql().run(
        "create table outbox (
             id uuid not null primary key, aggregatetype varchar(255) not null,
             aggregateid varchar(255) not null, type varchar(255) not null, payload jsonb)",
    );
    stage.topic("customers", &[]);
    stage.init();
    let publisher = stage.run();

    let id = "406c07f3-26f0-4eea-a50c-109940064b8f";
    stage.sql().run(&format!(
        r#"insert into outbox values
           ('{id}', '{}', '123', 'CustomerCreated', '{{"id": 1}}')"#,
        stage.aggregate("customers")
    ));

    let records = stage.records_when(&publisher, 1);
    assert_eq!(records[0].topic, stage.topic_name("customers"));
    assert_eq!(records[0].key.as_deref(), Some(&b"123"[..]));
    assert_eq!(records[0].header("id").as_deref(), Some(id));
    assert_eq!(records[0].header("type").as_deref(), Some("CustomerCreated"));
    assert_eq!(records[0].text(), r#"{"id": 1}"#);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_missing_topic_is_created_when_the_settings_ask_for_it() {
    let stage = Stage::new();
    stage.sql().run(TABLE);
    stage.set("kafka.create_topics", "true");
    stage.set("kafka.topic_partitions", "3");
    stage.set("kafka.topic_replicas", "1");
    stage.init();
    let publisher = stage.run();

    stage.sql().run(&stage.insert("new", "'k'", "'{}'"));
    stage.watch(&stage.topic_name("orders"));

    assert_eq!(stage.records_when(&publisher, 1)[0].text(), "{}");
    assert_eq!(stage.topics.partitions(&stage.topic_name("orders")), Some(3));
    stage.check(stage.rows(), Vec::new());
    assert_eq!(publisher.terminate(), 0);
}

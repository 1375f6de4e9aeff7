//! Mapper, by rows as the server sends them.

use proptest::prelude::*;

use super::*;
use crate::{
    outbox::{
        HeaderColumn,
        fixture::{DEBEZIUM, any_value, config, insert, relation, row, template},
        pg_type::{BYTEA, INT4, INT8, JSON, JSONB, TEXT, TIMESTAMP, TIMESTAMPTZ},
    },
    wal::{Lsn, Value},
};

const POSITION: Position = Position { commit_lsn: Lsn::new(0x16B_3748), ordinal: 3 };
/// 2024-05-01 12:34:56.789 UTC.
const COMMIT: PgTimestamp = PgTimestamp(767_882_096_789_000);
const COMMIT_MILLIS: i64 = 1_714_566_896_789;

type Bytes = Option<Vec<u8>>;

/// A record that owns what it holds.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    topic: String,
    key: Bytes,
    payload: Bytes,
    headers: Vec<(String, Bytes)>,
    timestamp: i64,
    partition: Option<i32>,
}

fn text(text: &str) -> Value<'_> {
    Value::Text(text.as_bytes())
}

fn some(bytes: impl AsRef<[u8]>) -> Bytes {
    Some(bytes.as_ref().to_vec())
}

fn map(config: &Config, columns: &[(&str, u32)], values: &[Value<'_>]) -> Result<Sent, EventError> {
    let mut mapper = Mapper::new(config.clone());
    let plan = mapper.relation(&relation(columns)).unwrap();
    let message = insert(values);
    let record = mapper.record(&plan, &row(&message), POSITION, COMMIT)?;
    assert_eq!(record.position, POSITION);
    Ok(Sent {
        topic: record.topic.into(),
        key: record.key.map(<[u8]>::to_vec),
        payload: record.payload.map(<[u8]>::to_vec),
        headers: record.headers.iter().map(|(n, v)| (n.into(), v.map(<[u8]>::to_vec))).collect(),
        timestamp: record.timestamp,
        partition: record.partition,
    })
}

const ORDER: [Value<'_>; 5] = [
    Value::Text(b"7f1b"),
    Value::Text(b"order"),
    Value::Text(b"o-1"),
    Value::Text(b"created"),
    Value::Text(b"{\"total\": 1.50}"),
];

/// `ORDER` with the value at `index` replaced.
fn order_with(index: usize, value: Value<'static>) -> [Value<'static>; 5] {
    let mut values = ORDER;
    values[index] = value;
    values
}

/// Maps a row with one more column, which `name_it` names in the settings.
fn with_extra(
    type_id: u32,
    value: Value<'_>,
    name_it: impl Fn(&mut Config),
) -> Result<Sent, EventError> {
    let mut config = config();
    name_it(&mut config);
    let mut columns = DEBEZIUM.to_vec();
    columns.push(("extra", type_id));
    map(&config, &columns, &[&ORDER[..], &[value]].concat())
}

fn problem(result: Result<Sent, EventError>) -> EventProblem {
    let error = result.expect_err("the row should be refused");
    assert_eq!((error.position, error.id.as_deref()), (POSITION, Some("\"7f1b\"")));
    error.problem
}

#[test]
fn a_debezium_row_becomes_a_record() {
    assert_eq!(
        map(&config(), &DEBEZIUM, &ORDER),
        Ok(Sent {
            topic: "outbox.event.order".into(),
            key: some("o-1"),
            payload: some("{\"total\": 1.50}"),
            headers: vec![
                ("id".into(), some("7f1b")),
                ("type".into(), some("created")),
                ("position".into(), some("0/16B3748/3")),
            ],
            timestamp: COMMIT_MILLIS,
            partition: None,
        })
    );
}

#[test]
fn payload_bytes_are_those_of_postgresql() {
    for (type_id, value, payload) in [
        (JSON, text("{ \"a\" :1 }"), some("{ \"a\" :1 }")),
        (TEXT, text(""), some("")),
        (TEXT, text("größe 😀"), some("größe 😀")),
        (TEXT, Value::Text(b"\xFF\x00"), some(b"\xFF\x00")),
        (TEXT, text("\\x00"), some("\\x00")),
        (TEXT, Value::Binary(b"abc"), some("abc")),
        (BYTEA, text("\\x00ff"), some(b"\x00\xFF")),
        (BYTEA, text("\\x"), some("")),
        (BYTEA, Value::Binary(b"\\x00"), some("\\x00")),
        (BYTEA, Value::Null, None),
        (JSONB, Value::Null, None),
    ] {
        let sent = with_extra(type_id, value, |config| config.columns.payload = "extra".into());
        assert_eq!(sent.unwrap().payload, payload, "{value:?}");
    }
}

#[test]
fn a_bytea_in_the_escape_format_is_refused() {
    let column = || "extra".to_owned();
    for escaped in ["abc", "", "\\000", "\\\\x00"] {
        let sent = with_extra(BYTEA, text(escaped), |config| config.columns.payload = column());
        assert_eq!(problem(sent), EventProblem::NotHex { column: column() }, "{escaped:?}");
    }
}

#[test]
fn topics_follow_the_template() {
    for (topic, type_id, value, expected) in [
        ("{extra}", TEXT, text("a.b"), "a.b"),
        ("all", TEXT, Value::Null, "all"),
        ("{aggregatetype}-{extra}", INT4, text("7"), "order-7"),
        ("x{extra}", BYTEA, text("\\x6162"), "xab"),
    ] {
        let sent = with_extra(type_id, value, |config| config.route.topic = template(topic));
        assert_eq!(sent.unwrap().topic, expected);
    }
}

#[test]
fn a_null_in_the_topic_is_refused() {
    assert_eq!(
        problem(map(&config(), &DEBEZIUM, &order_with(1, Value::Null))),
        EventProblem::NullInTopic { column: "aggregatetype".into() }
    );
}

#[test]
fn an_invalid_topic_is_refused_and_shown_escaped_and_shortened() {
    let long = "x".repeat(250);
    let shown = format!("\"{}…\"", "x".repeat(80));
    for (topic, shown) in [
        ("", "\"\""),
        ("..", "\"..\""),
        ("a b\n", "\"a b\\n\""),
        ("grün", "\"grün\""),
        (long.as_str(), shown.as_str()),
    ] {
        let sent = with_extra(TEXT, text(topic), |c| c.route.topic = template("{extra}"));
        assert_eq!(problem(sent), EventProblem::InvalidTopic { topic: shown.into() });
    }
    let sent = with_extra(TEXT, Value::Text(b"\xFF"), |c| c.route.topic = template("{extra}"));
    assert!(matches!(problem(sent), EventProblem::InvalidTopic { .. }));
}

#[test]
fn keys_are_exact_and_a_lone_null_is_no_key() {
    for (key, type_id, value, expected) in [
        ("{extra}", TEXT, text("k"), some("k")),
        ("{extra}", TEXT, text(""), some("")),
        ("{extra}", TEXT, Value::Null, None),
        ("{extra}", TEXT, Value::Text(b"\xFE\x00"), some(b"\xFE\x00")),
        ("{extra}", INT8, text("-9"), some("-9")),
        ("{extra}", BYTEA, text("\\xfe00"), some(b"\xFE\x00")),
        ("{aggregatetype}/{extra}", BYTEA, text("\\x00"), some(b"order/\x00")),
        ("<{extra}>", TEXT, text(""), some("<>")),
        ("same", TEXT, Value::Null, some("same")),
    ] {
        let sent = with_extra(type_id, value, |config| config.route.key = template(key));
        assert_eq!(sent.unwrap().key, expected, "{key} {value:?}");
    }
    for key in ["{aggregatetype}/{extra}", "{extra}.", "{extra}{extra}"] {
        let sent = with_extra(TEXT, Value::Null, |config| config.route.key = template(key));
        assert_eq!(problem(sent), EventProblem::NullInKey { column: "extra".into() });
    }
}

#[test]
fn headers_come_in_order_and_null_is_not_empty() {
    let header =
        |column: &str, name: &str| HeaderColumn { column: column.into(), name: name.into() };
    let mut config = config();
    config.route.headers =
        vec![header("type", "Kind"), header("id", "event-id"), header("blob", "blob")];
    config.columns.headers = Some("extra".into());
    config.columns.traceparent = Some("trace".into());
    let mut columns = DEBEZIUM.to_vec();
    columns.extend([("trace", TEXT), ("extra", JSON), ("blob", BYTEA)]);
    let row = |values: [Value<'static>; 3]| [&order_with(3, Value::Null)[..], &values].concat();

    let full = row([text("00-ab"), text(r#"{"z":"1","a":null,"z":""}"#), text("\\x00")]);
    let name = |name: &str, value: Bytes| (name.to_owned(), value);
    assert_eq!(
        map(&config, &columns, &full).unwrap().headers,
        [
            name("Kind", None),
            name("event-id", some("7f1b")),
            name("blob", some(b"\0")),
            name("z", some("1")),
            name("a", None),
            name("z", some("")),
            name("traceparent", some("00-ab")),
            name("position", some("0/16B3748/3")),
        ]
    );

    config.route.position_header = false;
    let bare = row([Value::Null, Value::Null, text("\\x")]);
    assert_eq!(
        map(&config, &columns, &bare).unwrap().headers,
        [name("Kind", None), name("event-id", some("7f1b")), name("blob", some(""))]
    );
}

#[test]
fn a_headers_column_that_is_no_object_of_strings_is_refused() {
    for (json, reason) in
        [("[]", "an array"), ("{\"a\":1}", "header \"a\" as a number"), ("", "JSON")]
    {
        let sent = with_extra(TEXT, text(json), |c| c.columns.headers = Some("extra".into()));
        match problem(sent) {
            EventProblem::Headers { column, found } => {
                assert_eq!(column, "extra");
                assert!(found.contains(reason), "{found}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn partitions_are_numbers_kafka_can_have() {
    let place = |value| with_extra(INT8, value, |c| c.columns.partition = Some("extra".into()));
    assert_eq!(place(Value::Null).unwrap().partition, None);
    assert_eq!(place(text("0")).unwrap().partition, Some(0));
    assert_eq!(place(text("2147483647")).unwrap().partition, Some(i32::MAX));
    for number in ["-1", "2147483648", "-9223372036854775808"] {
        assert_eq!(
            problem(place(text(number))),
            EventProblem::Partition { column: "extra".into(), value: format!("\"{number}\"") }
        );
    }
}

#[test]
fn the_timestamp_is_the_columns_or_the_commits() {
    let time =
        |type_id, value| with_extra(type_id, value, |c| c.columns.timestamp = Some("extra".into()));
    for (type_id, value, millis) in [
        (TIMESTAMPTZ, text("2024-05-01 14:34:56.1+02"), 1_714_566_896_100),
        (TIMESTAMP, text("2024-05-01 12:34:56.1"), 1_714_566_896_100),
        (TIMESTAMPTZ, Value::Null, COMMIT_MILLIS),
        (TIMESTAMPTZ, text("infinity"), COMMIT_MILLIS),
        (TIMESTAMP, text("-infinity"), COMMIT_MILLIS),
        (TIMESTAMPTZ, text("0044-03-15 12:00:00+00 BC"), COMMIT_MILLIS),
        (TIMESTAMPTZ, text("12024-05-01 00:00:00+00"), COMMIT_MILLIS),
    ] {
        assert_eq!(time(type_id, value).unwrap().timestamp, millis, "{value:?}");
    }
    assert_eq!(
        problem(time(TIMESTAMPTZ, text("01.05.2024 14:34:56 CEST"))),
        EventProblem::Timestamp {
            column: "extra".into(),
            value: "\"01.05.2024 14:34:56 CEST\"".into()
        }
    );
}

#[test]
fn what_an_insert_cannot_hold_is_refused() {
    let error = map(&config(), &DEBEZIUM, &ORDER[..4]).unwrap_err();
    assert_eq!(error.problem, EventProblem::ColumnCount { expected: 5, found: 4 });
    assert_eq!(error.id, None);

    let error = map(&config(), &DEBEZIUM, &order_with(4, Value::UnchangedToast)).unwrap_err();
    assert_eq!(error.problem, EventProblem::UnchangedToast { column: "payload".into() });

    let binary = |index| map(&config(), &DEBEZIUM, &order_with(index, Value::Binary(b"\x01{}")));
    assert_eq!(problem(binary(4)), EventProblem::BinaryValue { column: "payload".into() });
    assert!(binary(1).is_err_and(|e| matches!(e.problem, EventProblem::InvalidTopic { .. })));
}

#[test]
fn a_null_id_is_a_null_header_and_no_name_for_the_event() {
    let sent = map(&config(), &DEBEZIUM, &order_with(0, Value::Null)).unwrap();
    assert_eq!(sent.headers[0], ("id".into(), None));
}

#[test]
fn a_very_wide_table_maps_like_a_narrow_one() {
    let fillers: Vec<String> = (0..100).map(|n| format!("filler_{n}")).collect();
    let mut columns: Vec<(&str, u32)> = fillers.iter().map(|name| (name.as_str(), TEXT)).collect();
    columns.extend(DEBEZIUM);
    let values = [&[text("filler"); 100][..], &ORDER].concat();
    assert_eq!(map(&config(), &columns, &values), map(&config(), &DEBEZIUM, &ORDER));
}

#[test]
fn payload_and_key_are_borrowed_from_the_row() {
    let mut mapper = Mapper::new(config());
    let plan = mapper.relation(&relation(&DEBEZIUM)).unwrap();
    let message = insert(&ORDER);
    let record = mapper.record(&plan, &row(&message), POSITION, COMMIT).unwrap();
    let within = |bytes: &[u8]| message.as_ptr_range().contains(&bytes.as_ptr());
    assert!(record.payload.is_some_and(within));
    assert!(record.key.is_some_and(within));
    assert_eq!(record.event_id, Some(&b"7f1b"[..]));
}

#[test]
fn no_row_leaves_anything_behind_for_the_next() {
    let mut config = config();
    config.columns.headers = Some("extra".into());
    config.route.key = template("{aggregatetype}.{aggregateid}");
    let mut columns = DEBEZIUM.to_vec();
    columns[4].1 = BYTEA;
    columns.push(("extra", TEXT));
    let order = order_with(4, text("\\x6162"));
    let good = insert(&[&order[..], &[Value::Null]].concat());
    let bad = insert(&[&order[..], &[text("{\"a\":\"1\",\"b\":2}")]].concat());

    let mut mapper = Mapper::new(config);
    let plan = mapper.relation(&relation(&columns)).unwrap();
    for _ in 0..2 {
        assert!(mapper.record(&plan, &row(&bad), POSITION, COMMIT).is_err());
        let record = mapper.record(&plan, &row(&good), POSITION, COMMIT).unwrap();
        assert_eq!(record.topic, "outbox.event.order");
        assert_eq!(record.key, Some(&b"order.o-1"[..]));
        assert_eq!(record.payload, Some(&b"ab"[..]));
        let headers: Vec<_> = record.headers.iter().collect();
        assert_eq!(headers.len(), 3);
        assert_eq!(headers[2], ("position", Some(&b"0/16B3748/3"[..])));
    }
}

proptest! {
    #[test]
    fn any_values_give_a_record_or_an_error_that_prints_on_one_line(
        types in prop::collection::vec(
            prop::sample::select(vec![BYTEA, TEXT, JSON, JSONB, INT8]), 5,
        ),
        values in prop::collection::vec(any_value(), 0..12),
    ) {
        let mut config = config();
        config.columns.headers = Some("extra".into());
        config.columns.partition = Some("shard".into());
        config.columns.timestamp = Some("at".into());
        config.route.key = template("{aggregateid}{type}");
        let mut columns = DEBEZIUM.to_vec();
        columns.iter_mut().zip(types).take(4).for_each(|(column, oid)| column.1 = oid);
        columns.extend([("extra", TEXT), ("shard", INT8), ("at", TIMESTAMPTZ)]);
        let values: Vec<_> = values.iter().map(|(value, bytes)| value(bytes)).collect();
        if let Err(error) = map(&config, &columns, &values) {
            let fault = error.fault();
            prop_assert!(!fault.sentence.chars().any(char::is_control));
            prop_assert!(fault.sentence.chars().count() < 2000);
        }
    }

    #[test]
    fn any_text_payload_key_and_id_arrive_unchanged(id: Vec<u8>, key: Vec<u8>, payload: Vec<u8>) {
        let values = [Value::Text(&id), ORDER[1], Value::Text(&key), ORDER[3], Value::Text(&payload)];
        let sent = map(&config(), &DEBEZIUM, &values).unwrap();
        prop_assert_eq!(&sent.headers[0].1, &some(&id));
        prop_assert_eq!((sent.key, sent.payload), (some(&key), some(&payload)));
    }
}

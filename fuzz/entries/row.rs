//! One row of an outbox, from its columns to the record.

use postrider::{
    outbox::{
        Columns, Config, HeaderColumn, Mapper, Position, Route, TableName, Template, is_valid_topic,
    },
    wal::{LogicalMessage, PgTimestamp},
};

/// The column `headers` of a row is `data`.
pub(super) fn headers(data: &[u8]) {
    let topic = Template::parse("outbox.event.{aggregatetype}").expect("it is a template");
    let route = Route {
        topic,
        key: Template::parse("{aggregateid}").expect("it is a template"),
        headers: vec![HeaderColumn { column: "id".into(), name: "id".into() }],
        position_header: false,
    };
    let columns = Columns { headers: Some("headers".into()), ..Columns::default() };
    let values = [b"e1".as_slice(), b"order", b"k", b"paid", b"{}", data];
    map(columns, route, &values, |count| {
        let object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(data);
        let object = object.expect("what became headers is a JSON object");
        // A name may come twice in the text; it is two headers then, and one in the map.
        assert!(count > object.len(), "{count} headers of {object:?}");
    });
}

/// Two lines are the templates of topic and key; the rest is what the columns hold.
pub(super) fn routing(data: &[u8]) {
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut text = || std::str::from_utf8(lines.next().unwrap_or_default()).unwrap_or_default();
    let (topic, key) = (Template::parse(text()), Template::parse(text()));
    let (first, rest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    for template in [&topic, &key] {
        match template {
            Ok(template) => {
                let written = template.to_string();
                assert_eq!(Template::parse(&written).as_ref(), Ok(template), "{written}");
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let (Ok(topic), Ok(key)) = (topic, key) else { return };
    let route = Route { topic, key, headers: Vec::new(), position_header: true };
    let values = [b"e1".as_slice(), first, rest, b"paid", b"{}", b"{}"];
    map(Columns::default(), route, &values, |_| {});
}

/// Maps one row; `check` gets the number of headers of its record.
fn map(columns: Columns, route: Route, values: &[&[u8]; 6], check: impl Fn(usize)) {
    let table = TableName { schema: "public".into(), name: "outbox".into() };
    let mut mapper = Mapper::new(Config { table, columns, route });
    let relation = relation();
    let Ok(LogicalMessage::Relation(relation)) = LogicalMessage::decode(&relation) else {
        panic!("the relation can be read");
    };
    let Ok(plan) = mapper.relation(&relation) else { return };
    let insert = insert(values);
    let Ok(LogicalMessage::Insert { row, .. }) = LogicalMessage::decode(&insert) else {
        panic!("the row can be read");
    };
    let position: Position = "0/1/0".parse().expect("it is a position");
    match mapper.record(&plan, &row, position, PgTimestamp(0)) {
        Ok(record) => {
            assert!(is_valid_topic(record.topic), "{}", record.topic);
            check(record.headers.len());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

const COLUMNS: [(&str, u32); 6] = [
    ("id", 25),
    ("aggregatetype", 25),
    ("aggregateid", 25),
    ("type", 25),
    ("payload", 25),
    ("headers", 114),
];

fn relation() -> Vec<u8> {
    let mut body = b"R\0\0\0\x01public\0outbox\0d".to_vec();
    body.extend((COLUMNS.len() as u16).to_be_bytes());
    for (name, kind) in COLUMNS {
        body.push(0);
        body.extend(name.as_bytes());
        body.push(0);
        body.extend(kind.to_be_bytes());
        body.extend((-1i32).to_be_bytes());
    }
    body
}

fn insert(values: &[&[u8]]) -> Vec<u8> {
    let mut body = b"I\0\0\0\x01N".to_vec();
    body.extend((values.len() as u16).to_be_bytes());
    for value in values {
        body.push(b't');
        body.extend((value.len() as u32).to_be_bytes());
        body.extend(*value);
    }
    body
}

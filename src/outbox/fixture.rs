//! Settings, tables and rows for the tests of this folder.

use proptest::prelude::*;

use super::{Columns, Config, HeaderColumn, Route, TableName, Template};
use crate::wal::{Column, LogicalMessage, Relation, Tuple, Value};

/// Debezium's outbox table: names and type oids.
pub(super) const DEBEZIUM: [(&str, u32); 5] = [
    ("id", 2950),
    ("aggregatetype", 1043),
    ("aggregateid", 1043),
    ("type", 1043),
    ("payload", 3802),
];

/// The default settings.
pub(super) fn config() -> Config {
    let header = |column: &str| HeaderColumn { column: column.into(), name: column.into() };
    Config {
        table: TableName { schema: "public".into(), name: "outbox".into() },
        columns: Columns::default(),
        route: Route {
            topic: template("outbox.event.{aggregatetype}"),
            key: template("{aggregateid}"),
            headers: vec![header("id"), header("type")],
            position_header: true,
        },
    }
}

pub(super) fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}

pub(super) fn relation<'a>(columns: &[(&'a str, u32)]) -> Relation<'a> {
    let column = |&(name, type_id)| Column { is_key: false, name, type_id, type_modifier: -1 };
    Relation {
        id: 16_384,
        namespace: "public",
        name: "outbox",
        replica_identity: b'd',
        columns: columns.iter().map(column).collect(),
    }
}

/// An Insert message of pgoutput with these values.
pub(super) fn insert(values: &[Value<'_>]) -> Vec<u8> {
    let mut message = b"I\0\0\x40\0N".to_vec();
    message.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        let (tag, bytes) = match value {
            Value::Null => (b'n', None),
            Value::UnchangedToast => (b'u', None),
            Value::Text(bytes) => (b't', Some(bytes)),
            Value::Binary(bytes) => (b'b', Some(bytes)),
        };
        message.push(tag);
        if let Some(bytes) = bytes {
            message.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
            message.extend_from_slice(bytes);
        }
    }
    message
}

/// The row of an Insert message.
pub(super) fn row(message: &[u8]) -> Tuple<'_> {
    match LogicalMessage::decode(message) {
        Ok(LogicalMessage::Insert { row, .. }) => row,
        other => panic!("{other:?}"),
    }
}

/// A kind of value and its bytes.
pub(super) type AnyValue = (fn(&[u8]) -> Value<'_>, Vec<u8>);

/// Every kind of value with any bytes.
pub(super) fn any_value() -> impl Strategy<Value = AnyValue> {
    const KINDS: [fn(&[u8]) -> Value<'_>; 4] =
        [|_| Value::Null, |_| Value::UnchangedToast, |b| Value::Text(b), |b| Value::Binary(b)];
    (prop::sample::select(&KINDS[..]), any::<Vec<u8>>())
}

//! Tests on bytes that no server sends.

use proptest::prelude::*;

use super::{LogicalMessage, OldTuple, Tuple, Value};
use crate::wal::DecodeError;

/// Decodes `body` and walks over all there is in it.
pub(super) fn walk(body: &[u8]) {
    let tuples = match LogicalMessage::decode(body) {
        Ok(LogicalMessage::Insert { row, .. }) => vec![row],
        Ok(LogicalMessage::Update { old, new, .. }) => old.iter().map(inner).chain([new]).collect(),
        Ok(LogicalMessage::Delete { old, .. }) => vec![inner(&old)],
        Ok(_) => vec![],
        Err(error) => {
            assert!(!error.to_string().is_empty());
            vec![]
        }
    };
    for tuple in tuples {
        assert_eq!(tuple.values().count(), tuple.column_count());
    }
}

fn inner<'a>(old: &OldTuple<'a>) -> Tuple<'a> {
    match *old {
        OldTuple::Key(tuple) | OldTuple::Full(tuple) => tuple,
    }
}

fn error(body: &[u8]) -> String {
    LogicalMessage::decode(body).expect_err("these bytes are no message").to_string()
}

#[test]
fn an_unknown_tag_is_named_wherever_it_stands() {
    // S begins a stream block of protocol version 2, which we never ask for.
    assert_eq!(error(b"S\0\0\0\x01\x01"), "the logical message has the unknown tag 'S'");
    assert_eq!(error(b"\0"), "the logical message has the unknown tag 0x00");
    assert_eq!(error(b"I\0\0\0\x01K\0\0"), "the row of an Insert has the unknown tag 'K'");
    assert_eq!(error(b"U\0\0\0\x01X\0\0"), "the row of an Update has the unknown tag 'X'");
    assert_eq!(error(b"U\0\0\0\x01K\0\0K\0\0"), "the row of an Update has the unknown tag 'K'");
    assert_eq!(error(b"D\0\0\0\x01N\0\0"), "the row of a Delete has the unknown tag 'N'");
    assert_eq!(error(b"I\0\0\0\x01N\0\x01x"), "a value has the unknown tag 'x'");
}

#[test]
fn undefined_flags_are_an_error_and_not_ignored() {
    let commit = [b"C\x01".as_slice(), &[0; 24]].concat();
    assert_eq!(error(&commit), "the flags of a Commit: 1 is undefined");
    assert_eq!(error(b"T\0\0\0\0\x04"), "the options of a Truncate: 4 is undefined");
    let message = [b"M\x02".as_slice(), &[0; 13]].concat();
    assert_eq!(error(&message), "the flags of a Message: 2 is undefined");
    let relation = b"R\0\0\0\x01s\0t\0d\0\x01\x02c\0\0\0\0\x19\xFF\xFF\xFF\xFF";
    assert_eq!(error(relation), "the flags of a column: 2 is undefined");
}

#[test]
fn names_that_are_not_utf8_are_an_error() {
    assert_eq!(error(b"Y\0\0\0\x01\xFF\0t\0"), "the namespace of a Type is not UTF-8");
    assert_eq!(error(b"Y\0\0\0\x01s\0\xFF\0"), "the name of a Type is not UTF-8");
    assert_eq!(error(b"R\0\0\0\x01s\0\xC3\0d\0\0"), "the name of a Relation is not UTF-8");
    assert_eq!(error(b"O\0\0\0\0\0\0\0\x01\xFF\0"), "the name of an Origin is not UTF-8");
}

#[test]
fn counts_and_lengths_that_lie_are_truncation() {
    assert_eq!(error(b"I\0\0\0\x01N\xFF\xFFn"), "the message ends within the tag of a value");
    assert_eq!(
        error(b"I\0\0\0\x01N\0\x01t\xFF\xFF\xFF\xFFa"),
        "the message ends within a text value"
    );
    assert_eq!(
        error(b"T\xFF\xFF\xFF\xFF\0\0\0\0\x01"),
        "the message ends within a relation of a Truncate"
    );
    assert_eq!(
        error(b"R\0\0\0\x01s\0t\0d\xFF\xFF"),
        "the message ends within the flags of a column"
    );
}

#[test]
fn a_value_need_not_be_utf8() {
    let body = b"I\0\0\0\x01N\0\x01t\0\0\0\x01\xFF";
    match LogicalMessage::decode(body) {
        Ok(LogicalMessage::Insert { row, .. }) => {
            assert_eq!(row.get(0), Some(Value::Text(b"\xFF")));
        }
        other => panic!("{other:?} is no Insert"),
    }
}

#[test]
fn an_empty_message_is_an_error() {
    assert_eq!(
        LogicalMessage::decode(b""),
        Err(DecodeError::Truncated { reading: "the logical message's tag" })
    );
}

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(body: Vec<u8>) {
        walk(&body);
    }

    #[test]
    fn any_bytes_behind_a_known_tag_give_a_value_or_an_error(
        tag in prop::sample::select(b"BCORYIUDTM".to_vec()),
        rest in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..80),
    ) {
        walk(&[&[tag], &rest[..]].concat());
    }

    #[test]
    fn any_row_comes_back_as_it_was_written(
        relation_id: u32,
        row in prop::collection::vec((0..4_u8, any::<Vec<u8>>()), 0..20),
    ) {
        let mut body = vec![b'I'];
        body.extend(relation_id.to_be_bytes());
        body.push(b'N');
        body.extend((row.len() as u16).to_be_bytes());
        let mut expected = vec![];
        for (kind, bytes) in &row {
            let (tag, value) = match kind {
                0 => (b'n', Value::Null),
                1 => (b'u', Value::UnchangedToast),
                2 => (b't', Value::Text(bytes)),
                _ => (b'b', Value::Binary(bytes)),
            };
            body.push(tag);
            if let Value::Text(bytes) | Value::Binary(bytes) = value {
                body.extend((bytes.len() as u32).to_be_bytes());
                body.extend(bytes);
            }
            expected.push(value);
        }
        match LogicalMessage::decode(&body) {
            Ok(LogicalMessage::Insert { relation_id: id, row }) => {
                prop_assert_eq!(id, relation_id);
                prop_assert_eq!(row.values().collect::<Vec<_>>(), expected);
            }
            other => prop_assert!(false, "{:?} is no Insert", other),
        }
    }
}

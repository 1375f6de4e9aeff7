//! Tests on messages that a real server sent: `tests/fixtures/pgoutput`.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::Index};

use super::{Column, LogicalMessage, OldTuple, Relation, TruncateOptions, Tuple, Value};
use crate::wal::{DecodeError, Lsn, PgTimestamp, fixture};

const FIXTURE: &str = include_str!("../../../tests/fixtures/pgoutput/postgresql-15.txt");

/// The captured messages by name.
fn captured() -> BTreeMap<&'static str, Vec<u8>> {
    fixture::parse(FIXTURE)
}

fn bytes(name: &str) -> Vec<u8> {
    captured().remove(name).unwrap_or_else(|| panic!("the fixture has no message {name}"))
}

/// A value as a test writes it: `null`, `toast`, or its text.
fn shown(tuple: &Tuple<'_>) -> Vec<String> {
    let values = tuple.values();
    assert_eq!(values.len(), tuple.column_count());
    values
        .map(|value| match value {
            Value::Null => "null".to_owned(),
            Value::UnchangedToast => "toast".to_owned(),
            Value::Text(text) => format!("={}", std::str::from_utf8(text).unwrap()),
            Value::Binary(bytes) => format!("{bytes:02x?}"),
        })
        .collect()
}

fn inserted(name: &str) -> Vec<String> {
    match LogicalMessage::decode(&bytes(name)).unwrap() {
        LogicalMessage::Insert { row, .. } => shown(&row),
        other => panic!("{name} is {other:?}"),
    }
}

fn key(old: &OldTuple<'_>) -> Vec<String> {
    match old {
        OldTuple::Key(tuple) => shown(tuple),
        OldTuple::Full(_) => panic!("{old:?} is no key"),
    }
}

fn full(old: &OldTuple<'_>) -> Vec<String> {
    match old {
        OldTuple::Full(tuple) => shown(tuple),
        OldTuple::Key(_) => panic!("{old:?} is no full row"),
    }
}

/// The shape of a relation without its oids, which differ from capture to capture.
fn described(relation: &Relation<'_>) -> (String, char, Vec<String>) {
    let column = |c: &Column<'_>| format!("{}{}", if c.is_key { "key " } else { "" }, c.name);
    (
        format!("{}.{}", relation.namespace, relation.name),
        char::from(relation.replica_identity),
        relation.columns.iter().map(column).collect(),
    )
}

fn relation_of(body: &[u8]) -> Relation<'_> {
    match LogicalMessage::decode(body).unwrap() {
        LogicalMessage::Relation(relation) => relation,
        other => panic!("{other:?} is no Relation"),
    }
}

/// What other majors sent for the same statements.
const OTHERS: [&str; 3] = [
    include_str!("../../../tests/fixtures/pgoutput/postgresql-16.txt"),
    include_str!("../../../tests/fixtures/pgoutput/postgresql-17.txt"),
    include_str!("../../../tests/fixtures/pgoutput/postgresql-18.txt"),
];

#[test]
fn other_majors_send_messages_of_the_same_shape() {
    let expected = captured();
    for other in OTHERS {
        let other = fixture::parse(other);
        assert!(other.keys().eq(expected.keys()));
        for (name, body) in &other {
            // Oids, LSNs and times differ, and are as long everywhere.
            assert_eq!(body.len(), expected[name].len(), "{name}");
            let kind = |body| LogicalMessage::decode(body).map(|m| std::mem::discriminant(&m));
            assert_eq!(kind(body), kind(&expected[name]), "{name}");
        }
    }
}

#[test]
fn begin_and_commit_name_the_same_commit() {
    let (begin, commit) = (bytes("begin"), bytes("commit"));
    let LogicalMessage::Begin { final_lsn, commit_time, xid } =
        LogicalMessage::decode(&begin).unwrap()
    else {
        panic!("no Begin")
    };
    assert!(xid >= 3, "user transactions begin at 3");
    let LogicalMessage::Commit { commit_lsn, end_lsn, commit_time: again } =
        LogicalMessage::decode(&commit).unwrap()
    else {
        panic!("no Commit")
    };
    assert_eq!((commit_lsn, again), (final_lsn, commit_time));
    assert!(end_lsn > commit_lsn && end_lsn.bytes_since(commit_lsn) < 4_096);
    // 2020-01-01 and 2100-01-01.
    assert!((1_577_836_800_000..4_102_444_800_000).contains(&commit_time.unix_millis()));
}

#[test]
fn types_are_named_with_their_schema() {
    for (name, expected) in [
        ("type-enum", ("shop", "mood")),
        ("type-composite", ("shop", "point")),
        ("type-catalog", ("pg_catalog", "pg_cast")),
    ] {
        match LogicalMessage::decode(&bytes(name)).unwrap() {
            LogicalMessage::Type { id, namespace, name } => {
                assert_eq!((namespace, name), expected);
                assert!(id >= 10_000, "built-in types are not announced");
            }
            other => panic!("{name} is {other:?}"),
        }
    }
}

#[test]
fn a_relation_has_its_names_key_types_and_modifiers() {
    let body = bytes("relation-outbox");
    let relation = relation_of(&body);
    let columns =
        ["key id", "aggregatetype", "aggregateid", "type", "payload", "raw", "mood", "spot"];
    let expected = ("shop.outbox".to_owned(), 'd', columns.map(str::to_owned).to_vec());
    assert_eq!(described(&relation), expected);
    // uuid, varchar(255), text, text, jsonb, bytea by their fixed oids.
    let types: Vec<_> = relation.columns.iter().map(|c| (c.type_id, c.type_modifier)).collect();
    assert_eq!(types[..6], [(2950, -1), (1043, 255 + 4), (25, -1), (25, -1), (3802, -1), (17, -1)]);

    for (name, table, identity, columns) in [
        ("relation-mixed", "shop.Mixed \"Case\"", 'd', &["key Ключ", "a b", "catalog"][..]),
        ("relation-bare", "shop.bare", 'd', &[]),
        ("relation-whole", "shop.whole", 'f', &["key id", "key note"]),
        ("relation-large", "shop.large", 'd', &["key id", "body", "note"]),
        ("relation-parent", "shop.parent", 'd', &["key id"]),
        ("relation-child", "shop.child", 'd', &["key id"]),
    ] {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        assert_eq!(described(&relation_of(&bytes(name))), (table.to_owned(), identity, columns));
    }
}

#[test]
fn inserted_values_are_what_was_written() {
    assert_eq!(
        inserted("insert-full"),
        [
            "=00000000-0000-0000-0000-000000000001",
            "=order",
            "=a-1",
            "=placed",
            "={\"total\": 12.50}",
            "=\\x00ff27",
            "=glad",
            "=(3,\"a \"\"b\"\"\")"
        ]
    );
    assert_eq!(
        inserted("insert-empty")[1..],
        ["=", "null", "=", "null", "=\\x", "=très fâché", "null"]
    );
    assert_eq!(
        inserted("insert-unicode")[1..],
        ["=zażółć 注文 🦀", "=tab\tline\nquote'", "null", "=[]", "null", "null", "=(,\"\")"]
    );
    assert_eq!(inserted("insert-mixed"), ["=-5", "=0.10", "null"]);
    assert_eq!(inserted("insert-bare"), [""; 0]);
    assert_eq!(inserted("insert-whole"), ["=1", "null"]);
}

#[test]
fn binary_values_are_told_from_text() {
    let body = bytes("insert-binary");
    let LogicalMessage::Insert { row, .. } = LogicalMessage::decode(&body).unwrap() else {
        panic!("no Insert")
    };
    let mut id = [0; 16];
    id[15] = 4;
    let expected = [
        Value::Binary(&id),
        Value::Binary(b"order"),
        Value::Null,
        Value::Binary(b""),
        Value::Binary(b"\x01{}"),
        Value::Binary(&[0, 0xFF, 0x27]),
        Value::Binary(b"glad"),
        Value::Null,
    ];
    assert_eq!(row.values().collect::<Vec<_>>(), expected);
    for (index, value) in expected.into_iter().enumerate() {
        assert_eq!(row.get(index), Some(value));
    }
    assert_eq!(row.get(expected.len()), None);
}

#[test]
fn rows_carry_the_id_of_their_relation() {
    for (relation, row) in [
        ("relation-outbox", "insert-unicode"),
        ("relation-mixed", "insert-mixed"),
        ("relation-bare", "insert-bare"),
        ("relation-whole", "update-full"),
        ("relation-whole", "delete-full"),
        ("relation-large", "delete-key"),
    ] {
        let (table, body) = (bytes(relation), bytes(row));
        let id = match LogicalMessage::decode(&body).unwrap() {
            LogicalMessage::Insert { relation_id, .. }
            | LogicalMessage::Update { relation_id, .. }
            | LogicalMessage::Delete { relation_id, .. } => relation_id,
            other => panic!("{row} is {other:?}"),
        };
        assert_eq!(id, relation_of(&table).id, "{row}");
    }
}

#[test]
fn an_update_tells_no_old_row_from_an_old_key_and_a_full_old_row() {
    let update = |name: &str| match LogicalMessage::decode(&bytes(name)).unwrap() {
        LogicalMessage::Update { old: None, new, .. } => (None, shown(&new)),
        LogicalMessage::Update { old: Some(old @ OldTuple::Key(_)), new, .. } => {
            (Some(("key", key(&old))), shown(&new))
        }
        LogicalMessage::Update { old: Some(old @ OldTuple::Full(_)), new, .. } => {
            (Some(("full", full(&old))), shown(&new))
        }
        other => panic!("{name} is {other:?}"),
    };
    let row = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>();

    assert_eq!(update("update"), (None, row(&["=2", "=small", "null"])));
    assert_eq!(update("update-unchanged-toast"), (None, row(&["=1", "toast", "=after"])));
    assert_eq!(
        update("update-key"),
        (Some(("key", row(&["=1", "null", "null"]))), row(&["=2", "=small", "=after"]))
    );
    assert_eq!(update("update-full"), (Some(("full", row(&["=1", "null"]))), row(&["=1", "=n"])));
}

#[test]
fn a_delete_has_the_key_or_the_full_row() {
    let (by_key, by_row) = (bytes("delete-key"), bytes("delete-full"));
    let LogicalMessage::Delete { old, .. } = LogicalMessage::decode(&by_key).unwrap() else {
        panic!("no Delete")
    };
    assert_eq!(key(&old), ["=2", "null", "null"]);
    let LogicalMessage::Delete { old, .. } = LogicalMessage::decode(&by_row).unwrap() else {
        panic!("no Delete")
    };
    assert_eq!(full(&old), ["=1", "=n"]);
}

#[test]
fn a_truncate_names_its_tables_and_options() {
    let id = |name: &str| relation_of(&bytes(name)).id;
    let family = vec![id("relation-parent"), id("relation-child")];
    for (name, ids, cascade, restart_identity) in [
        ("truncate", vec![id("relation-bare")], false, false),
        ("truncate-cascade", family.clone(), true, false),
        ("truncate-restart-identity", family.clone(), false, true),
        ("truncate-both", family, true, true),
    ] {
        let options = TruncateOptions { cascade, restart_identity };
        assert_eq!(
            LogicalMessage::decode(&bytes(name)),
            Ok(LogicalMessage::Truncate { relation_ids: ids, options }),
            "{name}"
        );
    }
}

#[test]
fn an_emitted_message_has_its_prefix_and_its_bytes_untouched() {
    let (begin, commit) = (bytes("begin-message"), bytes("commit-message"));
    let LogicalMessage::Begin { final_lsn, .. } = LogicalMessage::decode(&begin).unwrap() else {
        panic!("no Begin")
    };
    assert!(matches!(
        LogicalMessage::decode(&commit),
        Ok(LogicalMessage::Commit { commit_lsn, .. }) if commit_lsn == final_lsn
    ));
    for (name, is_transactional, its_prefix, its_content) in [
        ("message-free", false, "été", &b"\x00\xFF"[..]),
        ("message-free-empty", false, "", b""),
        ("message-transactional", true, "outbox", b"{\"n\": 1}"),
    ] {
        match LogicalMessage::decode(&bytes(name)).unwrap() {
            LogicalMessage::Message { transactional, lsn, prefix, content } => {
                assert_eq!(
                    (transactional, prefix, content),
                    (is_transactional, its_prefix, its_content),
                    "{name}"
                );
                assert!(Lsn::ZERO < lsn && lsn <= final_lsn, "{name}");
            }
            other => panic!("{name} is {other:?}"),
        }
    }
}

#[test]
fn an_origin_has_the_position_and_time_of_the_first_commit() {
    assert_eq!(
        LogicalMessage::decode(&bytes("origin")),
        Ok(LogicalMessage::Origin { lsn: Lsn::new(0xA_BCDE_F012), name: "far away" })
    );
    // 2026-01-02 03:04:05.678901 UTC.
    let time = PgTimestamp::from_unix_micros(1_767_323_045_678_901);
    for name in ["begin-origin", "commit-origin"] {
        assert!(matches!(
            LogicalMessage::decode(&bytes(name)),
            Ok(LogicalMessage::Begin { commit_time, .. } | LogicalMessage::Commit { commit_time, .. })
                if commit_time == time
        ));
    }
}

#[test]
fn every_proper_prefix_is_truncated_and_one_more_byte_is_too_many() {
    for (name, body) in captured() {
        for length in 0..body.len() {
            assert!(
                matches!(
                    LogicalMessage::decode(&body[..length]),
                    Err(DecodeError::Truncated { .. })
                ),
                "{length} bytes of {name}"
            );
        }
        let longer = [&body[..], &[0]].concat();
        assert!(
            matches!(
                LogicalMessage::decode(&longer),
                Err(DecodeError::TrailingBytes { count: 1, .. })
            ),
            "{name} and a byte"
        );
    }
}

#[test]
fn the_fixture_has_every_kind_of_message() {
    let tags: Vec<u8> = captured().values().map(|body| body[0]).collect();
    for tag in *b"BCORYIUDTM" {
        assert!(tags.contains(&tag), "no message with tag {}", char::from(tag));
    }
}

proptest! {
    #[test]
    fn a_captured_message_with_changed_bytes_never_panics(
        message: Index,
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<Index>()),
    ) {
        let captured: Vec<_> = captured().into_values().collect();
        let mut body = message.get(&captured).clone();
        for (place, byte) in changes {
            let at = place.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        super::tests::walk(&body);
    }
}

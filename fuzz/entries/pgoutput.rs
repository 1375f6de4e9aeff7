//! Bytes as they come from the replication connection.

use postrider::wal::{
    Frame, LogicalMessage, Lsn, OldTuple, PgTimestamp, Tuple, decode_status_update,
    encode_status_update,
};

pub(super) fn frame(data: &[u8]) {
    match Frame::decode(data) {
        Ok(Frame::XLogData { wal_start, wal_end, sent_at, body }) => {
            let again = encode_status_update(wal_start, wal_end, Lsn::new(0), sent_at, false);
            let update = decode_status_update(&again).expect("what we write can be read");
            assert_eq!((update.written, update.flushed), (wal_start, wal_end));
            logical_message(body);
        }
        Ok(Frame::Keepalive { .. }) => assert_eq!(data.len(), 18),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(update) = decode_status_update(data) {
        let PgTimestamp(sent_at) = update.sent_at;
        let again = encode_status_update(
            update.written,
            update.flushed,
            update.applied,
            PgTimestamp(sent_at),
            update.reply_requested,
        );
        assert_eq!(again, data);
    }
}

pub(super) fn logical_message(data: &[u8]) {
    let walk = |tuple: &Tuple<'_>| {
        assert_eq!(tuple.values().count(), tuple.column_count());
        assert!(tuple.get(tuple.column_count()).is_none());
    };
    let walk_old = |old: &OldTuple<'_>| match old {
        OldTuple::Key(tuple) | OldTuple::Full(tuple) => walk(tuple),
    };
    match LogicalMessage::decode(data) {
        Ok(LogicalMessage::Insert { row, .. }) => walk(&row),
        Ok(LogicalMessage::Update { old, new, .. }) => {
            old.iter().for_each(walk_old);
            walk(&new);
        }
        Ok(LogicalMessage::Delete { old, .. }) => walk_old(&old),
        Ok(other) => assert!(!format!("{other:?}").is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

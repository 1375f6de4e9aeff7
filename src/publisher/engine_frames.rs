//! Frames as a server sends them, for the tests of this folder.

/// The id of the outbox table in these frames.
pub(super) const OUTBOX: u32 = 16_384;

/// The columns of the outbox in these frames.
const COLUMNS: [&str; 5] = ["id", "aggregatetype", "aggregateid", "type", "payload"];

fn xlog_data(lsn: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'w'];
    frame.extend(lsn.to_be_bytes());
    frame.extend(lsn.to_be_bytes());
    frame.extend(0u64.to_be_bytes());
    frame.extend(body);
    frame
}

/// The frame as it is sent for what stands at `lsn` in the WAL.
pub(super) fn at(lsn: u64, mut frame: Vec<u8>) -> Vec<u8> {
    frame[1..9].copy_from_slice(&lsn.to_be_bytes());
    frame[9..17].copy_from_slice(&lsn.to_be_bytes());
    frame
}

pub(super) fn keepalive(wal_end: u64, reply: bool) -> Vec<u8> {
    let mut frame = vec![b'k'];
    frame.extend(wal_end.to_be_bytes());
    frame.extend(0u64.to_be_bytes());
    frame.push(u8::from(reply));
    frame
}

pub(super) fn begin(commit_lsn: u64) -> Vec<u8> {
    let mut body = vec![b'B'];
    body.extend(commit_lsn.to_be_bytes());
    body.extend(1_000_000u64.to_be_bytes());
    body.extend(7u32.to_be_bytes());
    xlog_data(commit_lsn, &body)
}

pub(super) fn commit(commit_lsn: u64, end: u64) -> Vec<u8> {
    let mut body = vec![b'C', 0];
    body.extend(commit_lsn.to_be_bytes());
    body.extend(end.to_be_bytes());
    body.extend(1_000_000u64.to_be_bytes());
    xlog_data(end, &body)
}

/// The outbox table's definition, under `name` and without the columns in `missing`.
pub(super) fn relation(id: u32, name: &str, missing: &[&str]) -> Vec<u8> {
    let columns: Vec<_> = COLUMNS.iter().filter(|column| !missing.contains(column)).collect();
    let mut body = vec![b'R'];
    body.extend(id.to_be_bytes());
    body.extend(b"public\0");
    body.extend(name.as_bytes());
    body.extend([0, b'd']);
    body.extend((columns.len() as u16).to_be_bytes());
    for column in columns {
        body.push(0);
        body.extend(column.as_bytes());
        body.push(0);
        body.extend(25u32.to_be_bytes());
        body.extend((-1i32).to_be_bytes());
    }
    xlog_data(0, &body)
}

/// One row; `None` is NULL.
pub(super) fn insert(id: u32, values: [Option<&str>; 5]) -> Vec<u8> {
    let mut body = vec![b'I'];
    body.extend(id.to_be_bytes());
    body.push(b'N');
    body.extend((values.len() as u16).to_be_bytes());
    for value in values {
        match value {
            None => body.push(b'n'),
            Some(text) => {
                body.push(b't');
                body.extend((text.len() as u32).to_be_bytes());
                body.extend(text.as_bytes());
            }
        }
    }
    xlog_data(1, &body)
}

/// An outbox row with this id and key.
pub(super) fn event(id: &str, key: &str) -> Vec<u8> {
    insert(OUTBOX, [Some(id), Some("order"), Some(key), Some("paid"), Some("{}")])
}

/// A DELETE of the outbox row, as housekeeping does it.
pub(super) fn delete(id: u32) -> Vec<u8> {
    let mut body = vec![b'D'];
    body.extend(id.to_be_bytes());
    body.extend([b'K', 0, 1, b't', 0, 0, 0, 1, b'7']);
    xlog_data(1, &body)
}

//! What a walsender says, byte by byte: messages of the protocol, frames, pgoutput.

/// The columns of [`TABLE`](super::TABLE), with the oids of their types.
pub const COLUMNS: [(&str, u32); 7] = [
    ("id", 25),
    ("aggregatetype", 25),
    ("aggregateid", 25),
    ("type", 25),
    ("payload", 114),
    ("seq", 20),
    ("tx", 20),
];

/// A message: tag, length, body.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend((body.len() as u32 + 4).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// An ErrorResponse (`E`) or NoticeResponse (`N`).
pub fn said(tag: u8, severity: &str, code: &str, text: &str) -> Vec<u8> {
    let fields = format!("S{severity}\0V{severity}\0C{code}\0M{text}\0\0");
    message(tag, fields.as_bytes())
}

/// A ParameterStatus.
pub fn parameter(name: &str, value: &str) -> Vec<u8> {
    message(b'S', format!("{name}\0{value}\0").as_bytes())
}

/// The answer to a command that asks for one row of text.
pub fn answer(values: &[&str]) -> Vec<u8> {
    let count = (values.len() as u16).to_be_bytes();
    let (mut description, mut row) = (count.to_vec(), count.to_vec());
    for value in values {
        description.extend(b"column\0");
        // No table, text of any length, in text format.
        description.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]);
        row.extend((value.len() as u32).to_be_bytes());
        row.extend(value.as_bytes());
    }
    let parts = [message(b'T', &description), message(b'D', &row), message(b'C', b"SELECT 1\0")];
    [parts.concat(), ready()].concat()
}

/// ReadyForQuery.
pub fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// XLogData with this position.
pub fn xlog_data(lsn: u64, body: &[u8]) -> Vec<u8> {
    [b"w", &lsn.to_be_bytes()[..], &lsn.to_be_bytes(), &0u64.to_be_bytes(), body].concat()
}

pub fn keepalive(wal_end: u64, reply_requested: bool) -> Vec<u8> {
    let reply = [u8::from(reply_requested)];
    [b"k", &wal_end.to_be_bytes()[..], &0u64.to_be_bytes(), &reply].concat()
}

pub fn begin(commit_lsn: u64) -> Vec<u8> {
    let body = [b"B", &commit_lsn.to_be_bytes()[..], &1_000_000u64.to_be_bytes(), &[0, 0, 0, 7]];
    xlog_data(commit_lsn - 16, &body.concat())
}

pub fn commit(commit_lsn: u64, end: u64) -> Vec<u8> {
    let places = [commit_lsn.to_be_bytes(), end.to_be_bytes(), 1_000_000u64.to_be_bytes()];
    xlog_data(end, &[b"C\0", &places.concat()[..]].concat())
}

/// `public.outbox` as a Relation message says it.
pub fn relation(oid: u32, identity: u8, columns: &[(&str, u32)]) -> Vec<u8> {
    let mut body = [b"R", &oid.to_be_bytes()[..], b"public\0outbox\0", &[identity]].concat();
    body.extend((columns.len() as u16).to_be_bytes());
    for (name, type_id) in columns {
        body.push(u8::from(*name == "id"));
        body.extend(name.as_bytes());
        body.push(0);
        body.extend(type_id.to_be_bytes());
        body.extend((-1i32).to_be_bytes());
    }
    xlog_data(0, &body)
}

/// A row; `None` is NULL.
pub fn insert(oid: u32, lsn: u64, values: &[Option<&str>]) -> Vec<u8> {
    let mut body = [b"I", &oid.to_be_bytes()[..], b"N"].concat();
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
    xlog_data(lsn, &body)
}

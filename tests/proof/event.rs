//! An event of the proof: its id says who wrote it, its payload follows from id, key and version.
//!
//! So a checker that remembers eight bytes of an event knows every byte of its record.

/// Who wrote an event: the writer, its transaction, the row in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId {
    pub writer: u8,
    pub transaction: u32,
    pub row: u32,
}

/// Rows of a transaction are fewer.
const ROWS: u64 = 1 << 24;

impl EventId {
    /// Reads `writer-transaction-row`. A row that was rolled back has an `x` behind it and is none.
    pub fn parse(text: &str) -> Option<EventId> {
        let mut parts = text.split('-');
        let (writer, transaction, row) = (parts.next()?, parts.next()?, parts.next()?);
        let end = parts.next().is_none();
        let id = EventId {
            writer: writer.parse().ok()?,
            transaction: transaction.parse().ok()?,
            row: row.parse().ok()?,
        };
        (end && u64::from(id.row) < ROWS).then_some(id)
    }

    /// In eight bytes.
    pub fn packed(self) -> u64 {
        (u64::from(self.writer) << 56) | (u64::from(self.transaction) << 24) | u64::from(self.row)
    }

    /// From eight bytes.
    pub fn unpacked(packed: u64) -> EventId {
        EventId {
            writer: (packed >> 56) as u8,
            transaction: (packed >> 24) as u32,
            row: (packed % ROWS) as u32,
        }
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.writer, self.transaction, self.row)
    }
}

/// The payload of an event; [`payload_sql`] is the same in SQL.
pub fn payload(id: EventId, key: &str, version: u64) -> String {
    let filler = (id.transaction.wrapping_mul(31) % 128 + id.row % 64) as usize;
    let letter = char::from(b'a' + (id.row % 26) as u8);
    let filler: String = std::iter::repeat_n(letter, filler).collect();
    format!(
        "{{\"version\": {version}, \"id\": \"{id}\", \"key\": \"{key}\", \"filler\": \"{filler}\"}}"
    )
}

/// The payload as an SQL expression: `row` and `version` are expressions, too.
pub fn payload_sql(
    (writer, transaction): (u8, u32),
    key: &str,
    row: &str,
    version: &str,
) -> String {
    let filler = transaction.wrapping_mul(31) % 128;
    format!(
        "'{{\"version\": ' || {version} || ', \"id\": \"{writer}-{transaction}-' || {row} ||
         '\", \"key\": \"{key}\", \"filler\": \"' ||
         repeat(chr((97 + {row} % 26)::int), ({filler} + {row} % 64)::int) || '\"}}'"
    )
}

/// The version that a payload names.
pub fn version(payload: &[u8]) -> Option<u64> {
    let digits = payload.strip_prefix(b"{\"version\": ")?;
    let length = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..length]).ok()?.parse().ok()
}

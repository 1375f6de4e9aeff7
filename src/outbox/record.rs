//! Record: one Kafka message to be.

use std::fmt;

use super::{headers::HeaderList, position::Position};

/// What is sent to Kafka for one event. Borrows from the row and from the mapper's buffers, so it
/// lives until the next row is mapped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// A name that Kafka accepts.
    pub topic: &'a str,
    /// `None` is no key. An empty key is a key.
    pub key: Option<&'a [u8]>,
    /// `None` is a null value, which compaction reads as a deletion. Empty is a value.
    pub payload: Option<&'a [u8]>,
    /// Headers in the order they are sent.
    pub headers: &'a HeaderList,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// An explicit partition; `None`: by key.
    pub partition: Option<i32>,
    /// The event's name, the same in every repeat.
    pub position: Position,
    /// The id column as PostgreSQL writes it, to name the event in messages; `None` for NULL.
    pub event_id: Option<&'a [u8]>,
}

impl Record<'_> {
    /// Bytes of key, payload and headers: what the window counts.
    pub fn bytes(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.payload.map_or(0, <[u8]>::len) + self.headers.bytes()
    }
}

/// Sizes instead of contents: keys and payloads must not reach a log.
impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("position", &format_args!("{}", self.position))
            .field("topic", &self.topic)
            .field("key_bytes", &self.key.map(<[u8]>::len))
            .field("payload_bytes", &self.payload.map(<[u8]>::len))
            .field("headers", &self.headers)
            .field("timestamp", &self.timestamp)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal::Lsn;

    fn record(headers: &HeaderList) -> Record<'_> {
        Record {
            topic: "orders",
            key: Some(b"k-1"),
            payload: Some(b"hidden"),
            headers,
            timestamp: 1,
            partition: None,
            position: Position { commit_lsn: Lsn::new(0x16B_3748), ordinal: 3 },
            event_id: None,
        }
    }

    #[test]
    fn bytes_are_those_of_key_payload_and_headers() {
        let mut headers = HeaderList::new();
        headers.push("id", Some(b"7"));
        headers.push("type", None);
        let full = record(&headers);
        assert_eq!(full.bytes(), 3 + 6 + (2 + 1) + 4);
        assert_eq!(Record { key: None, payload: None, ..full }.bytes(), 7);
    }

    #[test]
    fn debug_shows_sizes_but_no_contents() {
        let text = format!("{:?}", record(&HeaderList::new()));
        assert!(text.contains("0/16B3748/3") && text.contains("payload_bytes: Some(6)"), "{text}");
        assert!(!text.contains("hidden") && !text.contains("k-1"), "{text}");
    }
}

//! EventError: why one outbox row cannot become a record.

use super::position::Position;
use crate::fault::{Fault, FaultKind};

/// A row that cannot be mapped or routed. The stream stops at it; it is never skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {position}{} cannot be published: {problem}", id_text(.id))]
pub struct EventError {
    /// Where the event stands.
    pub position: Position,
    /// Its id, escaped, shortened and in quotes; `None` when the row does not tell.
    pub id: Option<String>,
    /// What is wrong with it.
    pub problem: EventProblem,
}

/// What is wrong with a row. Texts from the row are escaped, shortened and in quotes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventProblem {
    /// The row does not fit the relation that the server described.
    #[error("the row has {found} columns where its table has {expected}")]
    ColumnCount {
        /// Columns of the relation.
        expected: usize,
        /// Columns of the row.
        found: usize,
    },
    /// The marker of an UPDATE in an INSERT.
    #[error("column {column:?} came without its value, which an INSERT cannot")]
    UnchangedToast {
        /// The column.
        column: String,
    },
    /// A value in its type's own binary format.
    #[error("column {column:?} came in a binary format that is not its text")]
    BinaryValue {
        /// The column.
        column: String,
    },
    /// A bytea in the "escape" format.
    #[error("column {column:?} holds a bytea that is not written in the hex format")]
    NotHex {
        /// The column.
        column: String,
    },
    /// The topic cannot be told.
    #[error("column {column:?} is NULL, and the topic needs it")]
    NullInTopic {
        /// The column.
        column: String,
    },
    /// Kafka has no such topic name.
    #[error(
        "{topic} is not a name for a Kafka topic (1 to 249 letters, digits, dots, underscores and \
         hyphens, but not . or ..)"
    )]
    InvalidTopic {
        /// The text that the topic template gave.
        topic: String,
    },
    /// A key of several parts with one missing.
    #[error("column {column:?} is NULL, and the key is made of more than it")]
    NullInKey {
        /// The column.
        column: String,
    },
    /// The headers column is no JSON object of strings.
    #[error("column {column:?} holds {found}")]
    Headers {
        /// The column.
        column: String,
        /// What it holds, without values.
        found: String,
    },
    /// A partition that cannot exist.
    #[error("column {column:?} says partition {value}, outside 0 to 2147483647")]
    Partition {
        /// The column.
        column: String,
        /// Its text.
        value: String,
    },
    /// A timestamp in another style than ISO.
    #[error("column {column:?} holds {value}, which is no timestamp in the ISO style")]
    Timestamp {
        /// The column.
        column: String,
        /// Its text.
        value: String,
    },
}

impl EventError {
    /// The fault to hold with.
    pub fn fault(&self) -> Fault {
        let kind = match self.problem {
            EventProblem::ColumnCount { .. }
            | EventProblem::UnchangedToast { .. }
            | EventProblem::BinaryValue { .. } => FaultKind::Protocol,
            _ => FaultKind::Unroutable,
        };
        Fault::new(kind, self.to_string(), self.problem.hint())
    }
}

impl EventProblem {
    /// What to do. A row in the WAL cannot be changed any more, so only settings can help it.
    fn hint(&self) -> &'static str {
        match self {
            EventProblem::ColumnCount { .. } | EventProblem::UnchangedToast { .. } => {
                "this breaks the replication protocol: report it with the server's version, and \
                 see what stands between Postrider and PostgreSQL"
            }
            EventProblem::BinaryValue { .. } => {
                "this breaks what was asked of the server: report it with the server's version"
            }
            EventProblem::NotHex { .. } => {
                "ALTER ROLE … SET bytea_output = 'hex' for the role that Postrider connects as"
            }
            EventProblem::NullInTopic { .. } | EventProblem::InvalidTopic { .. } => {
                "set [route] topic so that every row has a valid topic, and keep such rows out \
                 with a constraint on the table"
            }
            EventProblem::NullInKey { .. } => {
                "set [route] key to columns that are never NULL, or to one column alone, whose \
                 NULL means no key"
            }
            EventProblem::Headers { .. } => {
                "remove headers from [outbox] columns, or name a column that holds a JSON object \
                 of strings"
            }
            EventProblem::Partition { .. } => {
                "remove partition from [outbox] columns to place records by key, and keep such \
                 rows out with a CHECK on the column"
            }
            EventProblem::Timestamp { .. } => {
                "ALTER ROLE … SET datestyle = 'ISO' for the role that Postrider connects as"
            }
        }
    }
}

fn id_text(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(" (id {id})")).unwrap_or_default()
}

/// The most characters of a row's text that a sentence shows.
const MOST_SHOWN: usize = 80;

/// Text from a row, fit for one line of a log: in quotes, escaped, shortened.
pub(super) fn printable(text: &[u8]) -> String {
    // No character is longer than four bytes, so what is cut off here would not be shown anyway.
    let start = String::from_utf8_lossy(&text[..text.len().min(4 * (MOST_SHOWN + 1))]);
    let mut characters = start.chars();
    let shown: String = characters.by_ref().take(MOST_SHOWN).collect();
    let more = if characters.next().is_some() { "…" } else { "" };
    format!("\"{}{more}\"", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wal::Lsn;

    fn error(id: Option<&str>, problem: EventProblem) -> EventError {
        let position = Position { commit_lsn: Lsn::new(0x16B_3748), ordinal: 3 };
        EventError { position, id: id.map(|id| printable(id.as_bytes())), problem }
    }

    #[test]
    fn the_sentence_names_the_event_and_the_column() {
        let null = EventProblem::NullInTopic { column: "kind".into() };
        let fault = error(Some("7"), null.clone()).fault();
        assert_eq!(fault.kind, FaultKind::Unroutable);
        assert_eq!(
            fault.sentence,
            "event 0/16B3748/3 (id \"7\") cannot be published: column \"kind\" is NULL, and the \
             topic needs it"
        );
        assert!(fault.hint.contains("[route] topic"));
        assert!(error(None, null).to_string().starts_with("event 0/16B3748/3 cannot"));
    }

    #[test]
    fn what_the_server_must_not_send_is_a_fault_of_the_protocol() {
        let column = || "payload".to_owned();
        for problem in [
            EventProblem::ColumnCount { expected: 5, found: 4 },
            EventProblem::UnchangedToast { column: column() },
            EventProblem::BinaryValue { column: column() },
        ] {
            assert_eq!(error(None, problem).fault().kind, FaultKind::Protocol);
        }
    }

    #[test]
    fn texts_of_a_row_are_escaped_and_shortened() {
        assert_eq!(printable(b"a\n\x1b\"\0"), r#""a\n\u{1b}\"\0""#);
        assert_eq!(printable("ü\u{202e}".as_bytes()), "\"ü\\u{202e}\"");
        assert_eq!(printable(b"\xFF"), "\"\u{FFFD}\"");
        assert_eq!(printable(&[b'x'; 80]), format!("\"{}\"", "x".repeat(80)));
        assert_eq!(printable(&[b'x'; 81]), format!("\"{}…\"", "x".repeat(80)));
    }

    proptest! {
        #[test]
        fn any_text_prints_on_one_line_of_bounded_length(text: Vec<u8>) {
            let shown = printable(&text);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(shown.chars().count() <= 10 * MOST_SHOWN + 3);
        }
    }
}

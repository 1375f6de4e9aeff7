//! DecodeError: how bytes fail to be the replication protocol.

/// Bytes that are not the replication protocol.
///
/// Its text is a clause that names the field, and never has the bytes of a row in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the field does.
    #[error("the message ends within {reading}")]
    Truncated {
        /// The field that was being read.
        reading: &'static str,
    },
    /// A tag says what follows, and no such thing is known.
    #[error("{what} has the unknown tag {}", printable(*.tag))]
    UnknownTag {
        /// What the tag belongs to.
        what: &'static str,
        /// The tag.
        tag: u8,
    },
    /// The message is complete and bytes are left.
    #[error("{count} more bytes follow the end of {after}")]
    TrailingBytes {
        /// The message that was complete.
        after: &'static str,
        /// How many bytes follow.
        count: usize,
    },
    /// A name or prefix that is no UTF-8. The session asks for `client_encoding` UTF8.
    #[error("{what} is not UTF-8")]
    NotUtf8 {
        /// The field.
        what: &'static str,
    },
    /// A flag that the protocol does not define.
    #[error("{what}: {value} is undefined")]
    BadValue {
        /// The field.
        what: &'static str,
        /// Its value.
        value: u8,
    },
}

fn printable(tag: u8) -> String {
    if tag.is_ascii_graphic() { format!("'{}'", char::from(tag)) } else { format!("0x{tag:02X}") }
}

#[cfg(test)]
mod tests {
    use super::DecodeError;

    #[test]
    fn every_error_is_one_sentence_that_names_the_field() {
        let cases = [
            (
                DecodeError::Truncated { reading: "the column count" },
                "the message ends within the column count",
            ),
            (
                DecodeError::UnknownTag { what: "the logical message", tag: b'S' },
                "the logical message has the unknown tag 'S'",
            ),
            (
                DecodeError::UnknownTag { what: "the logical message", tag: 0 },
                "the logical message has the unknown tag 0x00",
            ),
            (
                DecodeError::TrailingBytes { after: "a Commit", count: 3 },
                "3 more bytes follow the end of a Commit",
            ),
            (DecodeError::NotUtf8 { what: "a column name" }, "a column name is not UTF-8"),
            (
                DecodeError::BadValue { what: "the Commit flags", value: 9 },
                "the Commit flags: 9 is undefined",
            ),
        ];
        for (error, sentence) in cases {
            assert_eq!(error.to_string(), sentence);
        }
    }
}

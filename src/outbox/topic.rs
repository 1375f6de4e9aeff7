//! Which topic names Kafka accepts.

/// The longest topic name Kafka accepts, in characters.
const MAX_LENGTH: usize = 249;

/// Whether Kafka accepts `name` as a topic: 1 to 249 of `a-z A-Z 0-9 . _ -`, but not `.` or `..`.
///
/// Asked before a record is sent, because librdkafka takes any name and the broker's refusal would
/// then come late, without the event's name.
pub fn is_valid_topic(name: &str) -> bool {
    is_valid_topic_bytes(name.as_bytes())
}

/// [`is_valid_topic`] for text whose encoding is not known yet.
pub(super) fn is_valid_topic_bytes(name: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&name.len())
        && name != b"."
        && name != b".."
        && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_kafka_accepts() {
        for name in ["a", "outbox.event.order", "A-b_c.9", "...", "-", &"x".repeat(249)] {
            assert!(is_valid_topic(name), "{name:?}");
        }
    }

    #[test]
    fn names_that_kafka_refuses() {
        let long = "x".repeat(250);
        for name in ["", ".", "..", "a b", "a/b", "grün", "a\n", "a\0", "a:b", &long] {
            assert!(!is_valid_topic(name), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn any_mix_of_legal_characters_is_accepted(name in "[a-zA-Z0-9._-]{3,249}") {
            prop_assert!(is_valid_topic(&name));
        }

        #[test]
        fn one_foreign_character_spoils_a_name(
            head in "[a-z.]{0,20}", foreign in "[^a-zA-Z0-9._-]", tail in "[a-z.]{0,20}",
        ) {
            let name = format!("{head}{foreign}{tail}");
            prop_assert!(!is_valid_topic(&name));
        }
    }
}

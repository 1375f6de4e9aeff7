//! Refusal: what Kafka will not take however often it is tried, and what is only trouble.

use rdkafka::{error::RDKafkaErrorCode, message::DeliveryResult};

/// Why Kafka refused a record for good: nothing but a change of record, topic or rights helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Larger than the topic or the broker allows.
    TooLarge,
    /// The topic does not exist.
    UnknownTopic,
    /// The topic has no partition of the number that the row names.
    UnknownPartition,
    /// The broker does not accept the topic's name.
    InvalidTopic,
    /// The principal may not write to the topic.
    NotAuthorized,
    /// The timestamp is outside of what the topic accepts.
    InvalidTimestamp,
    /// The broker found the record invalid, for example without key on a compacted topic.
    InvalidRecord,
    /// A policy of the broker's refused it.
    Policy,
}

impl Refusal {
    /// The label `reason` of `postrider_records_refused_total`.
    pub fn label(self) -> &'static str {
        match self {
            Refusal::TooLarge => "too_large",
            Refusal::UnknownTopic => "unknown_topic",
            Refusal::UnknownPartition => "unknown_partition",
            Refusal::InvalidTopic => "invalid_topic",
            Refusal::NotAuthorized => "not_authorized",
            Refusal::InvalidTimestamp => "invalid_timestamp",
            Refusal::InvalidRecord => "invalid_record",
            Refusal::Policy => "policy",
        }
    }

    /// What is wrong, to follow "Kafka refused event … for topic …:".
    pub fn reason(self) -> &'static str {
        match self {
            Refusal::TooLarge => "it is larger than the topic or the broker allows",
            Refusal::UnknownTopic => "the topic does not exist",
            Refusal::UnknownPartition => "the topic has no partition of that number",
            Refusal::InvalidTopic => "the broker does not accept that topic name",
            Refusal::NotAuthorized => "we are not allowed to write to the topic",
            Refusal::InvalidTimestamp => "its timestamp is outside of what the topic accepts",
            Refusal::InvalidRecord => "the broker finds the record invalid",
            Refusal::Policy => "a policy of the broker forbids it",
        }
    }

    /// What a person can do.
    pub fn hint(self) -> &'static str {
        match self {
            Refusal::TooLarge => {
                "raise max.message.bytes of the topic (or message.max.bytes of the broker); \
                 a CHECK on the payload's size keeps such rows out"
            }
            Refusal::UnknownTopic => {
                "create the topic, correct [route] topic, or set [kafka] create_topics = true"
            }
            Refusal::UnknownPartition => "add partitions to the topic, or correct the column",
            Refusal::InvalidTopic => "correct [route] topic, or the column that it names",
            Refusal::NotAuthorized => "grant Write and Describe on the topic to our principal",
            Refusal::InvalidTimestamp => {
                "widen message.timestamp.before.max.ms and message.timestamp.after.max.ms of the \
                 topic"
            }
            Refusal::InvalidRecord => {
                "look into the broker's log; a compacted topic accepts no record without key"
            }
            Refusal::Policy => "ask whoever set the policy; the broker's log names it",
        }
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Kafka has it: all in-sync replicas acknowledged, and the leader gave its offset.
    Acknowledged,
    /// Kafka refused the batch that the record was in. Only a record that was sent alone is
    /// known to be the cause.
    Refused(Refusal),
    /// This producer cannot go on without a gap; whether Kafka has the record is not known. A
    /// new producer has to begin again at the last confirmed position.
    Broken(String),
}

impl Outcome {
    /// Reads a delivery report; also the partition that holds an acknowledged record.
    pub(crate) fn of(report: &DeliveryResult<'_>) -> (Outcome, Option<u32>) {
        use rdkafka::Message;
        match report {
            Ok(message) if message.offset() >= 0 => {
                (Outcome::Acknowledged, u32::try_from(message.partition()).ok())
            }
            // librdkafka's conclusion, not a broker's word: a later batch was taken, so this one must
            // have been. A broker that has forgotten the producer takes a later one alone.
            Ok(_) => (Outcome::Broken("no broker gave an offset for it".to_owned()), None),
            Err((error, _)) => (Outcome::of_code(error.rdkafka_error_code()), None),
        }
    }

    /// What an error code says of a record that was given to the producer. A code that is not
    /// known breaks the producer: to begin again loses nothing.
    pub(crate) fn of_code(code: Option<RDKafkaErrorCode>) -> Outcome {
        use RDKafkaErrorCode as Code;
        let refusal = match code {
            Some(
                Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize,
            ) => Refusal::TooLarge,
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => Refusal::UnknownTopic,
            Some(Code::UnknownPartition) => Refusal::UnknownPartition,
            Some(Code::InvalidTopic) => Refusal::InvalidTopic,
            Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
                Refusal::NotAuthorized
            }
            Some(Code::InvalidTimestamp) => Refusal::InvalidTimestamp,
            Some(
                Code::InvalidRecord | Code::InvalidMessage | Code::UnsupportedForMessageFormat,
            ) => Refusal::InvalidRecord,
            Some(Code::PolicyViolation) => Refusal::Policy,
            other => {
                let code = other.map_or_else(|| "unknown error".to_owned(), |c| c.to_string());
                return Outcome::Broken(code);
            }
        };
        Outcome::Refused(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waiting_cannot_cure_is_a_refusal_and_all_else_breaks_the_producer() {
        use RDKafkaErrorCode as Code;
        let refused = |code| Outcome::of_code(Some(code));
        assert_eq!(refused(Code::MessageSizeTooLarge), Outcome::Refused(Refusal::TooLarge));
        assert_eq!(refused(Code::UnknownTopic), Outcome::Refused(Refusal::UnknownTopic));
        assert_eq!(
            refused(Code::TopicAuthorizationFailed),
            Outcome::Refused(Refusal::NotAuthorized)
        );
        for code in [
            Code::PurgeQueue,
            Code::PurgeInflight,
            Code::GaplessGuarantee,
            Code::OutOfOrderSequenceNumber,
            Code::MessageTimedOut,
            Code::Fatal,
            Code::Fenced,
        ] {
            assert!(matches!(refused(code), Outcome::Broken(_)), "{code:?}");
        }
        assert!(matches!(Outcome::of_code(None), Outcome::Broken(_)));
    }
}

//! List: what a broker may answer, and what that leads to. The one place where this is said: tests are
//! made from it, and the tables of the manual.

use std::{ops::RangeInclusive, time::Duration};

use super::fake::Fault;
use crate::kafka::Refusal;

/// What an answer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// librdkafka tries again, in the same order, until it is acknowledged.
    Retried,
    /// The batch is refused: its events are sent again, alone; one that is refused alone is held.
    Refused(Refusal),
    /// The event is held at once: a person has to grant a right, or to mend a topic.
    Held,
    /// A new producer begins at the last confirmed position.
    NewProducer,
}

/// One error code in the answer to one kind of request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) code: i16,
    pub(super) name: &'static str,
    pub(super) fate: Fate,
}

const fn answer(code: i16, name: &'static str, fate: Fate) -> Answer {
    Answer { code, name, fate }
}

/// The codes of Kafka's protocol that librdkafka knows.
const KNOWN: [RangeInclusive<i16>; 5] = [-1..=-1, 1..=97, 100..=100, 110..=113, 117..=118];

/// Every code that librdkafka knows.
pub(super) fn known() -> impl Iterator<Item = i16> {
    KNOWN.into_iter().flatten()
}

/// Answers to a request that carries records. Every other code leads to a new producer.
pub(super) const PRODUCE: &[Answer] = &[
    answer(2, "CORRUPT_MESSAGE", Fate::Retried),
    answer(3, "UNKNOWN_TOPIC_OR_PARTITION", Fate::Retried),
    answer(5, "LEADER_NOT_AVAILABLE", Fate::Retried),
    answer(6, "NOT_LEADER_OR_FOLLOWER", Fate::Retried),
    answer(7, "REQUEST_TIMED_OUT", Fate::Retried),
    answer(8, "BROKER_NOT_AVAILABLE", Fate::Retried),
    answer(9, "REPLICA_NOT_AVAILABLE", Fate::Retried),
    answer(14, "COORDINATOR_LOAD_IN_PROGRESS", Fate::Retried),
    answer(15, "COORDINATOR_NOT_AVAILABLE", Fate::Retried),
    answer(16, "NOT_COORDINATOR", Fate::Retried),
    answer(19, "NOT_ENOUGH_REPLICAS", Fate::Retried),
    answer(20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", Fate::Retried),
    answer(56, "KAFKA_STORAGE_ERROR", Fate::Retried),
    answer(59, "UNKNOWN_PRODUCER_ID", Fate::Retried),
    answer(4, "INVALID_FETCH_SIZE", Fate::Refused(Refusal::TooLarge)),
    answer(10, "MESSAGE_TOO_LARGE", Fate::Refused(Refusal::TooLarge)),
    answer(18, "RECORD_LIST_TOO_LARGE", Fate::Refused(Refusal::TooLarge)),
    answer(17, "INVALID_TOPIC_EXCEPTION", Fate::Refused(Refusal::InvalidTopic)),
    answer(29, "TOPIC_AUTHORIZATION_FAILED", Fate::Refused(Refusal::NotAuthorized)),
    answer(31, "CLUSTER_AUTHORIZATION_FAILED", Fate::Refused(Refusal::NotAuthorized)),
    answer(32, "INVALID_TIMESTAMP", Fate::Refused(Refusal::InvalidTimestamp)),
    answer(43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", Fate::Refused(Refusal::InvalidRecord)),
    answer(87, "INVALID_RECORD", Fate::Refused(Refusal::InvalidRecord)),
    answer(44, "POLICY_VIOLATION", Fate::Refused(Refusal::Policy)),
    answer(-1, "UNKNOWN_SERVER_ERROR", Fate::NewProducer),
    answer(13, "NETWORK_EXCEPTION", Fate::NewProducer),
    answer(21, "INVALID_REQUIRED_ACKS", Fate::NewProducer),
    answer(35, "UNSUPPORTED_VERSION", Fate::NewProducer),
    answer(42, "INVALID_REQUEST", Fate::NewProducer),
    answer(45, "OUT_OF_ORDER_SEQUENCE_NUMBER", Fate::NewProducer),
    answer(46, "DUPLICATE_SEQUENCE_NUMBER", Fate::NewProducer),
    answer(47, "INVALID_PRODUCER_EPOCH", Fate::NewProducer),
    answer(49, "INVALID_PRODUCER_ID_MAPPING", Fate::NewProducer),
    answer(74, "FENCED_LEADER_EPOCH", Fate::NewProducer),
    answer(76, "UNSUPPORTED_COMPRESSION_TYPE", Fate::NewProducer),
    answer(89, "THROTTLING_QUOTA_EXCEEDED", Fate::NewProducer),
    answer(90, "PRODUCER_FENCED", Fate::NewProducer),
];

/// Answers to the request for a producer's id. Every other code is asked again.
pub(super) const PRODUCER_ID: &[Answer] = &[
    answer(31, "CLUSTER_AUTHORIZATION_FAILED", Fate::Held),
    answer(47, "INVALID_PRODUCER_EPOCH", Fate::NewProducer),
    answer(50, "INVALID_TRANSACTION_TIMEOUT", Fate::NewProducer),
    answer(53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", Fate::NewProducer),
    answer(90, "PRODUCER_FENCED", Fate::NewProducer),
];

/// Answers about the topic, before its first record. Every other code is asked again.
pub(super) const TOPIC: &[Answer] = &[
    answer(3, "UNKNOWN_TOPIC_OR_PARTITION", Fate::Held),
    answer(17, "INVALID_TOPIC_EXCEPTION", Fate::Held),
    answer(29, "TOPIC_AUTHORIZATION_FAILED", Fate::Held),
    // Not what Apache Kafka says of a topic. They mean a refusal wherever they come from.
    answer(2, "CORRUPT_MESSAGE", Fate::Held),
    answer(4, "INVALID_FETCH_SIZE", Fate::Held),
    answer(10, "MESSAGE_TOO_LARGE", Fate::Held),
    answer(18, "RECORD_LIST_TOO_LARGE", Fate::Held),
    answer(31, "CLUSTER_AUTHORIZATION_FAILED", Fate::Held),
    answer(32, "INVALID_TIMESTAMP", Fate::Held),
    answer(43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", Fate::Held),
    answer(44, "POLICY_VIOLATION", Fate::Held),
    answer(87, "INVALID_RECORD", Fate::Held),
];

/// What may happen to a connection, in words, and what it leads to: always the same. librdkafka knows
/// the numbers of its batches, and the broker appends none twice.
pub(super) const CONNECTIONS: &[(&str, Fault)] = &[
    ("the connection is cut before the batch is appended", Fault::Cut),
    ("the batch is appended and the answer is lost", Fault::AppliedThenCut),
    ("the answer is cut in its length", Fault::Truncated(2)),
    ("the answer is cut in its head", Fault::Truncated(9)),
    ("the answer is cut in its body", Fault::Truncated(30)),
    ("the answer comes twice", Fault::Twice),
    ("the answer comes late", Fault::Late(Duration::from_millis(300))),
    ("the answer comes after librdkafka has given it up", Fault::Late(Duration::from_millis(2500))),
    ("no answer ever comes", Fault::Silence),
    ("the broker has forgotten the producer", Fault::Forgotten),
];

/// What `code` leads to by `answers`, where `others` is what all codes lead to that are not in there.
pub(super) fn fate(answers: &[Answer], code: i16, others: Fate) -> Fate {
    answers.iter().find(|answer| answer.code == code).map_or(others, |answer| answer.fate)
}

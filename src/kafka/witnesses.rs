//! Witnesses: reads, and makes, the topic that remembers what was confirmed.
//!
//! Everything here waits for brokers: call it where waiting harms nobody, or through [`Reading`].

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
    time::{Duration, Instant},
};

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    Config, Error, WitnessTopic,
    client::{client_config, creation_error},
    producer::Producer,
    refusal::{Outcome, Refusal},
};
use crate::fault::{Fault, FaultKind};

/// How long one question to the brokers may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the whole topic may take. It is compacted, and its active segment is small.
const WHOLE: Duration = Duration::from_secs(60);

/// How long to wait before asking again.
const AGAIN: Duration = Duration::from_millis(100);

/// The partition of all witnesses.
const PARTITION: i32 = 0;

/// What keeps the topic small. The newest segment is never compacted, so it must not become large or
/// old; a mebibyte is the least that Kafka accepts.
const SHAPE: [(&str, &str); 5] = [
    ("cleanup.policy", "compact"),
    ("segment.bytes", "1048576"),
    ("segment.ms", "600000"),
    ("min.cleanable.dirty.ratio", "0.1"),
    ("delete.retention.ms", "600000"),
];

/// The topic cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// No client could be made.
    #[error("{0}")]
    Client(Fault),
    /// The topic does not exist.
    #[error("the topic {topic:?} of kafka.witness_topic does not exist")]
    Missing {
        /// Its name.
        topic: String,
    },
    /// The brokers do not let us.
    #[error("Kafka does not let us {doing} the topic {topic:?} of kafka.witness_topic: {reason}")]
    Refused {
        /// Verb.
        doing: &'static str,
        /// Its name.
        topic: String,
        /// Why not.
        reason: String,
    },
    /// Nobody could say; worth asking again.
    #[error("the topic {topic:?} of kafka.witness_topic cannot be read now: {reason}")]
    NotNow {
        /// Its name.
        topic: String,
        /// The last reason that was given.
        reason: String,
    },
}

impl WitnessError {
    /// What a person needs to hear.
    pub fn fault(&self) -> Fault {
        let (kind, hint) = match self {
            WitnessError::Client(fault) => return fault.clone(),
            WitnessError::Missing { .. } => (
                FaultKind::Settings,
                "run `postrider init`, which creates it; kafka.witness_topic = \"\" does without, and \
                 then nobody notices when the slot is moved or the publication is changed",
            ),
            WitnessError::Refused { .. } => (
                FaultKind::Rights,
                "grant Read, Write and Describe on it to our principal; `postrider init` needs Create, \
                 too, unless it exists",
            ),
            WitnessError::NotNow { .. } => (FaultKind::Kafka, "see whether the brokers are up"),
        };
        Fault::new(kind, self.to_string(), hint)
    }
}

/// The last record of each key, and its value.
pub type Records = BTreeMap<String, Vec<u8>>;

/// Reads the whole topic.
///
/// # Errors
/// See [`WitnessError`].
pub fn read(config: &Config, topic: &str) -> Result<Records, WitnessError> {
    let mut client = client_config(config).map_err(|error| WitnessError::Client(error.fault()))?;
    // librdkafka wants a group even where none is joined and nothing is stored.
    client.set("group.id", "postrider-witness").set("enable.auto.commit", "false");
    client.set("enable.partition.eof", "true").set("statistics.interval.ms", "0");
    let consumer: BaseConsumer = client.create().map_err(client_error)?;
    exists(&consumer, topic)?;
    let mut all = TopicPartitionList::new();
    let begun = all
        .add_partition_offset(topic, PARTITION, Offset::Beginning)
        .and_then(|()| consumer.assign(&all));
    begun.map_err(|error| not_now(topic, &error))?;
    let limit = Instant::now() + WHOLE;
    // The end as it is now, after whatever was acknowledged before. Others may write on and on: then
    // there is no moment at which nothing more comes.
    let marks = consumer.fetch_watermarks(topic, PARTITION, PATIENCE);
    let (_, end) = marks.map_err(|error| not_now(topic, &error))?;
    let (mut records, mut heard_at) = (Records::new(), Instant::now());
    loop {
        let now = Instant::now();
        if now >= limit || now.duration_since(heard_at) >= PATIENCE {
            return Err(not_now(topic, &"the brokers do not answer"));
        }
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(records),
            Some(Err(error)) => match error.rdkafka_error_code().map(refusal_of) {
                Some(Some(refusal)) => return Err(refused("read", topic, refusal)),
                _ => tracing::debug!(topic, %error, "reading the witness topic"),
            },
            Some(Ok(record)) => {
                heard_at = now;
                if let Some(key) = record.key().and_then(|key| std::str::from_utf8(key).ok()) {
                    match record.payload() {
                        Some(value) => records.insert(key.to_owned(), value.to_vec()),
                        None => records.remove(key),
                    };
                }
                // Compaction never takes the last record.
                if record.offset() + 1 >= end {
                    return Ok(records);
                }
            }
        }
    }
}

/// As [`read`]; a topic that was created just now may be a moment in coming.
///
/// # Errors
/// See [`WitnessError`].
pub fn read_soon(config: &Config, topic: &str, is_new: bool) -> Result<Records, WitnessError> {
    let limit = Instant::now() + PATIENCE;
    loop {
        match read(config, topic) {
            Err(WitnessError::Missing { .. } | WitnessError::NotNow { .. })
                if is_new && Instant::now() < limit =>
            {
                std::thread::sleep(AGAIN);
            }
            read => return read,
        }
    }
}

/// Writes one record and waits until it is acknowledged.
///
/// # Errors
/// See [`WitnessError`].
pub fn write(config: &Config, topic: &str, key: &str, value: &[u8]) -> Result<(), WitnessError> {
    let mut producer =
        Producer::start(config).map_err(|error| WitnessError::Client(error.fault()))?;
    let failed = |outcome: Outcome| match outcome {
        Outcome::Refused(refusal) => refused("write to", topic, refusal.reason().to_owned()),
        other => not_now(topic, &format!("{other:?}")),
    };
    producer.send_witness(topic, key, value).map_err(failed)?;
    let limit = Instant::now() + WHOLE;
    while Instant::now() < limit {
        producer.serve(AGAIN / 10);
        let _ = producer.next_delivery(Instant::now());
        match producer.witness_outcome() {
            Some(Outcome::Acknowledged) => return Ok(()),
            Some(outcome) => return Err(failed(outcome)),
            None => {}
        }
    }
    Err(not_now(topic, &producer.trouble().unwrap_or("nothing is acknowledged")))
}

/// Creates the topic with one partition. False
/// when it exists.
///
/// # Errors
/// See [`WitnessError`].
pub fn create(config: &Config, topic: &WitnessTopic) -> Result<bool, WitnessError> {
    let WitnessTopic { name: topic, replicas } = topic;
    let client = client_config(config).map_err(|error| WitnessError::Client(error.fault()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| not_now(topic, &error))?;
    let admin: AdminClient<DefaultClientContext> = client.create().map_err(client_error)?;
    let mut new = NewTopic::new(topic, 1, TopicReplication::Fixed(*replicas));
    for (name, value) in SHAPE {
        new = new.set(name, value);
    }
    let options =
        AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let results = runtime.block_on(admin.create_topics([&new], &options));
    match results.map_err(|error| not_now(topic, &error))?.into_iter().next() {
        Some(Ok(_)) => Ok(true),
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
        Some(Err((_, code))) => Err(refused("create", topic, code.to_string())),
        None => Err(not_now(topic, &"the broker gave no result")),
    }
}

fn exists(consumer: &BaseConsumer, topic: &str) -> Result<(), WitnessError> {
    let metadata =
        consumer.fetch_metadata(Some(topic), PATIENCE).map_err(|error| not_now(topic, &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let Some(found) = found else { return Err(not_now(topic, &"the brokers leave it out")) };
    let Some(code) = found.error().map(RDKafkaErrorCode::from) else { return Ok(()) };
    match Outcome::of_code(Some(code)) {
        Outcome::Refused(Refusal::UnknownTopic) => {
            Err(WitnessError::Missing { topic: topic.to_owned() })
        }
        Outcome::Refused(_) => Err(refused("read", topic, code.to_string())),
        _ => Err(not_now(topic, &code)),
    }
}

fn refusal_of(code: RDKafkaErrorCode) -> Option<String> {
    // The group is never asked about anything: what a broker thinks of it does not matter.
    let matters = matches!(code, RDKafkaErrorCode::TopicAuthorizationFailed);
    matters.then(|| code.to_string())
}

fn client_error(error: KafkaError) -> WitnessError {
    let error: Error = creation_error(error);
    WitnessError::Client(error.fault())
}

fn refused(doing: &'static str, topic: &str, reason: String) -> WitnessError {
    WitnessError::Refused { doing, topic: topic.to_owned(), reason }
}

fn not_now(topic: &str, reason: &dyn std::fmt::Display) -> WitnessError {
    WitnessError::NotNow { topic: topic.to_owned(), reason: reason.to_string() }
}

/// A reading under way, on a thread of its own.
pub struct Reading {
    answer: Receiver<Result<Records, WitnessError>>,
}

impl Reading {
    /// Begins to read, after `wait`.
    pub fn start(config: &Config, topic: &str, wait: Duration) -> Reading {
        let (sender, answer) = sync_channel(1);
        let (config, topic) = (config.clone(), topic.to_owned());
        let spawned = std::thread::Builder::new().name("witness-reader".into()).spawn(move || {
            std::thread::sleep(wait);
            let _ = sender.send(read(&config, &topic));
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "cannot start a thread to read the witness topic");
        }
        Reading { answer }
    }

    /// What was read, once it is.
    pub fn answer(&self) -> Option<Result<Records, WitnessError>> {
        match self.answer.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(not_now("", &"no answer came"))),
        }
    }
}

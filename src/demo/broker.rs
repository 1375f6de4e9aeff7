//! The demo's Kafka: librdkafka's mock cluster in this process, which outlives the publisher, or a
//! real one with a topic that is removed at the end.

use std::time::Duration;

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _, StreamConsumer},
    message::{BorrowedMessage, Headers as _},
    mocking::MockCluster,
    producer::DefaultProducerContext,
};

use super::Error;

/// Few enough that each holds several customers, enough that they are told apart.
const PARTITIONS: i32 = 6;

const BROKERS: i32 = 3;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A Kafka with one topic of the demo's.
pub(super) struct Broker {
    /// Where it is, as librdkafka wants to be told.
    pub(super) address: String,
    /// The topic.
    pub(super) topic: String,
    /// What to call it in the story.
    pub(super) name: String,
    /// Asks how much the topic holds.
    asker: BaseConsumer,
    /// Lives as long as this does.
    mock: Option<MockCluster<'static, DefaultProducerContext>>,
}

/// A record as the audit and the points service need it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// The header `id`.
    pub(super) event: String,
    /// The record's key: the customer.
    pub(super) key: String,
    /// The value, as text.
    pub(super) payload: String,
    /// Its partition.
    pub(super) partition: i32,
    /// Its offset there.
    pub(super) offset: i64,
}

impl Broker {
    /// A mock cluster of three brokers.
    pub(super) fn embedded() -> Result<Broker, Error> {
        let topic = "outbox.event.order";
        let failed = |error: rdkafka::error::KafkaError| Error::Kafka {
            brokers: "127.0.0.1".to_owned(),
            doing: "start inside this process",
            reason: error.to_string(),
        };
        let mock = MockCluster::new(BROKERS).map_err(failed)?;
        mock.create_topic(topic, PARTITIONS, BROKERS).map_err(failed)?;
        // `init` cannot: a mock cluster knows no request that creates one.
        mock.create_topic(&witness_of(topic), 1, BROKERS).map_err(failed)?;
        let address = mock.bootstrap_servers();
        Ok(Broker {
            asker: client(&address).create().map_err(failed)?,
            address,
            topic: topic.to_owned(),
            name: format!("an embedded Kafka of {BROKERS} brokers (librdkafka's mock cluster)"),
            mock: Some(mock),
        })
    }

    /// A real Kafka, and the name of a topic that is not made yet.
    pub(super) fn real(address: &str) -> Result<Broker, Error> {
        let failed = |error: rdkafka::error::KafkaError| Error::Kafka {
            brokers: address.to_owned(),
            doing: "be asked",
            reason: error.to_string(),
        };
        Ok(Broker {
            asker: client(address).create().map_err(failed)?,
            address: address.to_owned(),
            topic: format!("postrider-demo-{:08x}", fastrand::u32(..)),
            name: format!("Kafka at {address}"),
            mock: None,
        })
    }

    /// The topic that remembers what was confirmed: the demo's own, like everything else.
    pub(super) fn witness_topic(&self) -> String {
        witness_of(&self.topic)
    }

    /// Whether it answers. A mock cluster always does.
    pub(super) fn must_answer(&self) -> Result<(), Error> {
        match self.asker.fetch_metadata(None, PATIENCE / 2) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.error("be reached", &error)),
        }
    }

    /// Makes the topic of a real Kafka.
    pub(super) async fn create_topic(&self) -> Result<(), Error> {
        if self.mock.is_some() {
            return Ok(());
        }
        let new = NewTopic::new(&self.topic, PARTITIONS, TopicReplication::Fixed(-1));
        let doing = "create a topic";
        let options = AdminOptions::new().request_timeout(Some(PATIENCE));
        let results = self.admin(doing)?.create_topics([&new], &options).await;
        match results.map_err(|error| self.error(doing, &error))?.into_iter().next() {
            Some(Err((_, code))) => Err(self.error(doing, &code)),
            _ => Ok(()),
        }
    }

    /// Removes the topic of a real Kafka. A mock cluster goes with the process.
    pub(super) async fn clear(&self) {
        if self.mock.is_none()
            && let Ok(admin) = self.admin("remove a topic")
        {
            let options = AdminOptions::new().request_timeout(Some(PATIENCE));
            let _ = admin.delete_topics(&[&self.topic, &self.witness_topic()], &options).await;
        }
    }

    /// A consumer at the beginning of every partition.
    pub(super) fn reader(&self) -> Result<StreamConsumer, Error> {
        let doing = "let us read";
        let reader: StreamConsumer =
            client(&self.address).create().map_err(|error| self.error(doing, &error))?;
        reader.assign(&self.beginning()).map_err(|error| self.error(doing, &error))?;
        Ok(reader)
    }

    /// How many records the topic holds, and how many it has dropped already.
    pub(super) fn count(&self) -> Result<(i64, i64), Error> {
        let doing = "tell how much it holds";
        let mut count = (0, 0);
        for partition in 0..PARTITIONS {
            let marks = self.asker.fetch_watermarks(&self.topic, partition, PATIENCE);
            let (low, high) = marks.map_err(|error| self.error(doing, &error))?;
            count = (count.0 + high - low, count.1 + low);
        }
        Ok(count)
    }

    /// Everything in the topic, each partition in its order.
    ///
    /// The mock cluster keeps 5 MiB a partition and drops what is older. The shop is not open long
    /// enough for that, and if it were, this would fail rather than count what is left.
    pub(super) async fn read_all(&self) -> Result<Vec<Record>, Error> {
        let (held, dropped) = self.count()?;
        if dropped > 0 {
            let reason = format!("{dropped} records are gone from the topic already");
            return Err(self.error("show all it was given", &reason));
        }
        let reader = self.reader()?;
        let mut records = Vec::new();
        while (records.len() as i64) < held {
            let next = tokio::time::timeout(PATIENCE, reader.recv()).await;
            let late = Error::Late { what: "Kafka gives back all it holds", seconds: 10 };
            let message = next.map_err(|_| late)?;
            let message = message.map_err(|error| self.error("be read", &error))?;
            records.push(Record::of(&message));
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
    }

    fn beginning(&self) -> TopicPartitionList {
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            // Fails for offsets that are no offsets only.
            let _ = all.add_partition_offset(&self.topic, partition, Offset::Beginning);
        }
        all
    }

    fn admin(&self, doing: &'static str) -> Result<AdminClient<DefaultClientContext>, Error> {
        client(&self.address).create().map_err(|error| self.error(doing, &error))
    }

    fn error(&self, doing: &'static str, reason: &impl ToString) -> Error {
        Error::Kafka { brokers: self.address.clone(), doing, reason: reason.to_string() }
    }
}

fn witness_of(topic: &str) -> String {
    format!("{topic}.witness")
}

fn client(brokers: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", brokers)
        // Never used to join or commit; librdkafka wants a name before it lets us assign.
        .set("group.id", "postrider-demo")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "20")
        .set("log_level", "0");
    client
}

impl Record {
    pub(super) fn of(message: &BorrowedMessage<'_>) -> Record {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into();
        let headers = message.headers();
        let id = headers.and_then(|headers| headers.iter().find(|header| header.key == "id"));
        Record {
            event: text(id.and_then(|id| id.value)),
            key: text(message.key()),
            payload: text(message.payload()),
            partition: message.partition(),
            offset: message.offset(),
        }
    }
}

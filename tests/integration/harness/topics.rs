//! Kafka's topics: made, changed, and read wholly, from the first offset to the high watermark.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{
        AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers},
    topic_partition_list::TopicPartitionListElem,
};

/// One record as a consumer sees it.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
}

impl Record {
    /// A header's value as text; `None` when it is absent or null.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        value.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Names of the headers, in their order.
    pub fn header_names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The payload as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.payload.as_deref().unwrap_or_default()).into_owned()
    }

    /// A copy of what a consumer was given.
    pub fn of(message: &BorrowedMessage<'_>) -> Record {
        let headers = message.headers().map(|headers| {
            let owned = |bytes: &[u8]| bytes.to_vec();
            headers.iter().map(|h| (h.key.to_owned(), h.value.map(owned))).collect()
        });
        Record {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            payload: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
            timestamp: message.timestamp().to_millis(),
        }
    }
}

/// A client of one cluster.
pub struct Topics {
    brokers: String,
    consumer: BaseConsumer,
}

impl Topics {
    pub fn of(brokers: &str) -> Topics {
        Topics { brokers: brokers.to_owned(), consumer: consumer(brokers) }
    }

    /// Creates a topic and waits until it has leaders; `settings` are the topic's own.
    pub fn create(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        self.create_on(name, partitions, TopicReplication::Fixed(1), settings);
    }

    /// The same with more than one replica, or with replicas at chosen brokers.
    pub fn create_on(
        &self,
        name: &str,
        partitions: i32,
        replication: TopicReplication<'_>,
        settings: &[(&str, &str)],
    ) {
        let mut topic = NewTopic::new(name, partitions, replication);
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let admin = self.admin();
        let result = block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
        result.into_iter().next().unwrap().unwrap_or_else(|(name, error)| {
            panic!("cannot create topic {name}: {error}");
        });
        super::process::eventually("the topic has leaders", Duration::from_secs(20), || {
            (self.partitions(name)? == partitions && self.watermarks(name).is_some()).then_some(())
        });
    }

    /// Deletes a topic and waits until the broker knows it no more.
    pub fn delete(&self, name: &str) {
        let admin = self.admin();
        let result = block_on(admin.delete_topics(&[name], &AdminOptions::new())).unwrap();
        result.into_iter().next().unwrap().expect("the topic is deleted");
        super::process::eventually("the topic is gone", Duration::from_secs(20), || {
            self.partitions(name).is_none().then_some(())
        });
    }

    /// Gives a topic more partitions, `count` in all, and waits until they have leaders.
    pub fn grow(&self, name: &str, count: i32) {
        let change = NewPartitions::new(name, count as usize);
        let admin = self.admin();
        let result = block_on(admin.create_partitions([&change], &AdminOptions::new())).unwrap();
        result.into_iter().next().unwrap().expect("the topic grows");
        super::process::eventually("the partitions have leaders", Duration::from_secs(20), || {
            (self.partitions(name)? == count && self.watermarks(name).is_some()).then_some(())
        });
    }

    /// Changes one setting of a topic.
    pub fn alter(&self, name: &str, key: &str, value: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(name)).set(key, value);
        let admin = self.admin();
        let result = block_on(admin.alter_configs([&change], &AdminOptions::new())).unwrap();
        result.into_iter().next().unwrap().expect("the topic's setting changes");
    }

    /// How many partitions a topic has; `None` when there is no such topic, or no answer.
    pub fn partitions(&self, name: &str) -> Option<i32> {
        let metadata = self.consumer.fetch_metadata(Some(name), Duration::from_secs(2)).ok()?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == name)?;
        let count = topic.partitions().len() as i32;
        (topic.error().is_none() && count > 0).then_some(count)
    }

    /// The leader of each partition, -1 where there is none; `None` when Kafka does not answer.
    pub fn leaders(&self, name: &str) -> Option<Vec<i32>> {
        let metadata = self.consumer.fetch_metadata(Some(name), Duration::from_secs(2)).ok()?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == name)?;
        Some(topic.partitions().iter().map(|partition| partition.leader()).collect())
    }

    /// High watermark of each partition; `None` when Kafka does not answer.
    pub fn watermarks(&self, name: &str) -> Option<Vec<i64>> {
        (0..self.partitions(name)?)
            .map(|partition| {
                let limit = Duration::from_secs(2);
                let marks = self.consumer.fetch_watermarks(name, partition, limit);
                marks.ok().map(|(_, high)| high)
            })
            .collect()
    }

    /// How many records a topic holds.
    pub fn count(&self, name: &str) -> i64 {
        self.watermarks(name).map_or(0, |marks| marks.iter().sum())
    }

    /// Everything in these topics now, by partition and offset. A topic that does not exist is
    /// empty.
    pub fn read(&self, names: &[String]) -> Vec<Record> {
        let mut records = Vec::new();
        self.each(names, |message| records.push(Record::of(message)));
        records.sort_by(|a, b| {
            (&a.topic, a.partition, a.offset).cmp(&(&b.topic, b.partition, b.offset))
        });
        records
    }

    /// Calls `visit` with each record that is in these topics now.
    pub fn each(&self, names: &[String], mut visit: impl FnMut(&BorrowedMessage<'_>)) {
        let mut wanted = TopicPartitionList::new();
        let mut left = 0;
        for name in names {
            for (partition, high) in self.watermarks(name).into_iter().flatten().enumerate() {
                if high > 0 {
                    let elem: &mut TopicPartitionListElem<'_> =
                        &mut wanted.add_partition(name, partition as i32);
                    elem.set_offset(Offset::Beginning).unwrap();
                    left += high;
                }
            }
        }
        // Offsets are dense: no topic of a test is compacted and no publisher is transactional.
        let reader = consumer(&self.brokers);
        reader.assign(&wanted).unwrap();
        let mut last = Instant::now();
        while left > 0 {
            match reader.poll(Duration::from_millis(100)) {
                Some(message) => {
                    visit(&message.expect("Kafka lets a consumer read"));
                    left -= 1;
                    last = Instant::now();
                }
                None => assert!(last.elapsed().as_secs() < 30, "{left} records cannot be read"),
            }
        }
    }

    /// A consumer of these topics from their beginning on, without an end.
    pub fn follow(&self, names: &[String]) -> BaseConsumer {
        let mut wanted = TopicPartitionList::new();
        for name in names {
            for partition in 0..self.partitions(name).expect("the topic exists") {
                wanted.add_partition_offset(name, partition, Offset::Beginning).unwrap();
            }
        }
        let reader = consumer(&self.brokers);
        reader.assign(&wanted).unwrap();
        reader
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap()
    }
}

/// Whether a broker answers.
pub fn answers(brokers: &str) -> bool {
    consumer(brokers).fetch_metadata(None, Duration::from_millis(500)).is_ok()
}

fn consumer(brokers: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        // Never used to join or commit; librdkafka wants a name before it lets us assign.
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "20")
        .set("reconnect.backoff.max.ms", "500")
        .set("log_level", "0")
        .create()
        .unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

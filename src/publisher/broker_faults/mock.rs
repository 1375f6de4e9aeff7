//! Mock: librdkafka's mock cluster, and what is done to it while events are carried.

use std::{cell::RefCell, time::Duration};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    mocking::MockCluster,
    producer::DefaultProducerContext,
};

use super::{
    log::Entry,
    stage::{Broker, TOPIC},
};

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) type Cluster = MockCluster<'static, DefaultProducerContext>;

/// What is done before an event is sent.
type Act = Box<dyn Fn(&Cluster, usize)>;

/// What is done once, while an event is waited for.
type LateAct = Box<dyn FnOnce(&Cluster)>;

/// A mock cluster, a reader of its one topic, and a plan.
pub(super) struct Mock {
    pub(super) cluster: Cluster,
    partitions: i32,
    before: Act,
    /// What is done when an event has been waited for this many times.
    after_turns: RefCell<Option<(u32, LateAct)>>,
    read: RefCell<Vec<Entry>>,
    reader: BaseConsumer,
    /// Where the reader stands in each partition.
    positions: RefCell<Vec<i64>>,
}

impl Mock {
    pub(super) fn new(brokers: i32, partitions: i32, before: Act) -> Mock {
        let cluster = MockCluster::new(brokers).unwrap();
        cluster.create_topic(TOPIC, partitions, brokers).unwrap();
        let reader: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "10")
            .create()
            .unwrap();
        let mut all = TopicPartitionList::new();
        for partition in 0..partitions {
            all.add_partition_offset(TOPIC, partition, Offset::Beginning).unwrap();
        }
        reader.assign(&all).unwrap();
        let positions = RefCell::new(vec![0; partitions as usize]);
        let (read, after_turns) = (RefCell::default(), RefCell::new(None));
        Mock { cluster, partitions, before, after_turns, read, reader, positions }
    }

    /// After so many waits of a millisecond, once.
    pub(super) fn after_turns(self, turns: u32, act: impl FnOnce(&Cluster) + 'static) -> Mock {
        *self.after_turns.borrow_mut() = Some((turns, Box::new(act)));
        self
    }

    fn is_read(&self) -> bool {
        let positions = self.positions.borrow();
        (0..self.partitions).all(|partition| {
            // A leader that has just moved answers with an error.
            let marks = self.reader.fetch_watermarks(TOPIC, partition, PATIENCE);
            marks.is_ok_and(|(_, end)| positions[partition as usize] >= end)
        })
    }
}

impl Broker for Mock {
    fn arrived(&self) -> Vec<Entry> {
        while !self.is_read() {
            // Errors are those of brokers that are gone; the reader tries again by itself.
            let polled = self.reader.poll(Duration::from_millis(50));
            let Some(Ok(message)) = polled else { continue };
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            self.positions.borrow_mut()[message.partition() as usize] = message.offset() + 1;
            self.read.borrow_mut().push((text(message.key()), text(message.payload())));
        }
        self.read.borrow().clone()
    }

    /// A broker that is down cannot be read, and would never come back while we wait for it.
    fn arrived_so_far(&self) -> Option<Vec<Entry>> {
        None
    }

    fn before(&self, number: usize) {
        (self.before)(&self.cluster, number);
    }

    fn turn(&self) {
        let mut plan = self.after_turns.borrow_mut();
        if let Some((turns, _)) = plan.as_mut() {
            *turns -= 1;
        }
        if let Some((_, act)) = plan.take_if(|(turns, _)| *turns == 0) {
            act(&self.cluster);
        }
    }
}

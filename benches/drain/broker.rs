//! The Kafka of the benchmark: librdkafka's mock cluster, in a process of its own.
//!
//! It keeps the last 5 MiB of each partition and drops what is older, so nobody has to consume.

use std::{
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use rdkafka::mocking::MockCluster;

/// The first argument that makes this program a mock cluster; the second is the topic.
pub const ARGUMENT: &str = "mock-cluster";

const BROKERS: i32 = 3;
/// Partitions of the one topic.
pub const PARTITIONS: i32 = 12;

/// Serves a mock cluster with one topic until stdin ends; says on stdout where it is.
pub fn serve(topic: &str) {
    let cluster = MockCluster::new(BROKERS).expect("a mock cluster needs nothing but loopback");
    cluster.create_topic(topic, PARTITIONS, BROKERS).expect("a fresh cluster takes any topic");
    for partition in 0..PARTITIONS {
        // Otherwise by chance, and not the same in the next run.
        let leader = Some(partition % BROKERS + 1);
        cluster.partition_leader(topic, partition, leader).expect("the broker and topic exist");
    }
    println!("{}", cluster.bootstrap_servers());
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

/// A running mock cluster. It ends with this process, however that ends.
pub struct Broker {
    child: Child,
    /// Where it listens, as librdkafka wants to be told.
    pub address: String,
}

impl Broker {
    /// Starts this program again as a mock cluster.
    pub fn start(topic: &str) -> Broker {
        let program = std::env::current_exe().expect("a running program has a path");
        let mut child = Command::new(program)
            .args([ARGUMENT, topic])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let out = child.stdout.take().expect("stdout is piped");
        let mut address = String::new();
        let _ = BufReader::new(out).read_line(&mut address);
        assert!(!address.trim().is_empty(), "the mock cluster did not start, see above");
        Broker { child, address: address.trim().to_owned() }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

//! Start-up: from the start of the process to its first record in Kafka.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};

use crate::{
    backlog::Backlog,
    broker::PARTITIONS,
    harness::process::Process,
    reader::{Socket, publisher, topic},
};

/// No start takes this long.
const LIMIT: Duration = Duration::from_secs(30);

/// Seconds of one start, over TCP with a password, with a backlog waiting.
pub fn first_record(backlog: &Backlog<'_>, brokers: &str) -> f64 {
    let slot = backlog.copy_slot();
    let (mut command, directory, _) = publisher(backlog, &slot, Socket::Tcp, brokers);
    let asker: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()
        .expect("a consumer needs no more than brokers");
    let before = high(&asker);
    let begin = Instant::now();
    let log = directory.join("log");
    let mut process = Process::start(&mut command, &log);
    while high(&asker) <= before {
        let text = || std::fs::read_to_string(&log).unwrap_or_default();
        assert!(begin.elapsed() < LIMIT, "no record comes:\n{}", text());
        assert!(process.exited().is_none(), "it ended before its first record:\n{}", text());
    }
    let seconds = begin.elapsed().as_secs_f64();
    process.signal("TERM");
    assert!(process.wait(LIMIT).is_some(), "it does not leave");
    backlog.drop_slot(&slot);
    seconds
}

/// All records that the topic was ever given.
fn high(asker: &BaseConsumer) -> i64 {
    let mark = |partition| asker.fetch_watermarks(&topic(), partition, Duration::from_secs(5));
    (0..PARTITIONS).map(|partition| mark(partition).expect("the broker answers").1).sum()
}

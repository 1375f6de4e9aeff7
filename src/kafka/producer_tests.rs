//! The producer against librdkafka's own mock cluster.

use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use super::*;
use crate::{ack::AckTracker, kafka::OptionValue, outbox::HeaderList};

const TOPIC: &str = "orders";
const PATIENCE: Duration = Duration::from_secs(20);

fn position(ordinal: u64) -> Position {
    format!("0/5/{ordinal}").parse().unwrap()
}

/// A producer on a mock cluster, and a tracker to get tickets from.
struct Bench {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: Producer,
    tracker: AckTracker,
}

impl Bench {
    fn new(partitions: i32) -> Bench {
        Bench::with(partitions, &[])
    }

    /// With these options of librdkafka.
    fn with(partitions: i32, options: &[(&str, &str)]) -> Bench {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, partitions, 1).unwrap();
        let option = |(name, value): &(&str, &str)| {
            ((*name).to_owned(), OptionValue::new((*value).to_owned()))
        };
        let options = options.iter().map(option).collect();
        let brokers = cluster.bootstrap_servers();
        let config = Config { brokers, window: 1000, options, ..Config::default() };
        let mut tracker = AckTracker::new(position(0).commit_lsn);
        tracker.begin();
        Bench { cluster, producer: Producer::start(&config).unwrap(), tracker }
    }

    /// The same, with a queue in librdkafka that is far smaller than the window.
    fn with_queue_of(records: usize) -> Bench {
        let bench = Bench::new(1);
        let brokers = bench.cluster.bootstrap_servers();
        let config = Config { brokers, window: 1000, ..Config::default() };
        let mut client = client_config(&config).unwrap();
        client.set("queue.buffering.max.messages", records.to_string());
        let producer = Producer::of_client(client, &config, Credentials::of(&config)).unwrap();
        Bench { producer, ..bench }
    }

    fn offer(&mut self, key: &str, ordinal: u64) -> Offer {
        let mut headers = HeaderList::new();
        headers.push("id", Some(b"1"));
        let record = Record {
            topic: TOPIC,
            key: Some(key.as_bytes()),
            payload: Some(b"{}"),
            headers: &headers,
            timestamp: 1_700_000_000_000,
            partition: None,
            position: position(ordinal),
            event_id: None,
        };
        self.producer.offer(&record, 0, Instant::now())
    }

    /// Sends a record as a session does: offers it until it is taken.
    fn send(&mut self, key: &str, ordinal: u64) -> Vec<Delivery> {
        let deadline = Instant::now() + PATIENCE;
        let mut back = Vec::new();
        loop {
            match self.offer(key, ordinal) {
                Offer::Sent(flight) => {
                    let ticket = self.tracker.publish(1);
                    self.producer.attach(flight, ticket);
                    return back;
                }
                Offer::NotNow => {
                    assert!(Instant::now() < deadline, "the record is never taken");
                    self.producer.serve(Duration::from_millis(1));
                    back.extend(std::iter::from_fn(|| self.producer.next_delivery(Instant::now())));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Everything that is in flight, when it has come back.
    fn land(&mut self) -> Vec<Delivery> {
        let deadline = Instant::now() + PATIENCE;
        let mut back = Vec::new();
        while self.producer.in_flight() > 0 {
            assert!(Instant::now() < deadline, "records do not come back");
            self.producer.serve(Duration::from_millis(1));
            back.extend(std::iter::from_fn(|| self.producer.next_delivery(Instant::now())));
        }
        back
    }
}

#[test]
fn every_record_comes_back_once_with_its_ticket() {
    let mut bench = Bench::new(4);
    let mut back = Vec::new();
    for ordinal in 0..300 {
        back.extend(bench.send(&format!("k{}", ordinal % 20), ordinal));
    }
    back.extend(bench.land());
    let mut places: Vec<_> = back.iter().map(|delivery| delivery.position.ordinal).collect();
    places.sort_unstable();
    assert_eq!(places, (0..300).collect::<Vec<_>>());
    for delivery in back {
        assert_eq!(delivery.outcome, Outcome::Acknowledged);
        bench.tracker.acknowledge(delivery.ticket);
    }
    assert_eq!(bench.tracker.in_flight_events(), 0);
}

#[test]
fn a_cold_partition_takes_the_second_record_only_after_the_first_is_acknowledged() {
    let mut bench = Bench::new(1);
    assert!(bench.send("a", 0).is_empty());
    assert_eq!(bench.offer("b", 1), Offer::NotNow);
    assert_eq!(bench.land().len(), 1);
    assert!(matches!(bench.offer("b", 1), Offer::Sent(_)));
    assert!(matches!(bench.offer("c", 2), Offer::Sent(_)), "warm: no waiting");
}

#[test]
fn a_refused_record_is_told_from_a_broken_producer() {
    for (error, refused) in [
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, true),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD, true),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, false),
    ] {
        let mut bench = Bench::new(1);
        bench.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
        bench.send("a", 0);
        let outcomes: Vec<_> = bench.land().into_iter().map(|back| back.outcome).collect();
        assert_eq!(outcomes.len(), 1, "{error:?}");
        assert_eq!(matches!(outcomes[0], Outcome::Refused(_)), refused, "{error:?}: {outcomes:?}");
    }
}

/// Every record is a batch of its own. Five are on the wire when the first is refused: a broker would
/// refuse the four behind it for their sequence numbers, which the mock cluster does not look at.
#[test]
fn what_waits_behind_a_refused_record_is_not_sent_any_more() {
    let mut bench = Bench::with(1, &[("batch.num.messages", "1"), ("linger.ms", "0")]);
    bench.send("a", 0);
    assert_eq!(bench.land().len(), 1, "the partition is warm");
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    bench.cluster.broker_round_trip_time(1, Duration::from_millis(50)).unwrap();
    bench.cluster.request_errors(RDKafkaApiKey::Produce, &[refused]);
    let mut back = Vec::new();
    for ordinal in 1..=8 {
        back.extend(bench.send("a", ordinal));
    }
    back.extend(bench.land());
    assert_eq!(back.len(), 8);
    let overtook: Vec<u64> = back
        .iter()
        .filter(|delivery| delivery.outcome == Outcome::Acknowledged)
        .map(|delivery| delivery.position.ordinal)
        .filter(|ordinal| *ordinal > 5)
        .collect();
    assert!(overtook.is_empty(), "{overtook:?} overtook the first");
}

#[test]
fn what_brokers_pass_over_themselves_is_retried_until_it_is_acknowledged() {
    let mut bench = Bench::new(1);
    let errors = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    ];
    bench.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    bench.send("a", 0);
    let outcomes: Vec<_> = bench.land().into_iter().map(|back| back.outcome).collect();
    assert_eq!(outcomes, [Outcome::Acknowledged]);
}

#[test]
fn a_purge_brings_back_what_is_in_flight_as_not_known() {
    let mut bench = Bench::new(1);
    bench.send("a", 0);
    bench.land();
    bench.cluster.broker_down(1).unwrap();
    bench.send("a", 1);
    bench.producer.purge();
    let outcomes: Vec<_> = bench.land().into_iter().map(|back| back.outcome).collect();
    assert!(matches!(outcomes[..], [Outcome::Broken(_)]), "{outcomes:?}");
}

#[test]
fn a_full_queue_is_waited_for_and_order_is_kept() {
    let mut bench = Bench::with_queue_of(10);
    bench.send("a", 0);
    bench.land();
    bench.cluster.broker_down(1).unwrap();
    let sent = (1..100).take_while(|ordinal| match bench.offer("a", *ordinal) {
        Offer::Sent(flight) => {
            let ticket = bench.tracker.publish(1);
            bench.producer.attach(flight, ticket);
            true
        }
        other => {
            assert_eq!(other, Offer::NotNow);
            false
        }
    });
    let next = sent.last().unwrap() + 1;
    assert!(next < 20, "librdkafka's queue takes {next} records");
    bench.cluster.broker_up(1).unwrap();
    let mut back = Vec::new();
    for ordinal in next..100 {
        back.extend(bench.send("a", ordinal));
    }
    back.extend(bench.land());
    let places: Vec<_> = back.iter().map(|delivery| delivery.position.ordinal).collect();
    assert_eq!(places, (1..100).collect::<Vec<_>>());
    assert!(back.iter().all(|delivery| delivery.outcome == Outcome::Acknowledged));
}

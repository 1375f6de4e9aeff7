//! Engine and producer together, on librdkafka's mock cluster.

use std::time::{Duration, Instant};

use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use super::{
    board::Board,
    carrier::{Carrier, Taken},
    ending::Ended,
    engine::{Engine, tests::config},
    engine_frames::{self as frames, OUTBOX},
    suspects::Suspects,
};
use crate::{
    fault::FaultKind,
    kafka::{self, Producer, Refusal},
    observe::{Health, Metrics},
    outbox::Position,
};

const PATIENCE: Duration = Duration::from_secs(20);
const TOO_LARGE: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;

struct Bench {
    cluster: MockCluster<'static, DefaultProducerContext>,
    carrier: Carrier,
}

impl Bench {
    /// A carrier amid a transaction of a table `outbox`.
    fn new(suspects: Suspects) -> Bench {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("outbox.event.order", 4, 1).unwrap();
        let brokers = cluster.bootstrap_servers();
        let producer =
            Producer::start(&kafka::Config { brokers, window: 100_000, ..Default::default() });
        let now = Instant::now();
        let board = Board::new(Metrics::new(), Health::new(), !suspects.is_empty(), now);
        let engine = Engine::new(config(100_000), now);
        let mut carrier = Carrier::new(engine, producer.unwrap(), board, suspects, PATIENCE);
        for frame in [frames::begin(200), frames::relation(OUTBOX, "outbox", &[])] {
            assert_eq!(carrier.take(&frame, now).unwrap(), Taken::Done);
        }
        Bench { cluster, carrier }
    }

    /// Takes one event in, as a session does; what ends the session is returned.
    fn publish(&mut self, number: u64) -> Result<(), Ended> {
        let frame = frames::event(&format!("e{number}"), &format!("k{}", number % 50));
        let deadline = Instant::now() + PATIENCE;
        while self.carrier.take(&frame, Instant::now())? == Taken::NotNow {
            assert!(Instant::now() < deadline, "the event is never taken");
            self.carrier.collect(Instant::now())?;
        }
        Ok(())
    }

    fn land(&mut self) -> Result<(), Ended> {
        let deadline = Instant::now() + PATIENCE;
        while self.carrier.in_flight() > 0 {
            assert!(Instant::now() < deadline, "records do not come back");
            self.carrier.collect(Instant::now())?;
        }
        self.carrier.collect(Instant::now()).map(|_| ())
    }
}

fn position(ordinal: u64) -> Position {
    format!("0/C8/{ordinal}").parse().unwrap()
}

/// librdkafka declares the producer broken a moment before it reports the refusal that broke it.
/// Sending goes on through that moment here, as it does under load.
#[test]
fn a_refusal_under_load_is_told_from_a_broken_producer() {
    for _ in 0..10 {
        let mut bench = Bench::new(Suspects::default());
        (0..200).for_each(|number| bench.publish(number).unwrap());
        bench.land().unwrap();
        bench.cluster.request_errors(RDKafkaApiKey::Produce, &[TOO_LARGE]);
        let ended = (200..1_000_000).find_map(|number| bench.publish(number).err()).unwrap();
        assert!(matches!(ended, Ended::BatchRefused(Refusal::TooLarge)), "{ended:?}");
        assert_eq!(bench.carrier.first_unacknowledged(), None);
        assert!(!bench.carrier.abandon().is_empty());
    }
}

/// Until the session has ended, whatever is offered: the producer may not be broken yet.
#[test]
fn behind_a_refused_event_nothing_is_sent_any_more() {
    let mut bench = Bench::new(Suspects::default());
    (0..50).for_each(|number| bench.publish(number).unwrap());
    bench.land().unwrap();
    bench.cluster.request_errors(RDKafkaApiKey::Produce, &[TOO_LARGE]);
    bench.publish(50).unwrap();
    assert!(matches!(bench.land(), Err(Ended::BatchRefused(Refusal::TooLarge))));
    for number in 51..101 {
        let frame = frames::event(&format!("e{number}"), &format!("k{}", number % 50));
        assert_eq!(bench.carrier.take(&frame, Instant::now()).unwrap(), Taken::NotNow);
    }
    assert_eq!(bench.carrier.in_flight(), 0);
}

#[test]
fn a_suspect_that_is_refused_alone_is_held_and_named() {
    let mut suspects = Suspects::default();
    suspects.insert(position(2));
    let mut bench = Bench::new(suspects);
    bench.publish(0).unwrap();
    bench.publish(1).unwrap();
    bench.land().unwrap();
    bench.cluster.request_errors(RDKafkaApiKey::Produce, &[TOO_LARGE]);
    bench.publish(2).unwrap();
    assert_eq!(bench.carrier.in_flight(), 1);
    match bench.publish(3).unwrap_err() {
        Ended::Held(fault, at) => {
            assert_eq!((fault.kind, at), (FaultKind::Refused, Some(position(2))));
            assert!(fault.sentence.contains("event e2 at 0/C8/2"), "{fault}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_innocent_suspect_goes_alone_and_what_held_the_publisher_is_over() {
    let mut suspects = Suspects::default();
    suspects.insert(position(1));
    let mut bench = Bench::new(suspects);
    bench.publish(0).unwrap();
    bench.publish(1).unwrap();
    assert_eq!(bench.carrier.in_flight(), 1, "nothing beside a suspect");
    assert!(bench.carrier.board.is_held());
    bench.publish(2).unwrap();
    bench.land().unwrap();
    assert_eq!(bench.carrier.first_unacknowledged(), Some(position(3)));
    assert!(!bench.carrier.board.is_held());
    assert!(bench.carrier.abandon().is_empty());
}

#[test]
fn the_first_event_not_acknowledged_is_the_oldest_in_flight_or_the_next() {
    let mut bench = Bench::new(Suspects::default());
    assert_eq!(bench.carrier.first_unacknowledged(), Some(position(0)));
    bench.publish(0).unwrap();
    bench.land().unwrap();
    assert_eq!(bench.carrier.first_unacknowledged(), Some(position(1)));
    bench.cluster.broker_down(1).unwrap();
    bench.publish(50).unwrap();
    bench.publish(100).unwrap();
    assert_eq!(bench.carrier.first_unacknowledged(), Some(position(1)));
}

#[test]
fn an_event_that_cannot_be_routed_waits_until_all_before_it_is_acknowledged() {
    let mut bench = Bench::new(Suspects::default());
    (0..20).for_each(|number| bench.publish(number).unwrap());
    let frame = frames::insert(OUTBOX, [Some("bad"), None, Some("k"), Some("t"), None]);
    let deadline = Instant::now() + PATIENCE;
    let ended = loop {
        assert!(Instant::now() < deadline);
        match bench.carrier.take(&frame, Instant::now()) {
            Ok(Taken::NotNow) => bench.carrier.collect(Instant::now()).map(|_| ()).unwrap(),
            Ok(Taken::Done) => panic!("it was passed over"),
            Err(ended) => break ended,
        }
    };
    assert_eq!(bench.carrier.in_flight(), 0);
    assert!(matches!(ended, Ended::Held(_, Some(at)) if at == position(20)), "{ended:?}");
}

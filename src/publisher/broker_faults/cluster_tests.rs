//! librdkafka's mock cluster: distance, leaders that move, brokers that go, and its own injected errors.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{
    mock::{Cluster, Mock},
    stage::{Broker as _, End, Pace, Stage, TOPIC},
};
use crate::kafka::Refusal;

const NONE: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;

/// The mock cluster does not judge the sequences of a producer without transactions: it appends what comes
/// behind a batch that it did not take. So one request at a time goes to each broker here; five in flight
/// are the fake broker's matter.
const ONE_AT_A_TIME: (&str, &str) = ("max.in.flight", "1");

fn stage(mock: &Mock, events: usize) -> Stage {
    let brokers = mock.cluster.bootstrap_servers();
    Stage::new(brokers, keys(events), Pace::Together).option(ONE_AT_A_TIME.0, ONE_AT_A_TIME.1)
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("k{}", number % 10)).collect()
}

fn play(mock: &Mock, stage: &Stage) -> (Vec<End>, usize) {
    let ends = stage.play(mock);
    (ends, stage.check(&mock.arrived()))
}

#[test]
fn errors_of_the_mock_cluster_at_some_distance_lead_to_the_same() {
    use RDKafkaRespErr as Code;
    let cases = [
        (Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, None),
        (Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, None),
        (Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, None),
        // The mock cluster closes the connection.
        (Code::RD_KAFKA_RESP_ERR__TRANSPORT, None),
        (Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, Some(End::BatchRefused(Refusal::TooLarge))),
        (
            Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            Some(End::BatchRefused(Refusal::NotAuthorized)),
        ),
        (Code::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, Some(End::NewProducer)),
        (Code::RD_KAFKA_RESP_ERR_UNKNOWN, Some(End::NewProducer)),
    ];
    thread::scope(|scope| {
        for (code, end) in cases {
            scope.spawn(move || {
                for before in [0, 2, 4] {
                    let mut errors = vec![NONE; before];
                    errors.push(code);
                    let is_new = AtomicBool::new(true);
                    let act = move |cluster: &Cluster, number: usize| {
                        // All partitions are warm then, and the next go out together.
                        if number == 30 && is_new.swap(false, Ordering::Relaxed) {
                            cluster.request_errors(RDKafkaApiKey::Produce, &errors);
                        }
                    };
                    let mock = Mock::new(1, 5, Box::new(act));
                    let distance = Duration::from_millis(15);
                    mock.cluster.broker_round_trip_time(1, distance).unwrap();
                    let stage = stage(&mock, 60);
                    let (ends, _) = play(&mock, &stage);
                    let expected: Vec<End> = end.clone().into_iter().collect();
                    assert_eq!(ends, expected, "{code:?} after {before} requests");
                }
            });
        }
    });
}

#[test]
fn leaders_that_move_all_the_time_cost_nothing_but_time() {
    let act = |cluster: &Cluster, number: usize| {
        if number % 20 == 10 {
            let (partition, leader) = (number / 20 % 4, number / 20 % 3 + 1);
            cluster.partition_leader(TOPIC, partition as i32, Some(leader as i32)).unwrap();
        }
    };
    let mock = Mock::new(3, 4, Box::new(act));
    mock.cluster.broker_round_trip_time(-1, Duration::from_millis(5)).unwrap();
    let stage = stage(&mock, 300);
    assert_eq!(play(&mock, &stage), (Vec::new(), 0));
}

#[test]
fn a_broker_that_goes_and_comes_back_loses_nothing() {
    let act = |cluster: &Cluster, number: usize| match number {
        40 => cluster.broker_down(1).unwrap(),
        55 => cluster.broker_up(1).unwrap(),
        _ => {}
    };
    let mock = Mock::new(1, 4, Box::new(act));
    let stage = stage(&mock, 90);
    assert_eq!(play(&mock, &stage), (Vec::new(), 0));
}

#[test]
fn one_partition_without_leader_stalls_the_session_and_is_caught_up_with_later() {
    let is_new = AtomicBool::new(true);
    let act = move |cluster: &Cluster, number: usize| {
        if number == 40 && is_new.swap(false, Ordering::Relaxed) {
            cluster.partition_leader(TOPIC, 0, None).unwrap();
        }
    };
    let mock = Mock::new(3, 4, Box::new(act)).after_turns(1500, |cluster| {
        cluster.partition_leader(TOPIC, 0, Some(2)).unwrap();
    });
    // From these versions on an answer names the new leader, and the mock cluster reads through a null
    // pointer when there is none.
    mock.cluster.apiversion(RDKafkaApiKey::Produce, Some(3), Some(9)).unwrap();
    mock.cluster.apiversion(RDKafkaApiKey::Fetch, Some(4), Some(11)).unwrap();
    let stage = stage(&mock, 90);
    let stage = stage.stall_timeout(Duration::from_secs(1));
    let (ends, _) = play(&mock, &stage);
    assert!(!ends.is_empty() && ends.iter().all(|end| *end == End::Stalled), "{ends:?}");
}

//! Connections that break around a batch of records.

use super::{
    fake::{FakeBroker, Fault, Script},
    list::{CONNECTIONS, Fate},
    scenario::{EVENTS, PLACES, Scenario, play_all},
    stage::{Broker as _, End, Pace, Stage, TOPIC},
};

#[test]
fn whatever_becomes_of_an_answer_nothing_is_lost_repeated_or_overtaken() {
    let mut scenarios = Vec::new();
    for (name, fault) in CONNECTIONS {
        for place in PLACES {
            scenarios.push(Scenario::of_fault(name, *fault, place, Fate::Retried));
        }
    }
    play_all(scenarios);
}

/// A topic that was deleted and made again under a running producer: the broker does not know its id and
/// accepts any first sequence. So the batches behind the one that it did not take are appended, and
/// librdkafka, which believes that a broker would never do that, reports all of them as delivered.
#[test]
fn a_batch_is_not_acknowledged_because_a_later_one_is() {
    for code in [6, 7, 19] {
        let fault = Fault::ForgottenThenError(code);
        let produce = [(1, fault)].into();
        let script = Script { produce, hold: Some((1, 6)), ..Script::default() };
        let broker = FakeBroker::start(TOPIC, 1, script);
        // A key for each: what was appended behind it has overtaken it, and nobody can undo that.
        let keys = (0..EVENTS).map(|number| format!("k{number}")).collect();
        let stage = Stage::new(broker.address(), keys, Pace::Together);
        let ends = stage.play(&broker);
        stage.check(&broker.arrived());
        assert_eq!(ends, [End::NewProducer], "code {code}");
    }
}

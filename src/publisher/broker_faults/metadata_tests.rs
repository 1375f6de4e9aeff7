//! Every error code that a broker may answer to the questions before the first record.

use super::{
    fake::{Fault, Script},
    list::{self, Answer, Fate, PRODUCER_ID, TOPIC, fate},
    scenario::{EVENTS, Scenario, play_all},
    stage::{End, Pace},
};
use crate::fault::FaultKind;

/// How many answers about the topic carry an error that passes. librdkafka asks on its own account, too,
/// so one alone may pass our own question by.
const ANSWERS: usize = 3;

/// The same for an error that holds: each session asks anew.
const HELD_ANSWERS: usize = 12;

fn scenario(name: String, script: Script, is_right: fn(&[End]) -> bool) -> Scenario {
    let verdict = Box::new(move |ends: &[End], _| is_right(ends));
    Scenario { name, script, pace: Pace::Alone, verdict }
}

#[test]
fn every_answer_to_the_request_for_a_producer_id_leads_to_what_the_list_says() {
    let mut scenarios = Vec::new();
    for code in list::known() {
        let script = Script { producer_id: [code].into(), ..Script::default() };
        let is_right: fn(&[End]) -> bool = match fate(PRODUCER_ID, code, Fate::Retried) {
            Fate::Held => |ends| ends == [End::Held(FaultKind::Rights)],
            Fate::NewProducer => |ends| ends == [End::NewProducer],
            _ => |ends| ends.is_empty(),
        };
        scenarios.push(scenario(format!("producer id, code {code}"), script, is_right));
    }
    play_all(scenarios);
}

#[test]
fn every_answer_about_a_topic_leads_to_what_the_list_says() {
    let mut scenarios = Vec::new();
    for code in list::known() {
        let is_held = fate(TOPIC, code, Fate::Retried) == Fate::Held;
        let is_right: fn(&[End]) -> bool = match is_held {
            true => |ends| {
                !ends.is_empty() && ends.iter().all(|end| *end == End::Held(FaultKind::Refused))
            },
            false => |ends| ends.is_empty(),
        };
        let count = if is_held { HELD_ANSWERS } else { ANSWERS };
        let metadata = vec![(code, 0); count].into();
        let script = Script { metadata, ..Script::default() };
        scenarios.push(scenario(format!("topic, code {code}"), script, is_right));
    }
    play_all(scenarios);
}

#[test]
fn an_error_of_a_partition_is_waited_out() {
    let mut scenarios = Vec::new();
    for code in list::known() {
        let metadata = [(0, code); ANSWERS].into();
        let script = Script { metadata, ..Script::default() };
        scenarios.push(scenario(format!("partition, code {code}"), script, |e| e.is_empty()));
    }
    play_all(scenarios);
}

/// A batch that comes to the wrong broker makes librdkafka ask for the topic again. What it hears then
/// either passes or holds an event of that topic; nothing is lost in between.
#[test]
fn an_error_of_the_topic_in_mid_stream_passes_or_holds() {
    let mut scenarios = Vec::new();
    for Answer { code, name, .. } in TOPIC {
        for at in [1, EVENTS / 2, EVENTS - 1] {
            let script = Script {
                produce: [(at, Fault::Error(6))].into(),
                metadata: [(0, 0), (0, 0), (*code, 0)].into(),
                ..Script::default()
            };
            let is_right = |ends: &[End]| {
                ends.iter().all(|end| matches!(end, End::Held(_) | End::BatchRefused(_)))
            };
            scenarios.push(scenario(format!("{name} after request {at}"), script, is_right));
        }
    }
    play_all(scenarios);
}

//! Every error code that a broker may answer to records, at every place.

use super::{
    fake::{Fault, Script},
    list::{self, Fate, PRODUCE, fate},
    scenario::{EVENTS, PLACES, Scenario, play_all},
    stage::{End, Pace},
};
use crate::fault::FaultKind;

#[test]
fn every_error_code_leads_to_what_the_list_says_wherever_it_strikes() {
    let mut scenarios = Vec::new();
    for code in list::known() {
        let fate = fate(PRODUCE, code, Fate::NewProducer);
        for place in PLACES {
            let name = format!("code {code}");
            scenarios.push(Scenario::of_fault(&name, Fault::Error(code), place, fate));
        }
    }
    play_all(scenarios);
}

/// What a broker says that appended nothing; librdkafka takes its word and counts anew.
const UNKNOWN_PRODUCER_ID: i16 = 59;

/// Retried, and the broker knows the batch. With more of them in flight librdkafka does not retry: it
/// concludes from the next one's success. That is nobody's word, so a new producer begins again.
#[test]
fn an_error_after_the_batch_was_appended_repeats_nothing_unless_more_was_behind_it() {
    let mut scenarios = Vec::new();
    for answer in PRODUCE.iter().filter(|answer| answer.code != UNKNOWN_PRODUCER_ID) {
        let fault = Fault::AppliedThenError(answer.code);
        if answer.fate == Fate::Retried {
            for place in PLACES {
                let fate = match place.0 {
                    Pace::Together => Fate::NewProducer,
                    Pace::Alone => Fate::Retried,
                };
                let mut scenario = Scenario::of_fault(answer.name, fault, place, fate);
                if place == (Pace::Together, 5) {
                    // Whether more is behind it depends on how fast the events came.
                    scenario.verdict = Box::new(|ends, repeats| match ends {
                        [] => repeats == 0,
                        ends => ends == [End::NewProducer],
                    });
                }
                scenarios.push(scenario);
            }
        }
    }
    play_all(scenarios);
}

#[test]
fn an_error_after_the_batch_was_appended_that_ends_the_session_loses_nothing() {
    let mut scenarios = Vec::new();
    for answer in PRODUCE {
        let fault = Fault::AppliedThenError(answer.code);
        if matches!(answer.fate, Fate::Refused(_) | Fate::NewProducer) {
            for place in PLACES {
                scenarios.push(Scenario::of_fault(answer.name, fault, place, answer.fate));
            }
        }
    }
    play_all(scenarios);
}

#[test]
fn what_librdkafka_retries_it_retries_as_often_as_it_takes() {
    let mut scenarios = Vec::new();
    for answer in PRODUCE.iter().filter(|answer| answer.fate == Fate::Retried) {
        for pace in [Pace::Alone, Pace::Together] {
            let faults = [1, 2, 4, 5, 6, 7, 8].map(|at| (at, Fault::Error(answer.code)));
            let hold = (pace == Pace::Together).then_some((1, 6));
            scenarios.push(Scenario {
                name: format!("{} again and again, {pace:?}", answer.name),
                script: Script { produce: faults.into(), hold, ..Script::default() },
                pace,
                verdict: Box::new(|ends, repeats| ends.is_empty() && repeats == 0),
            });
        }
    }
    play_all(scenarios);
}

#[test]
fn a_record_that_is_refused_alone_as_well_is_held_until_it_is_taken() {
    let mut scenarios = Vec::new();
    for answer in PRODUCE {
        let Fate::Refused(refusal) = answer.fate else { continue };
        // The last of a transaction would be preceded by repeats, which move the second refusal.
        for first in [0, EVENTS / 3] {
            let faults = (first..first + 3).map(|at| (at, Fault::Error(answer.code))).collect();
            scenarios.push(Scenario {
                name: format!("{} three times from request {first}", answer.name),
                script: Script { produce: faults, ..Script::default() },
                pace: Pace::Alone,
                verdict: Box::new(move |ends, repeats| {
                    let held = End::Held(FaultKind::Refused);
                    ends == [End::BatchRefused(refusal), held.clone(), held] && repeats == 0
                }),
            });
        }
    }
    play_all(scenarios);
}

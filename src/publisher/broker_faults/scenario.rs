//! Scenario: one thing that goes wrong at one place, played and judged; many at once.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread,
};

use super::{
    fake::{FakeBroker, Fault, Script},
    list::Fate,
    stage::{Broker as _, End, Pace, Stage, TOPIC},
};

/// Events in a scenario: three transactions of three.
pub(super) const EVENTS: usize = 9;

/// Scenarios at the same time. They mostly wait.
const AT_ONCE: usize = 12;

/// Where the fault strikes: which request, and how events follow each other. The first, one in the
/// middle and the last, alone; and the first, the third and the last of five that are in flight together.
pub(super) const PLACES: [(Pace, usize); 6] = [
    (Pace::Alone, 0),
    (Pace::Alone, EVENTS / 2),
    (Pace::Alone, EVENTS - 1),
    (Pace::Together, 1),
    (Pace::Together, 3),
    (Pace::Together, 5),
];

/// Whether sessions ended as they should, with so many repeats.
type Verdict = Box<dyn Fn(&[End], usize) -> bool + Send>;

/// One scenario.
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) script: Script,
    pub(super) pace: Pace,
    /// Judges how the sessions in between ended and how many repeats there are.
    pub(super) verdict: Verdict,
}

impl Scenario {
    /// `fault` at one of [`PLACES`].
    pub(super) fn of_fault(name: &str, fault: Fault, place: (Pace, usize), fate: Fate) -> Scenario {
        let (pace, at) = place;
        let hold = (pace == Pace::Together).then_some((1, 6));
        let script = Script { produce: [(at, fault)].into(), hold, ..Script::default() };
        let name = format!("{name}, {pace:?}, request {at}");
        Scenario { name, script, pace, verdict: Box::new(move |ends, n| is_as_said(fate, ends, n)) }
    }

    fn play(&self) -> Result<(), String> {
        let broker = FakeBroker::start(TOPIC, 1, self.script.clone());
        let keys = (0..EVENTS).map(|number| format!("k{}", number % 2)).collect();
        let stage = Stage::new(broker.address(), keys, self.pace);
        let played = catch_unwind(AssertUnwindSafe(|| {
            let ends = stage.play(&broker);
            (ends, stage.check(&broker.arrived()))
        }));
        let (ends, repeats) = played.map_err(|cause| {
            let text = cause.downcast_ref::<String>().cloned();
            text.unwrap_or_else(|| "it failed, see above".to_owned())
        })?;
        if !broker.is_played() {
            return Err("the fault never happened".to_owned());
        }
        match (self.verdict)(&ends, repeats) {
            true => Ok(()),
            false => Err(format!("ended {ends:?}, {repeats} repeats")),
        }
    }
}

/// One fault, once: how the session ends, and that nothing is repeated unless a session ended.
fn is_as_said(fate: Fate, ends: &[End], repeats: usize) -> bool {
    match fate {
        Fate::Retried => ends.is_empty() && repeats == 0,
        Fate::Refused(refusal) => ends == [End::BatchRefused(refusal)],
        Fate::Held => matches!(ends, [End::Held(_), ..]),
        Fate::NewProducer => ends == [End::NewProducer],
    }
}

/// Plays all of them, several at once.
///
/// # Panics
/// When one of them is not as it should be; all that are not are named.
#[track_caller]
pub(super) fn play_all(scenarios: Vec<Scenario>) {
    let count = scenarios.len();
    let left = Mutex::new(scenarios);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().pop();
                    let Some(scenario) = next else { break };
                    if let Err(reason) = scenario.play() {
                        wrong.lock().unwrap().push(format!("{}: {reason}", scenario.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("{count} scenarios");
}

//! Seeds: the simulation, played by the thousand, replayed one by one, and shown to be awake.

use std::{
    env,
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::simulation::{Coverage, Mutation, Run, play};

/// How many seeds are played when nobody asks for more.
const SEEDS: u64 = 10_000;

/// Names the number of seeds.
const HOW_MANY: &str = "POSTRIDER_SEEDS";

/// Names the first of them.
const FIRST: &str = "POSTRIDER_FIRST_SEED";

/// Names one seed to replay.
const WHICH: &str = "POSTRIDER_SEED";

/// Within so many seeds each planted bug is found.
const FOUND_WITHIN: u64 = 500;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, which is no number")))
}

/// What a person needs to repeat it.
fn told(seed: u64, run: &Run) -> String {
    format!(
        "seed {seed}: {}\n{}\nreplay it: {WHICH}={seed} cargo test --lib a_seed_is_replayed -- --nocapture",
        run.failure.as_deref().unwrap_or("nothing is wrong"),
        run.history.join("\n"),
    )
}

/// Plays seeds on all cores until one fails; a line on stderr now and then.
fn play_all(seeds: Range<u64>) -> Result<Coverage, String> {
    let base = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let is_over = AtomicBool::new(false);
    let sum = Mutex::new(Coverage::default());
    let failure = Mutex::new(None::<(u64, String)>);
    let work = || {
        let mut coverage = Coverage::default();
        while !is_over.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let run = play(seed, base, Mutation::None, false);
            coverage.add(&run.coverage);
            if run.failure.is_some() {
                is_over.store(true, Ordering::Relaxed);
                let mut failure = failure.lock().unwrap();
                if failure.as_ref().is_none_or(|(other, _)| seed < *other) {
                    *failure = Some((seed, told(seed, &run)));
                }
            }
        }
        sum.lock().unwrap().add(&coverage);
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut said = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(Duration::from_millis(20));
            if said.elapsed() >= Duration::from_secs(5) {
                said = Instant::now();
                let done = next.load(Ordering::Relaxed).min(seeds.end) - seeds.start;
                let (all, seconds) = (seeds.end - seeds.start, base.elapsed().as_secs());
                eprintln!("{done} of {all} seeds in {seconds} s, all promises kept");
            }
        }
    });
    match failure.into_inner().unwrap() {
        Some((_, words)) => Err(words),
        None => Ok(sum.into_inner().unwrap()),
    }
}

#[test]
fn every_seed_keeps_every_promise_and_together_they_reach_every_rare_state() {
    let seeds = number(HOW_MANY).unwrap_or(SEEDS);
    let begun = Instant::now();
    let first = number(FIRST).unwrap_or(0);
    let coverage = play_all(first..first + seeds).unwrap_or_else(|words| panic!("{words}"));
    let Coverage { events, sessions, repeats, steps, .. } = coverage;
    println!(
        "{seeds} seeds from {first} on in {:.1?}: {steps} steps, {events} events committed, {sessions} sessions, \
         {repeats} repeats; how often each rare state was reached:\n{}",
        begun.elapsed(),
        coverage.table()
    );
    assert!(seeds < SEEDS || coverage.missing().is_empty(), "never: {:?}", coverage.missing());
}

#[test]
fn a_seed_is_replayed_step_by_step() {
    let asked = number(WHICH);
    let seeds = asked.map_or(0..50, |seed| seed..seed + 1);
    for seed in seeds {
        let [first, second] =
            [Instant::now(); 2].map(|base| play(seed, base, Mutation::None, true));
        assert!(first.history == second.history, "seed {seed} gives two different runs");
        if asked.is_some() {
            println!("{}", told(seed, &first));
        }
        assert_eq!(first.failure, None, "seed {seed}");
    }
}

/// A judge that never says no proves nothing.
#[test]
fn every_planted_bug_is_found_within_some_hundred_seeds() {
    let base = Instant::now();
    let mut unseen = Vec::new();
    for bug in Mutation::BUGS {
        let caught = (0..FOUND_WITHIN).find_map(|seed| {
            let failure = play(seed, base, bug, false).failure?;
            Some((seed, failure))
        });
        match caught {
            Some((seed, words)) => println!("{bug:?}: {} seeds: {words}", seed + 1),
            None => unseen.push(bug),
        }
    }
    assert!(unseen.is_empty(), "not found in {FOUND_WITHIN} seeds: {unseen:?}");
}

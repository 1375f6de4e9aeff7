//! Slices: some minutes of traffic under one kind of fire, then the judgement.
//!
//! `PROOF_MINUTES`, `PROOF_SEED` and `PROOF_RATE` (events a second) make long ones of the short ones,
//! and `PROOF_LEDGER` lets each leave a line. `make proof` sets them.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    faults::Kind,
    field::{Field, Servers},
    harness::Turn,
    intent::{Intents, Outcome},
    judge::Judge,
    ledger, sweep as cuts,
    traffic::Traffic,
    watch::Watch,
};

/// A slice of `make test`: some faults of each kind.
const SHORT: Duration = Duration::from_secs(35);

/// Events a second, of all writers together; more than two cores carry during an outage.
const RATE: u64 = 1500;

/// Every link of the sweep has more bytes than that in each direction.
const SHORTEST_LANE: u64 = 800;

/// Between two quiet phases.
const FIRE: Duration = Duration::from_secs(20);

fn number(name: &str) -> Option<f64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text:?}")))
}

/// Runs a slice of this kind and fails if anything is wrong.
fn run(kind: Kind) {
    let turn = Turn::whole();
    let length = number("PROOF_MINUTES").map_or(SHORT, |m| Duration::from_secs_f64(m * 60.0));
    let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let by_clock = || if kind == Kind::Sweep { clock() % SHORTEST_LANE } else { clock() };
    let seed = number("PROOF_SEED").map_or_else(by_clock, |seed| seed as u64);
    let rate = number("PROOF_RATE").map_or(RATE, |rate| rate as u64);
    eprintln!("{}: seed {seed}, {:.1} minutes", kind.name(), length.as_secs_f64() / 60.0);
    let servers = Servers::start_new(kind.nodes());
    let field = Field::prepare(&servers, (&format!("proof-{}-{seed}", kind.name()), seed), turn);
    let watch = Watch::start(&field.stage, &field.brokers());
    let seen = watch.seen.clone();
    *field.watch.borrow_mut() = Some(watch);
    let begun = Instant::now();
    let mut intents = match kind {
        Kind::Sweep => cuts::drive(&field, length, seed),
        _ => fire(kind, &field, length, (seed, rate)),
    };
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    field.quiet_at_last();
    let mut judge = field.watch.take().expect("it was set").finish();
    judge_all(&field, &mut intents, &mut judge);
    conclude(
        kind,
        &field,
        &intents,
        (&judge, seed, minutes),
        seen.leader_moves.load(Ordering::Relaxed),
    );
}

/// Traffic and faults until the time is over; what the writers meant to do.
fn fire(kind: Kind, field: &Field<'_>, length: Duration, (seed, rate): (u64, u64)) -> Intents {
    let traffic = Traffic::start(&field.stage, seed, (5, rate), &field.aggregates);
    field.start_publisher();
    let begun = Instant::now();
    let (mut quiet, mut told) = (Instant::now(), Instant::now());
    while begun.elapsed() < length && !field.is_condemned() {
        kind.strike(field);
        if quiet.elapsed() > FIRE {
            field.quiet();
            quiet = Instant::now();
        }
        if told.elapsed() > Duration::from_secs(10) {
            progress(kind, field, &traffic, begun);
            told = Instant::now();
        }
    }
    progress(kind, field, &traffic, begun);
    traffic.finish()
}

fn progress(kind: Kind, field: &Field<'_>, traffic: &Traffic, begun: Instant) {
    let counts = field.counts.borrow();
    let watch = field.watch.borrow();
    let seen = &watch.as_ref().expect("the watch runs").seen;
    eprintln!(
        "{} {:>5.0} s: {} publisher kills ({} at failpoints), {} PostgreSQL crashes, {} walsender kills, \
         {} broker crashes, {} network faults, {} stops, {} leader moves; {} events, {} records, \
         {} repeats, {} defects",
        kind.name(),
        begun.elapsed().as_secs_f64(),
        counts.publisher_kills,
        counts.failpoint_kills,
        counts.postgres_crashes,
        counts.walsender_kills,
        counts.broker_crashes,
        counts.network_faults,
        counts.stops,
        seen.leader_moves.load(Ordering::Relaxed),
        traffic.events(),
        seen.records.load(Ordering::Relaxed),
        seen.repeats.load(Ordering::Relaxed),
        seen.defects.load(Ordering::Relaxed),
    );
}

/// Tells the judge what the database says in the end.
fn judge_all(field: &Field<'_>, intents: &mut Intents, judge: &mut Judge) {
    let sql = field.stage.sql();
    let committed: HashSet<(u8, u32)> = sql
        .rows("select writer, transaction from outcomes")
        .iter()
        .map(|row| (row.get::<_, i32>(0) as u8, row.get::<_, i32>(1) as u32))
        .collect();
    let versions: HashMap<String, u64> = sql
        .rows("select key, version from keys")
        .iter()
        .map(|row| (row.get(0), row.get::<_, i64>(1) as u64))
        .collect();
    intents.resolve(&committed, &mut judge.defects);
    judge.finish(intents, &versions);
}

fn conclude(
    kind: Kind,
    field: &Field<'_>,
    intents: &Intents,
    (judge, seed, minutes): (&Judge, u64, f64),
    leader_moves: u64,
) {
    let counts = field.counts.borrow();
    let result = ledger::Result {
        slice: kind.name(),
        seed,
        minutes,
        counts: &counts,
        leader_moves,
        intents,
        judge,
    };
    let line = ledger::line(field, &result);
    eprintln!("{line}\n{} repeats landed late", judge.late);
    if std::env::var_os("PROOF_LEDGER").is_some() {
        ledger::append(&line);
    }
    if !judge.defects.counts.is_empty() {
        field.defects.borrow_mut().clone_from(&judge.defects.places);
        let places = judge.defects.places.join("\n");
        panic!("seed {seed}: {:?}\n{places}", judge.defects.counts);
    }
    assert!(intents.count(Outcome::Committed) > 20, "that was no load");
    assert!(judge.records >= intents.events(), "records are fewer than events");
}

#[test]
fn kills() {
    run(Kind::Kills);
}

#[test]
fn postgres() {
    run(Kind::Postgres);
}

#[test]
fn brokers() {
    run(Kind::Brokers);
}

#[test]
fn network() {
    run(Kind::Network);
}

#[test]
fn mixed() {
    run(Kind::Mixed);
}

#[test]
fn sweep() {
    run(Kind::Sweep);
}

//! The sweep: one small scenario, cut behind every byte of both links in both directions.
//!
//! The scenario: a publisher starts, delivers a transaction of two rows of different keys, and has it
//! confirmed. Cuts come in an order in which any part is spread over the whole; `PROOF_SEED` is the
//! number of the first one, and the slice says which is the next.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use crate::{
    field::Field,
    harness::{Direction, PATIENCE, Proxy, eventually},
    intent::{Intent, Intents, Outcome},
    traffic,
};

/// A link in one direction.
#[derive(Debug, Clone, Copy)]
struct Lane {
    to_kafka: bool,
    direction: Direction,
    /// Bytes that pass when nothing is cut.
    bytes: u64,
}

/// Runs the scenario over and over until the time is over or every byte had its cut.
pub fn drive(field: &Field<'_>, length: Duration, first: u64) -> Intents {
    let begun = Instant::now();
    traffic::fill_keys(&field.stage);
    let mut scenario = Scenario { field, intents: Vec::new() };
    let mut lanes = Vec::new();
    for to_kafka in [false, true] {
        for direction in [Direction::ToServer, Direction::ToClient] {
            let lane = Lane { to_kafka, direction, bytes: 0 };
            let bytes = scenario.play(&lane, None).0;
            lanes.push(Lane { bytes, ..lane });
        }
    }
    eprintln!("sweep: {lanes:?}");
    let last = lanes.iter().map(|lane| lane.bytes).max().expect("there are lanes");
    let mut number = first;
    while begun.elapsed() < length && number < last && !field.is_condemned() {
        for lane in lanes.iter().filter(|lane| number < lane.bytes) {
            let offset = spread(number, lane.bytes);
            let (_, cut) = scenario.play(lane, Some(offset));
            field.note(format!("{lane:?} cut after {offset} bytes: {cut}"));
            field.count(|counts| counts.network_faults += u64::from(cut));
        }
        number += 1;
        if number.is_multiple_of(10) {
            eprintln!("sweep {:>5.0} s: {number} of {last}", begun.elapsed().as_secs_f64());
        }
    }
    eprintln!("sweep: cuts {first} to {number} of {last} are done; go on with SEED={number}");
    // The slices end with a publisher that runs.
    field.start_publisher();
    Intents(vec![scenario.intents])
}

/// The `number`-th place of `all`: each once, and any first few of them far from each other.
fn spread(number: u64, all: u64) -> u64 {
    let golden = (all as f64 * 0.618_033_988_75) as u64;
    let step = (golden.max(1)..).find(|step| is_coprime(*step, all)).expect("all + 1 is");
    (u128::from(number) * u128::from(step) % u128::from(all)) as u64
}

fn is_coprime(mut a: u64, mut b: u64) -> bool {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

struct Scenario<'a> {
    field: &'a Field<'a>,
    intents: Vec<Intent>,
}

impl Scenario<'_> {
    /// Plays it once. How many bytes passed, and whether the cut came.
    fn play(&mut self, lane: &Lane, cut_after: Option<u64>) -> (u64, bool) {
        let field = self.field;
        let proxy: &Proxy = if lane.to_kafka {
            field.cluster.expect("a cluster").first_proxy()
        } else {
            &field.proxy
        };
        let transaction = self.intents.len() as u32;
        let mut sql = format!("begin; insert into outcomes values (0, {transaction});");
        for row in 0..2 {
            let place = (0, transaction);
            sql.push_str(&traffic::insert(&field.aggregates, place, u64::from(row), (row, 1), ""));
        }
        field.stage.sql().run(&(sql + "commit"));
        self.intents.push(Intent { rows: 2, outcome: Outcome::Committed });

        let before = proxy.passed(lane.direction);
        if let Some(bytes) = cut_after {
            proxy.cut_after(lane.direction, bytes);
        }
        field.start_publisher();
        self.delivered();
        field.stage.confirmed();
        field.publisher.take().expect("it was started").kill();
        let cut = cut_after.is_some() && !proxy.is_to_cut(lane.direction);
        proxy.cut_never();
        (proxy.passed(lane.direction) - before, cut)
    }

    /// Waits until the judge has seen a record of every event so far.
    fn delivered(&self) {
        let events = self.intents.len() as u64 * 2;
        let watch = self.field.watch.borrow();
        let seen = &watch.as_ref().expect("the watch runs").seen;
        eventually("every event has a record", PATIENCE, || {
            let records = seen.records.load(Ordering::Relaxed);
            (records - seen.repeats.load(Ordering::Relaxed) >= events).then_some(())
        });
    }
}

#[test]
fn every_place_comes_once_and_the_first_ones_are_far_apart() {
    for all in [1, 2, 10, 97, 4096] {
        let mut places: Vec<u64> = (0..all).map(|number| spread(number, all)).collect();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..all), "{all}");
    }
    let mut first: Vec<u64> = (0..10).map(|number| spread(number, 10_000)).collect();
    first.sort_unstable();
    assert!(first.windows(2).all(|pair| pair[1] - pair[0] > 500), "{first:?}");
}

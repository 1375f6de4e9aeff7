//! kill -9 at every failpoint, again and again, under load: nothing is lost, mixed up or confirmed
//! too far.

use std::time::Duration;

use crate::{
    failpoints::{FAILPOINTS, Pointed},
    harness::{Load, PASSWORD, PATIENCE, Proxy, Sampler, Stage, eventually},
};

/// What has to happen so that a place is reached, when load alone does not lead there.
fn provoke(failpoint: &str, pointed: &Pointed, proxy: &Proxy, load: &Load) {
    load.goes_on(5);
    match failpoint {
        "session_ended" | "session_lost" => {
            pointed.publisher.ready();
            proxy.cut();
        }
        name if name.starts_with("drain") => {
            pointed.publisher.ready();
            load.goes_on(20);
            pointed.publisher.signal("TERM");
        }
        _ => {}
    }
}

/// How often a place is reached at the least before it is the one.
fn count(failpoint: &str, round: u64) -> u64 {
    match failpoint {
        "after_read" | "before_produce" | "after_produce" | "after_acknowledge" => 1 + round * 37,
        "mid_transaction" | "before_confirm" | "after_confirm" | "before_witness"
        | "after_witness" => 1 + round * 3,
        _ => 1,
    }
}

#[test]
fn a_kill_at_every_failpoint_under_load_loses_nothing() {
    const ROUNDS: u64 = 2;
    let stage = Stage::heavy().with_orders();
    let proxy = Proxy::to(stage.postgres.port);
    stage.over_tcp(proxy.port);
    stage.set_environment("PGPASSWORD", PASSWORD);
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(4));
    for round in 0..ROUNDS {
        for (failpoint, _) in FAILPOINTS {
            let pointed = Pointed::start(&stage, failpoint, count(failpoint, round));
            pointed.publisher.allow_warnings();
            provoke(failpoint, &pointed, &proxy, &load);
            eventually(&format!("failpoint {failpoint} is reached"), PATIENCE, || {
                pointed.is_reached().then_some(())
            });
            pointed.publisher.kill();
        }
    }
    load.finish();
    let publisher = stage.run();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    let report = stage.check(stage.rows(), sampler.finish());
    println!("{} kills, {} repeats", ROUNDS * FAILPOINTS.len() as u64, report.repeats);
}

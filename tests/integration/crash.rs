//! Crashes: a publisher that is killed over and over loses nothing and mixes nothing up.

use std::time::Duration;

use crate::harness::{Load, Sampler, Stage};

#[test]
fn twenty_kills_under_load_lose_nothing_and_keep_every_keys_order() {
    const KILLS: u64 = 20;
    let stage = Stage::heavy().with_orders();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 4, Duration::from_millis(4));
    let topic = stage.topic_name("orders");
    for kill in 0..KILLS {
        let before = stage.topics.count(&topic);
        let publisher = stage.start(&[]);
        publisher.eventually("records reach Kafka", || {
            (stage.topics.count(&topic) > before).then_some(())
        });
        // Another moment of the work each time.
        std::thread::sleep(Duration::from_millis(kill * 37 % 200));
        publisher.kill();
    }
    load.finish();

    let publisher = stage.run();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    let rows = stage.rows();
    let count = rows.len();
    let report = stage.check(rows, sampler.finish());
    println!("{count} events, {KILLS} kills, {} repeats", report.repeats);
    assert!(count > 1000, "{count} events are no load");
}

#[test]
fn sigterm_under_load_drains_and_confirms_so_that_nothing_repeats() {
    let stage = Stage::heavy().with_orders();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(3));
    for _ in 0..5 {
        let publisher = stage.run();
        load.goes_on(50);
        assert_eq!(publisher.terminate(), 0);
    }
    load.finish();

    let publisher = stage.run();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    assert_eq!(stage.check(stage.rows(), sampler.finish()).repeats, 0);
}

#[test]
fn sigint_drains_as_sigterm_does() {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    stage.sql().run(&stage.insert("one", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);
    publisher.signal("INT");
    assert_eq!(publisher.exit_code(Duration::from_secs(15)), 0);

    let publisher = stage.run();
    stage.confirmed();
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_second_publisher_waits_for_the_slot_and_takes_over_when_the_first_dies() {
    let stage = Stage::heavy().with_orders();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 2, Duration::from_millis(5));
    let first = stage.run();
    let second = stage.start(&[]);
    second.holds("slot");
    load.goes_on(100);
    assert_eq!(first.get("/readyz").map(|(status, _)| status), Some(200));
    assert_eq!(second.get("/readyz").map(|(status, _)| status), Some(503));

    first.kill();
    second.ready();
    load.goes_on(100);
    load.finish();
    stage.confirmed();
    assert_eq!(second.terminate(), 0);
    stage.check(stage.rows(), sampler.finish());
}

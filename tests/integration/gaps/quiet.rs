//! No false alarm: restarts of every kind, and a publisher that was frozen and thaws.

use std::time::Duration;

use super::{Written, goes_on, stage};
use crate::harness::{Load, Postgres, Stage, Stop, Turn, kafka};

/// Restarts under load: 30, or as many as `PROOF_RESTARTS` says.
#[test]
fn restarts_of_the_publisher_are_no_gap() {
    let restarts = std::env::var("PROOF_RESTARTS").ok();
    let restarts: u64 = restarts.map_or(30, |count| count.parse().expect("a number of restarts"));
    let stage = Stage::heavy().with_orders();
    let load = Load::start(&stage, 2, Duration::from_millis(5));
    for round in 0..restarts {
        let publisher = stage.start(&[]);
        if round % 3 == 0 {
            publisher.ready();
            assert_eq!(publisher.terminate(), 0);
            continue;
        }
        std::thread::sleep(Duration::from_millis(fastrand::u64(20..400)));
        publisher.kill();
        assert!(!publisher.log().contains("may be missing"), "{}", publisher.log());
    }
    load.finish();
    let publisher = stage.run();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn crashes_of_postgresql_are_no_gap() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[]);
    let stage = Stage::on(&postgres, kafka(), turn).with_orders();
    let publisher = stage.run();
    let mut written = Written::default();
    for round in 0..6 {
        written.write(&stage, &format!("row-{round}"));
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..300)));
        postgres.stop(
            if round % 2 == 0 { Stop::Immediate } else { Stop::Fast },
            Duration::from_secs(35),
        );
        postgres.start();
    }
    goes_on(&stage, &publisher, &mut written);
    assert!(!publisher.log().contains("may be missing"), "{}", publisher.log());
    assert_eq!(publisher.terminate(), 0);
}

/// Its successor has confirmed more, and what it still had on its way lands late.
#[test]
fn a_frozen_publisher_that_thaws_is_no_gap() {
    let stage = Stage::heavy().with_orders();
    stage.set("postgres.url", &format!("{:?}", slow_to_give_up(&stage)));
    let load = Load::start(&stage, 2, Duration::from_millis(5));
    for _ in 0..3 {
        let first = stage.run();
        load.goes_on(30);
        first.signal("STOP");
        let second = stage.start(&[]);
        second.ready();
        load.goes_on(100);
        first.signal("CONT");
        load.goes_on(30);
        // The first one waits for the slot now, and gets it.
        second.kill();
        first.ready();
        load.goes_on(30);
        assert_eq!(first.terminate(), 0);
        for publisher in [first, second] {
            assert!(!publisher.log().contains("may be missing"), "{}", publisher.log());
        }
    }
    load.finish();
    let mut written = Written::default();
    let publisher = stage.run();
    goes_on(&stage, &publisher, &mut written);
    assert_eq!(publisher.terminate(), 0);
}

/// The address with a server that gives a silent receiver up after a second.
fn slow_to_give_up(stage: &Stage<'_>) -> String {
    let address = stage.postgres.address(crate::harness::ROLE, &stage.name);
    format!("{address} options='-c wal_sender_timeout=1s'")
}

/// Several slots, and databases, share the topic.
#[test]
fn two_publishers_of_one_topic_do_not_mistake_each_other() {
    let (one, other) = (stage(), stage());
    let mut written = (Written::default(), Written::default());
    for _ in 0..3 {
        let publishers = (one.run(), other.run());
        written.0.write(&one, &format!("row-{}", fastrand::u32(..)));
        written.1.write(&other, &format!("row-{}", fastrand::u32(..)));
        one.confirmed();
        other.confirmed();
        assert_eq!((publishers.0.terminate(), publishers.1.terminate()), (0, 0));
    }
}

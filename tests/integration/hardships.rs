//! Hardships: a publisher that thaws late, no walsender left, a walsender that stands still, a producer
//! that Kafka has forgotten.

use std::time::Duration;

use crate::harness::{Kafka, Load, PASSWORD, Postgres, Proxy, Sampler, Stage, Turn, eventually};

/// A server that gives a silent client up after two seconds.
fn impatient() -> Postgres {
    Postgres::start_new(&[("wal_sender_timeout", "'2s'")])
}

#[test]
fn a_publisher_that_thaws_after_another_took_over_does_no_harm() {
    let turn = Turn::heavy();
    let postgres = impatient();
    let stage = Stage::on(&postgres, crate::harness::kafka(), turn).with_orders();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(4));
    let old = stage.run();
    old.allow_warnings();
    let new = stage.start(&[]);
    new.allow_warnings();
    new.holds("slot");
    load.goes_on(50);

    old.signal("STOP");
    new.ready();
    load.goes_on(200);
    old.signal("CONT");
    old.holds("slot");
    assert_eq!(new.get("/readyz").map(|(status, _)| status), Some(200));
    load.goes_on(100);

    new.kill();
    old.ready();
    load.goes_on(50);
    load.finish();
    stage.confirmed();
    assert_eq!(old.terminate(), 0);
    stage.check(stage.rows(), sampler.finish());
}

#[test]
fn a_server_without_a_free_walsender_is_waited_for() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[("max_wal_senders", "1")]);
    let stage = Stage::on(&postgres, crate::harness::kafka(), turn).with_orders();
    let other = stage.directory.join("other");
    let mut taker = std::process::Command::new(postgres.program("pg_receivewal"));
    taker.args(["-h".as_ref(), postgres.socket().as_os_str()]);
    taker.args(["-p", &postgres.port.to_string(), "-U", "postgres", "-D"]).arg(&stage.directory);
    let mut taker = crate::harness::Process::start(&mut taker, &other);
    let senders = "select count(*) from pg_stat_replication";
    eventually("the only walsender is taken", Duration::from_secs(20), || {
        (postgres.sql("postgres").one::<i64>(senders) == 1).then_some(())
    });

    let publisher = stage.start(&[]);
    publisher.allow_warnings();
    publisher.holds("max_wal_senders");
    stage.sql().run(&stage.insert("one", "'k'", "'{}'"));
    taker.kill();
    publisher.ready();
    stage.records_when(&publisher, 1);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_walsender_that_stands_still_for_longer_than_its_timeout_loses_nothing() {
    let turn = Turn::heavy();
    let postgres = impatient();
    let stage = Stage::on(&postgres, crate::harness::kafka(), turn).with_orders();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(4));
    let publisher = stage.run();
    publisher.allow_warnings();
    load.goes_on(50);
    let pid = postgres.sql("postgres").text("select active_pid from pg_replication_slots").unwrap();
    let signal = |name: &str| {
        let line = format!("kill -s {name} {pid}");
        let status = std::process::Command::new("sh").args(["-c", &line]).status();
        assert!(status.is_ok_and(|status| status.success()), "{line}");
    };

    signal("STOP");
    // Its socket stays open and says nothing. Silence is the condition, longer than two seconds.
    std::thread::sleep(Duration::from_secs(4));
    load.goes_on(100);
    let before = stage.topics.count(&stage.topic_name("orders"));
    signal("CONT");
    publisher.eventually("records reach Kafka again", || {
        (stage.topics.count(&stage.topic_name("orders")) > before).then_some(())
    });
    publisher.ready();
    load.finish();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    stage.check(stage.rows(), sampler.finish());
}

#[test]
fn a_connection_that_is_swallowed_until_the_server_gives_it_up_loses_nothing() {
    let turn = Turn::heavy();
    let postgres = impatient();
    let stage = Stage::on(&postgres, crate::harness::kafka(), turn).with_orders();
    let proxy = Proxy::to(postgres.port);
    stage.over_tcp(proxy.port);
    stage.set_environment("PGPASSWORD", PASSWORD);
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(4));
    let publisher = stage.run();
    publisher.allow_warnings();
    load.goes_on(50);

    proxy.change(&crate::harness::BOTH, |manner| manner.swallows = true);
    eventually("the server gives the connection up", Duration::from_secs(30), || {
        let sql = postgres.sql("postgres");
        (!sql.one::<bool>("select active from pg_replication_slots")).then_some(())
    });
    load.goes_on(50);
    proxy.mend();
    publisher.ready();
    load.finish();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    stage.check(stage.rows(), sampler.finish());
}

#[test]
fn a_producer_that_kafka_has_forgotten_goes_on_without_a_hole() {
    let turn = Turn::heavy();
    let directory = crate::harness::directory("kafka-forgets");
    let forgets = "producer.id.expiration.ms=1000\nproducer.id.expiration.check.interval.ms=200\n";
    let node = Kafka::start_with(directory, &[], forgets, &[]);
    let stage = Stage::on(crate::harness::postgres(), &node, turn).with_orders();
    let publisher = stage.run();
    publisher.allow_warnings();
    let sql = stage.sql();
    for round in 0..4 {
        for number in 0..10 {
            let key = format!("'key-{}'", number % 3);
            sql.run(&stage.insert(&format!("{round}-{number}"), &key, "'{}'"));
        }
        stage.records_when(&publisher, (round + 1) * 10);
        // Silence is the condition: twice as long as Kafka remembers.
        std::thread::sleep(Duration::from_millis(2500));
    }
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    stage.check(stage.rows(), Vec::new());
}

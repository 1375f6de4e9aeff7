//! Outages: PostgreSQL and Kafka go away and come back, and neither keeps the other from it.

use std::time::{Duration, Instant};

use crate::harness::{
    Kafka, Load, PATIENCE, Postgres, Publisher, Sampler, Stage, Stop, Turn, eventually,
};

/// What a fast shutdown may take at most, whatever Kafka does.
const SHUTDOWN: Duration = Duration::from_secs(35);

/// Stops a PostgreSQL of our own under load, twice, and checks the whole history.
fn postgres_stops_under_load(how: Stop) {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[]);
    let stage = Stage::on(&postgres, crate::harness::kafka(), turn).with_orders();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(4));
    let publisher = stage.run();
    publisher.allow_warnings();
    for _ in 0..2 {
        load.goes_on(150);
        let took = postgres.stop(how, SHUTDOWN);
        println!("{how:?} stop under load: {took:?}");
        publisher.holds("");
        postgres.start();
        publisher.ready();
    }
    load.goes_on(50);
    load.finish();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    stage.check(stage.rows(), sampler.finish());
}

#[test]
fn an_immediate_stop_of_postgresql_under_load_loses_nothing() {
    postgres_stops_under_load(Stop::Immediate);
}

#[test]
fn a_fast_stop_of_postgresql_under_load_ends_soon_and_loses_nothing() {
    postgres_stops_under_load(Stop::Fast);
}

#[test]
fn postgresql_stops_fast_while_the_outbox_is_idle() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[]);
    let stage = Stage::on(&postgres, crate::harness::kafka(), turn).with_orders();
    let publisher = stage.run();
    publisher.allow_warnings();
    stage.sql().run(&stage.insert("before", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);

    let took = postgres.stop(Stop::Fast, SHUTDOWN);
    assert!(took < Duration::from_secs(5), "an idle publisher held the shutdown up for {took:?}");
    publisher.holds("");
    assert_eq!(publisher.get("/livez").map(|(status, _)| status), Some(200));
    postgres.start();
    publisher.ready();
    stage.sql().run(&stage.insert("after", "'k'", "'{}'"));
    stage.records_when(&publisher, 2);
    stage.confirmed();
    stage.check(stage.rows(), Vec::new());
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn kafka_killed_and_restarted_under_load_loses_nothing() {
    let turn = Turn::heavy();
    let kafka = Kafka::start_new();
    let stage = Stage::on(crate::harness::postgres(), &kafka, turn).with_orders();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(4));
    let publisher = stage.run();
    publisher.allow_warnings();
    for _ in 0..2 {
        load.goes_on(150);
        kafka.kill();
        load.goes_on(150);
        kafka.start();
        publisher.ready();
    }
    load.finish();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    stage.check(stage.rows(), sampler.finish());
}

/// Takes Kafka away for longer than the stall timeout; PostgreSQL must be able to shut down; then
/// both return.
fn postgresql_shuts_down_without_kafka(leave: fn(&Kafka), come_back: fn(&Kafka)) {
    let turn = Turn::heavy();
    let (postgres, kafka) = (Postgres::start_new(&[]), Kafka::start_new());
    let stage = Stage::on(&postgres, &kafka, turn);
    stage.set("kafka.stall_timeout", "'3s'");
    let stage = stage.with_orders();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(4));
    let publisher = stage.run();
    publisher.allow_warnings();
    load.goes_on(150);

    leave(&kafka);
    load.goes_on(50);
    // At once, so that the stall timeout passes while the shutdown waits for us.
    let took = postgres.stop(Stop::Fast, SHUTDOWN);
    println!("fast stop, Kafka just gone: {took:?}");
    postgres.start();
    load.goes_on(50);
    // And again when Kafka has been away for long.
    let reason = publisher.holds("Kafka");
    assert!(reason.contains("hint: "), "no hint: {reason}");
    eventually("the slot is let go of", PATIENCE, || {
        let sql = postgres.sql("postgres");
        (!sql.one::<bool>("select active from pg_replication_slots")).then_some(())
    });
    let took = postgres.stop(Stop::Fast, SHUTDOWN);
    println!("fast stop, Kafka long gone: {took:?}");
    assert_eq!(publisher.get("/livez").map(|(status, _)| status), Some(200));

    come_back(&kafka);
    postgres.start();
    publisher.ready();
    load.goes_on(50);
    load.finish();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    stage.check(stage.rows(), sampler.finish());
}

#[test]
fn postgresql_shuts_down_while_kafka_hangs() {
    postgresql_shuts_down_without_kafka(Kafka::freeze, Kafka::thaw);
}

#[test]
fn postgresql_shuts_down_while_kafka_is_gone() {
    postgresql_shuts_down_without_kafka(Kafka::kill, Kafka::start);
}

/// A publisher with an event in flight that a frozen Kafka does not acknowledge.
fn with_one_in_flight(stage: &Stage<'_>, kafka: &Kafka) -> Publisher {
    let publisher = stage.run();
    publisher.allow_warnings();
    // One passes first, so that the topic is known and the next is sent.
    stage.sql().run(&stage.insert(&format!("{}-passes", publisher.id()), "'k'", "'{}'"));
    stage.confirmed();
    let in_flight = |count: f64| {
        publisher.eventually(&format!("{count} events are in flight"), || {
            (publisher.metric("postrider_in_flight_records", "")? == count).then_some(())
        });
    };
    in_flight(0.0);
    kafka.freeze();
    stage.sql().run(&stage.insert(&format!("{}-hangs", publisher.id()), "'k'", "'{}'"));
    in_flight(1.0);
    publisher
}

#[test]
fn sigterm_leaves_within_ten_seconds_while_kafka_hangs_and_a_second_one_at_once() {
    let turn = Turn::heavy();
    let kafka = Kafka::start_new();
    let stage = Stage::on(crate::harness::postgres(), &kafka, turn).with_orders();
    let publisher = with_one_in_flight(&stage, &kafka);
    let start = Instant::now();
    publisher.signal("TERM");
    publisher.ends(Duration::from_secs(12));
    assert!(start.elapsed() > Duration::from_secs(2), "it did not wait for what is in flight");
    kafka.thaw();

    let publisher = with_one_in_flight(&stage, &kafka);
    let log = publisher.log().len();
    publisher.signal("TERM");
    publisher
        .eventually("the log tells of the drain", || (publisher.log().len() > log).then_some(()));
    let start = Instant::now();
    publisher.signal("TERM");
    publisher.ends(Duration::from_secs(5));
    assert!(start.elapsed() < Duration::from_secs(2), "a second signal leaves at once");
    kafka.thaw();

    let publisher = stage.run();
    stage.confirmed();
    stage.check(stage.rows(), Vec::new());
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_gigabyte_of_another_tables_wal_is_let_go_while_the_outbox_is_idle() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[]);
    let stage = Stage::on(&postgres, crate::harness::kafka(), turn).with_orders();
    let publisher = stage.run();
    let sql = stage.sql();
    sql.run(
        "create table noise (filler text); alter table noise alter filler set storage external",
    );
    let start = sql.text("select pg_current_wal_lsn()").unwrap();
    for _ in 0..20 {
        sql.run("insert into noise select repeat('x', 1000000) from generate_series(1, 52)");
        sql.run("truncate noise");
    }
    let written: i64 = sql.one(&format!("select (pg_current_wal_lsn() - '{start}')::bigint"));
    assert!(written > 1 << 30, "only {written} bytes of WAL were written");

    let superuser = postgres.sql(&stage.name);
    eventually("the slot keeps less than 64 MiB", PATIENCE, || {
        // A record from which decoding can restart, as the server writes one now and then.
        superuser.run("checkpoint");
        let retained: i64 = superuser
            .one("select (pg_current_wal_lsn() - restart_lsn)::bigint from pg_replication_slots");
        (stage.unconfirmed_bytes() < 64 << 20 && retained < 64 << 20).then_some(())
    });
    stage.sql().run(&stage.insert("after", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);
    stage.confirmed();
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_broker_that_closes_idle_connections_is_no_outage() {
    let turn = Turn::heavy();
    let directory = crate::harness::directory("kafka-idle");
    let node = Kafka::start_with(directory, &[], "connections.max.idle.ms=1500\n", &[]);
    let stage = Stage::on(crate::harness::postgres(), &node, turn).with_orders();
    let publisher = stage.run();
    stage.sql().run(&stage.insert("before", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);
    // Long enough for the connection to be closed, and for a guess at the reason to be told.
    let quiet = Instant::now();
    while quiet.elapsed() < Duration::from_secs(9) {
        assert_eq!(publisher.get("/readyz").map(|(status, _)| status), Some(200));
        std::thread::sleep(Duration::from_millis(100));
    }
    stage.sql().run(&stage.insert("after", "'k'", "'{}'"));
    stage.records_when(&publisher, 2);
    assert_eq!(publisher.terminate(), 0);
    let loud = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
    let log = publisher.log();
    assert_eq!(log.lines().find(loud), None);
}

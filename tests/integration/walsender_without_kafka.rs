//! A walsender while Kafka says nothing: it hears from us, and it is let go of in time.

use std::time::{Duration, Instant};

use crate::harness::{
    Stage, free_port,
    play::{Play, end},
    toml_text,
};

/// A transaction that waits for a Kafka where nobody listens.
fn without_kafka(stall_timeout: &str) -> Play {
    let stage = Stage::new();
    stage.set("kafka.witness_topic", "''");
    let stage = stage.with_orders();
    let name = &stage.name;
    stage.sql().run(&format!("alter database {name} set wal_sender_timeout = '900ms'"));
    stage.set("kafka.brokers", &toml_text(&format!("127.0.0.1:{}", free_port())));
    stage.set("kafka.stall_timeout", &toml_text(stall_timeout));
    Play::on(stage, |line, author| author.serve(line, 0..3))
}

#[test]
fn status_updates_go_on_while_a_row_waits_for_kafka() {
    let play = without_kafka("60s");
    let publisher = play.stage.start(&[]);
    publisher.allow_warnings();
    publisher.eventually("the stream has begun", || {
        play.walsender.heard(|heard| (heard.sent >= end(2)).then_some(()))
    });
    let begun = Instant::now();
    publisher.eventually("six status updates came", || {
        play.walsender.heard(|heard| {
            let since = heard.statuses.iter().filter(|status| status.at > begun).count();
            (since >= 6).then_some(())
        })
    });
    // One in 300 ms, a third of the server's timeout; a server would have waited for 900 ms.
    play.walsender.heard(|heard| {
        let times: Vec<Instant> = heard.statuses.iter().map(|status| status.at).collect();
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest < Duration::from_millis(900), "silent for {longest:?}");
        assert_eq!(heard.connections, 1);
    });
    play.is_sound();
    assert!(play.walsender.confirmed() < end(0));
}

#[test]
fn a_connection_that_confirms_nothing_is_let_go_of() {
    let play = without_kafka("1s");
    let publisher = play.stage.start(&[]);
    publisher.allow_warnings();
    let limit = Duration::from_secs(10);
    crate::harness::eventually("the connection is ended by us", limit, || {
        play.walsender.heard(|heard| (heard.connections == 1 && heard.open == 0).then_some(()))
    });
    publisher.holds("");
    play.is_sound();
    // And there is no second one as long as Kafka is away.
    std::thread::sleep(Duration::from_secs(1));
    play.walsender.heard(|heard| assert_eq!((heard.connections, heard.open), (1, 0)));
}

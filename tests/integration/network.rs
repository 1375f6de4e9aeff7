//! The network between publisher and PostgreSQL: cut, a few bytes at a time, or garbled.

use std::time::Duration;

use crate::harness::{Load, PASSWORD, Proxy, Sampler, Stage};

fn behind_a_proxy() -> (Stage<'static>, Proxy) {
    let stage = Stage::heavy().with_orders();
    let proxy = Proxy::to(stage.postgres.port);
    stage.over_tcp(proxy.port);
    stage.set_environment("PGPASSWORD", PASSWORD);
    (stage, proxy)
}

/// Cuts all connections of a publisher under load so many times, and checks the whole history.
pub fn cut_under_load(stage: &Stage<'_>, proxy: &Proxy, times: u32) {
    let sampler = Sampler::start(stage);
    let load = Load::start(stage, 3, Duration::from_millis(4));
    let publisher = stage.run();
    publisher.allow_warnings();
    for _ in 0..times {
        load.goes_on(40);
        proxy.cut();
        publisher.ready();
    }
    load.finish();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    stage.check(stage.rows(), sampler.finish());
}

#[test]
fn connections_cut_over_and_over_under_load_lose_nothing() {
    let (stage, proxy) = behind_a_proxy();
    cut_under_load(&stage, &proxy, 10);
}

#[test]
fn a_stream_that_arrives_a_few_bytes_at_a_time_is_read_whole() {
    let (stage, proxy) = behind_a_proxy();
    proxy.slice(7);
    let publisher = stage.run();
    let load = Load::start(&stage, 2, Duration::from_millis(5));
    load.goes_on(100);
    load.finish();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
}

#[test]
fn bytes_that_are_no_pgoutput_hold_and_nothing_is_skipped() {
    let (stage, proxy) = behind_a_proxy();
    stage.set("refused.first_wait", "\"500ms\"");
    stage.set("refused.longest_wait", "\"500ms\"");
    let publisher = stage.run();
    publisher.allow("the server sent a message in which");
    stage.sql().run(&stage.insert("before", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);

    proxy.garble(true);
    stage.sql().run(&stage.insert("garbled", "'k'", "'{}'"));
    publisher.holds("the row of an Insert has the unknown tag 'Z'");
    stage.sql().run(&stage.insert("behind", "'k'", "'{}'"));
    assert_eq!(publisher.get("/livez").map(|(status, _)| status), Some(200));
    assert_eq!(stage.topics.count(&stage.topic_name("orders")), 1);

    proxy.garble(false);
    publisher.ready();
    stage.records_when(&publisher, 3);
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    stage.check(stage.rows(), Vec::new());
}

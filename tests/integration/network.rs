//! The network between publisher and PostgreSQL: cut, or a few bytes at a time.

use std::time::Duration;

use crate::harness::{Load, PASSWORD, Proxy, Sampler, Stage};

fn behind_a_proxy() -> (Stage<'static>, Proxy) {
    let stage = Stage::heavy().with_orders();
    let proxy = Proxy::to(stage.postgres.port);
    stage.over_tcp(proxy.port);
    stage.set_environment("PGPASSWORD", PASSWORD);
    (stage, proxy)
}

#[test]
fn connections_cut_over_and_over_under_load_lose_nothing() {
    let (stage, proxy) = behind_a_proxy();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(4));
    let publisher = stage.run();
    publisher.allow_warnings();
    for _ in 0..10 {
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

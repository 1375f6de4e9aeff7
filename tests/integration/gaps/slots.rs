//! The slot: moved, dropped, made again, given up. Each row is delivered or in the named range.

use super::{Named, Written, accept, goes_on, named, quick, stage};
use crate::harness::{Postgres, Stage, Turn, kafka};

/// Writes, stops, does `harm` between two more rows, and expects a gap that says `says`.
fn harmed_while_down(harm: &str, says: &str) {
    let (stage, mut written) = (stage(), Written::default());
    let publisher = stage.run();
    written.write(&stage, "before");
    stage.records_when(&publisher, 1);
    stage.confirmed();
    publisher.kill();
    written.write(&stage, "down");
    stage.postgres.sql(&stage.name).run(&harm.replace('@', &stage.name));
    written.write(&stage, "after");
    is_named_and_accepted(&stage, written, says);
}

#[track_caller]
fn is_named_and_accepted(stage: &Stage<'_>, mut written: Written, says: &str) -> Named {
    let publisher = stage.start(&[]);
    let named = named(&publisher);
    assert!(named.words.contains(says), "{}", named.words);
    publisher.kill();
    stage.run_and_leave().refuses(76, &["may be missing"]);
    accept(stage);
    let publisher = stage.start(&[]);
    goes_on(stage, &publisher, &mut written);
    assert!(written.are_delivered_or_named(stage, &named) > 0, "a row went missing");
    assert_eq!(publisher.terminate(), 0);
    named
}

#[test]
fn moved_forward_by_somebody_else() {
    harmed_while_down(
        "select pg_replication_slot_advance('@', pg_current_wal_lsn())",
        "it was moved, or dropped and made again",
    );
}

#[test]
fn dropped_and_made_again() {
    harmed_while_down(
        "select pg_drop_replication_slot('@');
         select pg_create_logical_replication_slot('@', 'pgoutput')",
        "it was moved, or dropped and made again",
    );
}

#[test]
fn moved_by_one_transaction_alone() {
    let (stage, mut written) = (stage(), Written::default());
    let publisher = stage.run();
    written.write(&stage, "before");
    stage.records_when(&publisher, 1);
    stage.confirmed();
    publisher.kill();
    written.write(&stage, "down");
    let sql = stage.postgres.sql(&stage.name);
    let end = sql.text("select pg_current_wal_lsn()").unwrap();
    written.write(&stage, "kept");
    sql.run(&format!("select pg_replication_slot_advance('{}', '{end}')", stage.name));
    is_named_and_accepted(&stage, written, "it was moved");
    let delivered = stage.first_ids();
    assert!(delivered.contains(&"kept".to_owned()), "what lies beyond arrives: {delivered:?}");
}

/// `init` makes a slot that is gone, at once, and then says what lies between.
#[test]
fn dropped() {
    let (stage, mut written) = (stage(), Written::default());
    let publisher = stage.run();
    written.write(&stage, "before");
    stage.records_when(&publisher, 1);
    stage.confirmed();
    publisher.kill();
    written.write(&stage, "down");
    stage
        .postgres
        .sql(&stage.name)
        .run(&format!("select pg_drop_replication_slot('{}')", stage.name));
    written.write(&stage, "dropped");

    let publisher = stage.start(&[]);
    let first = named(&publisher);
    assert!(first.words.contains("does not exist"), "{}", first.words);
    written.are_delivered_or_named(&stage, &first);
    let said = stage.says(&["init"]);
    said.refuses(76, &["may be missing", "it was moved, or dropped and made again"]);
    assert!(said.out.contains("created"), "{said:?}");
    let second = super::range(&said.err);
    written.write(&stage, "after");
    accept(&stage);
    goes_on(&stage, &publisher, &mut written);
    assert_eq!(written.are_delivered_or_named(&stage, &second), 2);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn given_up_by_the_server() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[
        ("max_slot_wal_keep_size", "'32MB'"),
        ("min_wal_size", "'32MB'"),
        ("max_wal_size", "'32MB'"),
    ]);
    let stage = quick(Stage::on(&postgres, kafka(), turn)).with_orders();
    let mut written = Written::default();
    let publisher = stage.run();
    written.write(&stage, "before");
    stage.records_when(&publisher, 1);
    stage.confirmed();
    publisher.kill();
    written.write(&stage, "down");
    let sql = postgres.sql(&stage.name);
    for _ in 0..8 {
        sql.run("create table junk as select repeat('x', 1000) from generate_series(1, 16000)");
        sql.run("drop table junk; select pg_switch_wal(); checkpoint");
    }
    assert_eq!(
        sql.text(&format!(
            "select wal_status from pg_replication_slots where slot_name = '{}'",
            stage.name
        )),
        Some("lost".to_owned())
    );
    written.write(&stage, "lost");

    let publisher = stage.start(&[]);
    let named = named(&publisher);
    assert!(named.words.contains("was invalidated"), "{}", named.words);
    written.are_delivered_or_named(&stage, &named);
    let said = stage.says(&["init", "--accept-gap"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("removed: ") && said.out.contains("are given up"), "{said:?}");
    goes_on(&stage, &publisher, &mut written);
    assert_eq!(publisher.terminate(), 0);
}

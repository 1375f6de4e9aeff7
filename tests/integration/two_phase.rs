//! Two-phase commit: a prepared transaction's rows are events once it is committed, at that place.

use std::time::Duration;

use crate::harness::{PATIENCE, Postgres, Row, Stage, Stop, Turn, eventually, kafka};

const MINUTE: Duration = Duration::from_secs(60);

/// Where the server has to keep WAL from for this slot, and whether that is before `lsn`.
fn keeps_wal_from_before(stage: &Stage<'_>, lsn: &str) -> bool {
    stage.sql().one(&format!(
        "select restart_lsn <= '{lsn}' from pg_replication_slots where slot_name = '{}'",
        stage.name
    ))
}

#[test]
fn prepared_transactions_are_delivered_when_they_are_committed_whatever_restarts_in_between() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[("max_prepared_transactions", "10")]);
    let stage = Stage::on(&postgres, kafka(), turn).with_orders();
    let row = |id: &str| stage.insert(id, "'k'", "'{}'");
    let publisher = stage.run();
    publisher.allow_warnings();
    let sql = stage.sql();
    let before: String = sql.text("select pg_current_wal_insert_lsn()").unwrap();
    for (name, last) in [("a", "a-2"), ("b", "b-2"), ("undone", "undone-2"), ("left", "left-2")] {
        sql.run(&format!(
            "begin; {} savepoint s; {} rollback to s; {} prepare transaction '{name}'",
            row(&format!("{name}-1")),
            row(&format!("{name}-never")),
            row(last),
        ));
    }
    // What is prepared keeps nothing else waiting, and costs WAL only.
    sql.run(&row("free"));
    stage.records_when(&publisher, 1);
    stage.confirmed();
    assert!(keeps_wal_from_before(&stage, &before), "the prepared rows' WAL is kept");

    // Prepared transactions outlive both servers.
    sql.run("commit prepared 'b'");
    stage.records_when(&publisher, 3);
    drop(sql);
    publisher.kill();
    postgres.stop(Stop::Immediate, MINUTE);
    postgres.start();
    let publisher = stage.run();
    publisher.allow_warnings();
    postgres.stop(Stop::Fast, MINUTE);
    postgres.start();
    publisher.ready();

    let sql = stage.sql();
    sql.run("rollback prepared 'undone'");
    sql.run(&row("between"));
    sql.run("commit prepared 'a'");
    sql.run(&row("last"));
    stage.confirmed();
    assert_eq!(stage.first_ids(), ["free", "b-1", "b-2", "between", "a-1", "a-2", "last"]);
    assert!(keeps_wal_from_before(&stage, &before), "one is prepared still");

    sql.run("rollback prepared 'left'");
    eventually("the slot lets the WAL go", PATIENCE, || {
        // The server looks for a new start whenever it notes which transactions run.
        postgres.sql("postgres").run("checkpoint");
        (!keeps_wal_from_before(&stage, &before)).then_some(())
    });
    assert_eq!(publisher.terminate(), 0);

    // The order of a key is that of commits, not of inserts.
    let place = |row: &Row| stage.first_ids().iter().position(|id| *id == row.id).unwrap() as i64;
    let rows = stage.rows().into_iter().map(|row| Row { seq: place(&row), ..row }).collect();
    stage.check(rows, Vec::new());
}

//! `postrider check`: publication and slot, good and bad.

use std::process::Command;

use crate::{
    check_postgres::good,
    harness::{
        PATIENCE, Postgres, Process, ROLE, Stage, Turn, eventually, kafka, preflight, toml_text,
    },
};

#[test]
fn each_trouble_of_the_publication_is_told_with_the_statement_that_mends_it() {
    let stage = good(Stage::new());
    let name = &stage.name;
    let sql = stage.postgres.sql(name);
    let set = |what: &str| format!("alter publication {name} {what}");
    let steps = [
        (
            set("set (publish = 'insert, update')"),
            set("set (publish = 'insert')"),
            "warning",
            "also publishes updates",
        ),
        (
            set("set (publish = 'update')"),
            set("set (publish = 'insert')"),
            "fault",
            "not publish inserts",
        ),
        (set("add table other"), set("drop table other"), "warning", "also publishes other tables"),
        (set("drop table outbox"), set("add table outbox"), "fault", "the table is not in it"),
        (set("set table outbox where (seq > 1)"), set("set table outbox"), "fault", "row filter"),
        (set("set table outbox (id, payload)"), set("set table outbox"), "fault", "column list"),
    ];
    sql.run("create table other (id int primary key)");
    // Row filters and column lists came with PostgreSQL 15.
    let major: i32 = sql.one("select current_setting('server_version_num')::int / 10000");
    let known = steps.into_iter().take(if major < 15 { 4 } else { 6 });
    for (harm, mend, state, part) in known {
        sql.run(&harm);
        let check = preflight(&stage, &[]);
        check.shows("publication", state, part);
        assert_eq!(check.code, i32::from(state == "fault"), "{harm}");
        sql.run(&mend);
        preflight(&stage, &[]).shows("publication", "ok", "delivers inserts");
    }
    sql.run(&format!("drop publication {name}"));
    let check = preflight(&stage, &[]);
    check.shows("publication", "fault", "does not exist");
    check.shows("slot", "fault", "exists but publication");
    assert_eq!(check.code, 1);
}

#[test]
fn a_slot_that_is_missing_or_cannot_be_used_is_a_fault() {
    let stage = good(Stage::new());
    let sql = stage.postgres.sql(&stage.name);
    let name = &stage.name;
    let drop = format!("select pg_drop_replication_slot('{name}')");
    for (make, part) in [
        (String::new(), "does not exist"),
        (format!("select pg_create_physical_replication_slot('{name}')"), "physical"),
        (
            format!("select pg_create_logical_replication_slot('{name}', 'test_decoding')"),
            "test_decoding",
        ),
        (
            format!("select pg_create_logical_replication_slot('{name}', 'pgoutput', false, true)"),
            "two_phase",
        ),
    ] {
        sql.run(&drop);
        if !make.is_empty() {
            sql.run(&make);
        }
        let check = preflight(&stage, &[]);
        check.shows("slot", "fault", part);
        assert_eq!(check.code, 1);
        if make.is_empty() {
            sql.run(&format!("select pg_create_logical_replication_slot('{name}', 'pgoutput')"));
        }
    }
}

#[test]
fn a_running_publisher_is_fine_and_somebody_else_on_the_slot_is_not() {
    let stage = good(Stage::new());
    let publisher = stage.run();
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 0);
    check.shows("slot_reader", "ok", "in use by \"postrider\"");
    check.shows("walsenders", "ok", "ours among them");
    assert_eq!(publisher.terminate(), 0);

    let ours = stage.postgres.address(ROLE, &stage.name);
    stage.set("postgres.url", &toml_text(&format!("{ours} application_name=intruder")));
    let publisher = stage.run();
    stage.set("postgres.url", &toml_text(&ours));
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 0);
    check.shows("slot_reader", "warning", "in use by \"intruder\"");
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_publisher_that_has_the_last_walsender_is_fine() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[("max_wal_senders", "1")]);
    let stage = good(Stage::on(&postgres, kafka(), turn));
    let publisher = stage.run();
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 0);
    check.shows("walsenders", "ok", "1 of 1 walsenders in use, ours among them");
    check.shows("replication", "ok", "was not tried: our publisher has one of the last");
    assert_eq!(publisher.terminate(), 0);
    no_walsender_is_left(&postgres);
    preflight(&stage, &[]).shows("replication", "ok", "may log in and replicate");
}

fn no_walsender_is_left(postgres: &Postgres) {
    let admin = postgres.sql("postgres");
    eventually("no walsender is left", PATIENCE, || {
        admin.one::<bool>("select not exists (select from pg_stat_replication)").then_some(())
    });
}

#[test]
fn a_walsender_that_we_may_not_look_at_may_be_a_standby() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[]);
    let stage = good(Stage::on(&postgres, kafka(), turn));
    let admin = postgres.sql(&stage.name);
    preflight(&stage, &[]).shows("failover", "ok", "no standby is known");

    no_walsender_is_left(&postgres);

    // Somebody's, and one as a publisher has that is not at the slot yet.
    let walsender = |name| {
        let mut psql = Command::new(postgres.program("psql"));
        psql.args(["--no-psqlrc", "--command", "select pg_sleep(600)"]);
        let address = postgres.address("postgres", &stage.name);
        psql.arg(format!("{address} replication=database application_name={name}"));
        Process::start(&mut psql, &stage.directory.join(name))
    };
    let _walsenders = [walsender("somebody"), walsender("postrider")];
    eventually("there are two walsenders", PATIENCE, || {
        admin.one::<bool>("select count(*) = 2 from pg_stat_replication").then_some(())
    });
    let hint = preflight(&stage, &[]).shows("failover", "warning", "1 walsender may be one");
    assert!(hint.contains("pg_monitor"), "{hint}");
    admin.run(&format!("grant pg_monitor to {ROLE}"));
    preflight(&stage, &[]).shows("failover", "ok", "no standby is known");

    // Our own, which reads a logical slot, is nobody's standby.
    admin.run("select pg_terminate_backend(pid) from pg_stat_replication");
    no_walsender_is_left(&postgres);
    admin.run(&format!("revoke pg_monitor from {ROLE}"));
    let publisher = stage.run();
    preflight(&stage, &[]).shows("failover", "ok", "no standby is known");
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_slot_that_falls_behind_is_warned_of_then_in_danger_then_lost() {
    let turn = Turn::heavy();
    // Ten segments of 16 MB; no checkpoint comes by itself meanwhile.
    let postgres = Postgres::start_new(&[
        ("max_slot_wal_keep_size", "'160MB'"),
        ("max_wal_size", "'1GB'"),
        ("checkpoint_timeout", "'1h'"),
    ]);
    let stage = good(Stage::on(&postgres, kafka(), turn));
    let admin = postgres.sql(&stage.name);
    preflight(&stage, &[]).shows("slot_wal", "ok", "more");

    let more_wal = || {
        admin.run("create table filler (); drop table filler; select pg_switch_wal()");
        let row = admin.rows(&format!(
            "select wal_status, safe_wal_size from pg_replication_slots where slot_name = '{}'",
            stage.name
        ));
        (row[0].get::<_, String>(0), row[0].get::<_, i64>(1))
    };
    eventually("the slot is near its limit", PATIENCE, || {
        (more_wal().1 < 40 * 1024 * 1024).then_some(())
    });
    let check = preflight(&stage, &[]);
    check.shows("slot_wal", "warning", "and lost after");
    assert_eq!(check.code, 0);

    eventually("the slot is beyond its limit", PATIENCE, || {
        (more_wal().0 == "unreserved").then_some(())
    });
    let check = preflight(&stage, &[]);
    check.shows("slot_wal", "fault", "lost at the next checkpoint");
    assert_eq!(check.code, 1);

    admin.run("checkpoint");
    let check = preflight(&stage, &[]);
    check.shows("slot", "fault", "was invalidated");
    assert_eq!(check.code, 1);
}

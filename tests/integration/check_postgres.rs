//! `postrider check`: the server, its limits, our connection and our role, good and bad.

use crate::harness::{
    Postgres, ROLE, Stage, Turn, free_port, kafka, postgres, preflight, said, toml_text,
};

/// A table with what consumers rely on.
pub const GOOD_TABLE: &str = "create table outbox (
    id text primary key,
    aggregatetype text not null, aggregateid text not null, type text default 'made', payload json
        check (octet_length(payload::text) <= 900000),
    seq bigint generated always as identity, tx bigint not null default txid_current())";

/// A stage on which a publisher could start at once.
pub fn good(stage: Stage<'_>) -> Stage<'_> {
    stage.sql().run(GOOD_TABLE);
    stage.topic("orders", &[]);
    stage.init();
    stage.sql().run(&stage.insert("first", "'k'", "'{}'"));
    stage
}

/// Lines that are no fault of the stage: which minor version the machine has, and that its Kafka
/// has one broker.
fn of_the_machine(trouble: &str) -> bool {
    ["version warning", "replication_factor warning"].contains(&trouble)
}

fn troubles_of_the_stage(stage: &Stage<'_>) -> Vec<String> {
    let mut troubles = preflight(stage, &[]).troubles();
    troubles.retain(|trouble| !of_the_machine(trouble));
    troubles
}

#[test]
fn a_stage_as_it_should_be_is_ok_in_every_line() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[("max_slot_wal_keep_size", "'10GB'")]);
    let stage = good(Stage::on(&postgres, kafka(), turn));
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 0);
    assert_eq!(troubles_of_the_stage(&stage), [""; 0]);
    for (name, part) in [
        ("connection", stage.name.as_str()),
        ("primary", "primary"),
        ("wal_level", "logical"),
        ("replication_slots", "1 of 50"),
        ("walsenders", "0 of 50"),
        ("max_slot_wal_keep_size", "10 GiB"),
        ("wal_sender_timeout", "1 minute"),
        ("synchronous_standby_names", "empty"),
        ("encryption", "unix socket"),
        ("clock", "agrees"),
        ("table", "public.outbox"),
        ("columns", "aggregatetype"),
        ("id_unique", "\"id\" is unique"),
        ("payload_limit", "900,000 bytes"),
        ("inserts", "no rule or trigger"),
        ("publication", "delivers inserts"),
        ("slot", &stage.name),
        ("slot_reader", "nobody"),
        ("slot_wal", "of WAL kept"),
        ("failover", "no standby"),
        ("replication", "may log in and replicate"),
        ("privileges", "also owns public.outbox"),
        ("brokers", "1 broker"),
        ("kafka_version", "4."),
        ("kafka_encryption", "stays on this machine"),
        ("routes", &stage.topic_name("orders")),
        ("topic", "4 partitions, each with a leader"),
        ("max_message_bytes", "enough"),
        ("cleanup_policy", "every event of a key stays"),
    ] {
        check.shows(name, "ok", part);
    }
}

#[test]
fn what_a_server_does_to_others_than_us_is_told() {
    // A server with other tests on it could not be brought into these states.
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[]);
    let stage = good(Stage::on(&postgres, kafka(), turn));
    let admin = postgres.sql(&stage.name);
    let major: i32 = admin.one("select current_setting('server_version_num')::int / 10000");

    admin.run("select pg_create_physical_replication_slot('standby')");
    preflight(&stage, &[]).shows("failover", "warning", "after a failover it is gone");
    if major >= 17 {
        admin.run(&format!(
            "select pg_drop_replication_slot('{0}');
             select pg_create_logical_replication_slot('{0}', 'pgoutput', false, false, true)",
            stage.name
        ));
        preflight(&stage, &[]).shows("failover", "ok", "kept on standbys");
    }

    let idle = "idle_replication_slot_timeout";
    assert_eq!(preflight(&stage, &[]).has(idle), major >= 18, "PostgreSQL 18 brought it");
    if major >= 18 {
        preflight(&stage, &[]).shows(idle, "ok", "is off");
        admin.run(&format!("alter system set {idle} = '30min'"));
        reload(&postgres, idle, "30min");
        preflight(&stage, &[]).shows(idle, "fault", "30 minutes: a publisher that is stopped");
    }

    for (setting, state, part) in [
        ("ANY 1 (\"*\")", "fault", "\"*\", which means us too"),
        ("standby, POSTRIDER", "fault", "\"POSTRIDER\", which means us too"),
        ("standby", "ok", "does not mean us"),
    ] {
        admin.run(&format!("alter system set synchronous_standby_names = '{setting}'"));
        reload(&postgres, "synchronous_standby_names", setting);
        preflight(&stage, &[]).shows("synchronous_standby_names", state, part);
    }
    // Or the stage could not be cleared: what commits would wait.
    admin.run("alter system reset synchronous_standby_names");
    reload(&postgres, "synchronous_standby_names", "");
}

/// Makes a changed setting known to new sessions.
fn reload(postgres: &Postgres, name: &str, value: &str) {
    postgres.sql("postgres").run("select pg_reload_conf()");
    crate::harness::eventually("the setting is in force", crate::harness::PATIENCE, || {
        let now = postgres.try_sql("postgres")?.text(&format!("show {name}"));
        (now.as_deref() == Some(value)).then_some(())
    });
}

#[test]
fn a_server_that_is_not_set_up_is_told_in_all_its_lines() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[
        ("wal_level", "replica"),
        ("max_replication_slots", "1"),
        ("max_wal_senders", "0"),
        ("wal_sender_timeout", "0"),
    ]);
    let stage = Stage::on(&postgres, kafka(), turn);
    stage.sql().run(GOOD_TABLE);
    let admin = postgres.sql("postgres");
    admin.run("select pg_create_physical_replication_slot('other')");

    let check = preflight(&stage, &["--topic", "t"]);
    assert_eq!(check.code, 1);
    check.shows("wal_level", "fault", "is replica");
    check.shows("replication_slots", "fault", "none left");
    check.shows("walsenders", "fault", "none left");
    check.shows("max_slot_wal_keep_size", "warning", "can fill the disk");
    check.shows("wal_sender_timeout", "warning", "is 0");
    check.shows("replication", "fault", "no connection left");
    check.shows("publication", "fault", "does not exist");
    check.shows("slot", "fault", "does not exist");

    admin.run("alter system set wal_sender_timeout = '5s'");
    admin.run("alter system set max_slot_wal_keep_size = '64MB'");
    reload(&postgres, "wal_sender_timeout", "5s");
    let check = preflight(&stage, &["--topic", "t"]);
    check.shows("wal_sender_timeout", "warning", "is 5 s");
    check.shows("max_slot_wal_keep_size", "warning", "64 MiB: a short outage");
}

#[test]
fn a_role_with_login_and_replication_alone_can_ask_everything_but_the_rows() {
    let stage = good(Stage::new());
    let sql = postgres().sql("postgres");
    sql.run(&format!("create role bare_{0} login replication", stage.name));
    let bare = format!("bare_{}", stage.name);
    stage.set("postgres.url", &toml_text(&stage.postgres.address(&bare, &stage.name)));
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 0);
    check.shows("privileges", "ok", "no more rights");
    for (grant, part) in [
        ("grant pg_read_all_data to NAME", "is a member of pg_read_all_data;"),
        ("grant pg_execute_server_program to NAME", "pg_execute_server_program, pg_read_all_data;"),
        ("alter role NAME noinherit createdb bypassrls", "has CREATEDB, BYPASSRLS and is a member"),
    ] {
        sql.run(&grant.replace("NAME", &bare));
        preflight(&stage, &[]).shows("privileges", "warning", part);
    }
    check.shows("payload_limit", "ok", "900,000 bytes");
    check.shows("slot", "ok", "sound");
    check.shows("routes", "warning", "may not read and need not");
    assert!(!check.has("topic"));
    sql.run(&format!("drop role {bare}"));
}

#[test]
fn a_role_with_too_few_or_too_many_rights_is_told() {
    let stage = good(Stage::new());
    stage.set("postgres.url", &toml_text(&stage.postgres.address("postgres", &stage.name)));
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 0);
    check.shows("privileges", "warning", "is a superuser");
    check.shows("replication", "ok", "may log in");

    stage.set("postgres.url", &toml_text(&stage.postgres.address("plain", &stage.name)));
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 1);
    let hint = check.shows("replication", "fault", "\"plain\" may not");
    assert!(hint.contains("ALTER ROLE \"plain\" REPLICATION"), "{hint}");

    stage.sql().run(&format!("revoke connect on database {} from public", stage.name));
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 77);
    let hint = check.shows("connection", "fault", "may not open an SQL connection");
    assert!(hint.contains("GRANT CONNECT"), "{hint}");
}

#[test]
fn over_tcp_on_this_machine_nobody_reads_along() {
    let stage = good(Stage::new());
    stage.over_tcp(stage.postgres.port);
    stage.set_environment("PGPASSWORD", crate::harness::PASSWORD);
    preflight(&stage, &[]).shows("encryption", "ok", "stays on this machine");
}

#[test]
fn a_server_that_does_not_let_us_ask_gives_the_exit_code_and_kafka_is_examined_all_the_same() {
    let stage = good(Stage::new());
    let port = free_port();
    let address = |port: u16, database: &str| {
        toml_text(&format!("postgres://{ROLE}@127.0.0.1:{port}/{database}?sslmode=disable"))
    };
    stage.set_environment("PGPASSWORD", "guessed wrong");
    for (url, code, part) in [
        (address(port, &stage.name), 69, "cannot be reached"),
        (address(stage.postgres.port, &stage.name), 77, "does not let"),
        (toml_text(&stage.postgres.address(ROLE, "nowhere")), 78, "\"nowhere\" does not exist"),
    ] {
        stage.set("postgres.url", &url);
        let check = preflight(&stage, &["--topic", &stage.topic_name("orders")]);
        assert_eq!(check.code, code);
        check.shows("connection", "fault", part);
        check.shows("brokers", "ok", "1 broker");
        check.shows("topic", "ok", "4 partitions, each with a leader");
        check.shows("max_message_bytes", "ok", "1,048,588");
        let left = serde_json::json!(["table", "publication_and_slot", "rights"]);
        assert_eq!(*check.value("not_examined"), left);
        preflight(&stage, &[]).shows("routes", "warning", "there are none to look at");
    }
}

#[test]
fn people_get_headings_hints_and_a_count_without_colour_in_a_pipe() {
    let stage = good(Stage::new());
    let said = said(stage.command(&["check"]));
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    for part in [
        "PostgreSQL\n  ok       PostgreSQL at ",
        "\n  warning  max_slot_wal_keep_size is -1: a slot that lags can fill the disk\n           \
         hint: set it",
        "\n\nTable\n  ok ",
        "\n\nPublication and slot\n  ok ",
        "\n\nRights\n  ok ",
        "\n\nKafka\n  ok ",
        "\n\nTopics\n  ok ",
        "warnings, no faults.\n",
    ] {
        assert!(said.out.contains(part), "{part:?} is not in\n{}", said.out);
    }
    assert!(!said.out.contains('\x1b'), "{}", said.out);
}

//! Start: what is missing on a server is named with its remedy, and every way to log in works.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use crate::harness::{
    PASSWORD, Postgres, ROLE, Stage, TABLE, Turn, free_port, kafka, said, toml_text,
};

#[test]
fn a_table_that_never_was_is_a_wrong_setting() {
    let stage = Stage::new();
    stage.says(&["init"]).refuses(78, &["public.outbox"]);
    stage.says(&["run"]).refuses(78, &["public.outbox"]);
}

#[test]
fn a_table_that_was_dropped_is_a_gap() {
    let stage = Stage::new().with_orders();
    stage.sql().run("drop table outbox");
    stage.run_and_leave().refuses(76, &["public.outbox"]);
}

#[test]
fn a_missing_slot_is_named_and_never_made_in_silence() {
    let stage = Stage::new().with_orders();
    stage.sql().run(&format!("select pg_drop_replication_slot('{}')", stage.name));
    stage.run_and_leave().refuses(76, &[&stage.name, "slot"]);

    let publisher = stage.start(&[]);
    publisher.allow(&stage.name);
    publisher.holds("slot");
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_missing_publication_is_named() {
    let stage = Stage::new().with_orders();
    stage.sql().run(&format!("drop publication {}", stage.name));
    stage.run_and_leave().refuses(76, &[&stage.name, "publication"]);
}

#[test]
fn a_publication_without_the_table_is_named() {
    let stage = Stage::new().with_orders();
    stage.sql().run(&format!("alter publication {} drop table outbox", stage.name));
    stage.run_and_leave().refuses(76, &[&stage.name, "public.outbox"]);
}

#[test]
fn a_role_that_may_not_replicate_is_told_so_and_leaves_with_77() {
    let stage = Stage::new();
    let good = stage.postgres.address(ROLE, &stage.name);
    let plain = toml_text(&stage.postgres.address("plain", &stage.name));
    stage.sql().run(TABLE);
    stage.set("postgres.url", &plain);
    stage.says(&["init"]).refuses(77, &["plain"]);
    stage.set("postgres.url", &toml_text(&good));
    stage.init();
    stage.set("postgres.url", &plain);
    stage.says(&["run"]).refuses(77, &["plain"]);
}

#[test]
fn a_server_that_does_not_decode_is_told_apart() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[("wal_level", "replica")]);
    let stage = Stage::on(&postgres, kafka(), turn);
    stage.sql().run(TABLE);
    stage.says(&["init"]).refuses(78, &["wal_level"]);
    stage.run_and_leave().refuses(78, &["wal_level"]);
}

#[test]
fn a_wrong_password_is_told_without_printing_it() {
    let stage = Stage::new().with_orders();
    stage.over_tcp(stage.postgres.port);
    let mut command = stage.command(&["init"]);
    command.env("PGPASSWORD", "guessed wrong");
    let said = said(command);
    said.refuses(77, &[ROLE]);
    assert!(!said.err.contains("guessed"), "the password is printed: {said:?}");
}

#[test]
fn a_host_that_does_not_answer_is_69_for_init_and_waited_for_by_run() {
    let stage = Stage::new().with_orders();
    let good = stage.postgres.address(ROLE, &stage.name);
    let port = free_port();
    stage.set("postgres.url", &toml_text(&format!("postgres://{ROLE}@127.0.0.1:{port}/shop")));
    stage.says(&["init"]).refuses(69, &[&port.to_string()]);

    let publisher = stage.start(&[]);
    publisher.allow_warnings();
    publisher.holds(&port.to_string());
    assert_eq!(publisher.get("/livez").map(|(status, _)| status), Some(200));
    assert_eq!(publisher.terminate(), 0);
    stage.set("postgres.url", &toml_text(&good));
    stage.init();
}

#[test]
fn a_broker_that_does_not_answer_is_waited_for_and_named() {
    let stage = Stage::new().with_orders();
    let port = free_port();
    stage.set("kafka.brokers", &toml_text(&format!("127.0.0.1:{port}")));
    stage.set("kafka.stall_timeout", "'2s'");
    stage.sql().run(&stage.insert("waiting", "'k'", "'{}'"));
    let publisher = stage.start(&[]);
    publisher.allow_warnings();
    let reason = publisher.holds("Kafka");
    assert!(reason.contains("[kafka] brokers"), "the setting is not named: {reason}");
    assert_eq!(publisher.terminate(), 0);
}

fn write_secret(path: &std::path::Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[track_caller]
fn one_event_passes(stage: &Stage<'_>) {
    let publisher = stage.run();
    stage.sql().run(&stage.insert("one", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);
    assert!(!publisher.log().contains(PASSWORD), "the password is in the log");
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn the_password_comes_from_a_file() {
    let stage = Stage::new().with_orders();
    stage.over_tcp(stage.postgres.port);
    let file = stage.directory.join("secret");
    write_secret(&file, &format!("{PASSWORD}\n"));
    stage.set("postgres.password_file", &toml_text(&file.display().to_string()));
    one_event_passes(&stage);
}

#[test]
fn the_password_comes_from_pgpass() {
    let stage = Stage::new().with_orders();
    stage.over_tcp(stage.postgres.port);
    let line = format!("127.0.0.1:*:*:{ROLE}:{PASSWORD}\n");
    write_secret(&stage.directory.join(".pgpass"), &line);
    one_event_passes(&stage);
}

#[test]
fn the_password_comes_from_the_environment() {
    let stage = Stage::new().with_orders();
    stage.over_tcp(stage.postgres.port);
    stage.set_environment("PGPASSWORD", PASSWORD);
    one_event_passes(&stage);
}

#[test]
fn a_url_reaches_the_unix_socket_too() {
    let stage = Stage::new().with_orders();
    let socket = stage.postgres.socket().display().to_string().replace('/', "%2F");
    let port = stage.postgres.port;
    stage.set(
        "postgres.url",
        &toml_text(&format!("postgres://{ROLE}@{socket}:{port}/{}", stage.name)),
    );
    one_event_passes(&stage);
}

#[test]
fn a_publisher_that_starts_before_its_table_has_rows_is_ready_within_seconds() {
    let stage = Stage::new().with_orders();
    let start = std::time::Instant::now();
    let publisher = stage.run();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(publisher.terminate(), 0);
}

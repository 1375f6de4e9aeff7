//! What init would run.

use super::*;

fn config(slot: &str, publication: &str) -> Config {
    Config {
        conninfo: "postgres://shop@db/orders".parse().unwrap(),
        password_file: None,
        slot: slot.to_owned(),
        publication: publication.to_owned(),
    }
}

#[test]
fn the_script_creates_the_publication_before_the_slot() {
    let script = script(&config("s", "p"), ("public", "outbox"), true);
    let place = |words: &str| script.find(words).unwrap_or_else(|| panic!("{words}: {script}"));
    let table = place("CREATE TABLE IF NOT EXISTS \"public\".\"outbox\"");
    let publication = place("CREATE PUBLICATION \"p\" FOR TABLE \"public\".\"outbox\"");
    let slot = place("pg_create_logical_replication_slot('s', 'pgoutput')");
    assert!(table < publication && publication < slot);
}

#[test]
fn the_script_leaves_the_table_alone_unless_asked() {
    let script = script(&config("s", "p"), ("public", "outbox"), false);
    assert!(!script.contains("CREATE TABLE"), "{script}");
}

#[test]
fn names_are_quoted_and_a_name_that_looks_like_a_place_is_left_alone() {
    let script = script(&config("s'", "\"public\".\"outbox\""), ("Odd", "'postrider'"), false);
    assert!(script.contains("WHERE pubname = '\"public\".\"outbox\"')"), "{script}");
    let create = r#"CREATE PUBLICATION """public"".""outbox""" FOR TABLE "Odd"."'postrider'""#;
    assert!(script.contains(create), "{script}");
    assert!(script.contains("pg_create_logical_replication_slot('s''', 'pgoutput')"), "{script}");
}

#[test]
fn no_name_of_the_files_is_left_in_the_script() {
    let script = script(&config("s", "p"), ("a", "b"), true);
    for name in ["public.", "\"public\"", "\"outbox\"", "'postrider'", "\"postrider\""] {
        assert!(!script.contains(name), "{name} in {script}");
    }
}

#[test]
fn an_outcome_reads_as_a_line() {
    let object = "publication \"p\"".to_owned();
    let state = State::Differs { what: "too much".into(), remedy: "ALTER".into() };
    let line = Outcome { object, state }.to_string();
    assert_eq!(line, "publication \"p\": differs: too much; to change that, run ALTER");
}

//! Table: tests by tables of facts.

use super::*;
use crate::{
    check::report::State::{self, Fault, Ok as Fine, Warning},
    outbox::{Columns, HeaderColumn, Route, TableName},
    postgres::facts::{ColumnFacts, Persistence, fixture::sound},
};

fn settings() -> Config {
    Config {
        table: TableName { schema: "public".into(), name: "outbox".into() },
        columns: Columns::default(),
        route: Route {
            topic: "outbox.event.{aggregatetype}".parse().expect("a template"),
            key: "{aggregateid}".parse().expect("a template"),
            headers: vec![HeaderColumn { column: "id".into(), name: "id".into() }],
            position_header: true,
        },
    }
}

fn table(columns: &[(&str, u32)]) -> TableFacts {
    let column = |(number, (name, type_oid)): (i16, &(&str, u32))| ColumnFacts {
        number,
        name: (*name).to_owned(),
        type_oid: *type_oid,
        type_name: "any".into(),
        not_null: true,
    };
    TableFacts {
        oid: 1,
        kind: TableKind::Table,
        persistence: Persistence::Permanent,
        columns: (1..).zip(columns).map(column).collect(),
        below: Vec::new(),
    }
}

/// id is a uuid, payload jsonb, the others text.
const COLUMNS: [(&str, u32); 4] =
    [("id", 2950), ("aggregatetype", 25), ("aggregateid", 25), ("payload", 3802)];

fn facts(table: Option<TableFacts>) -> Facts {
    Facts { table, publication: None, slot: None, ..sound() }
}

fn good_shape() -> Shape {
    Shape {
        unique: vec![vec!["id".into()]],
        checks: vec!["CHECK ((octet_length((payload)::text) <= 900000))".into()],
        ..Shape::default()
    }
}

#[track_caller]
fn assert_line(lines: &[Line], name: &str, state: State, part: &str) {
    let line = lines.iter().find(|line| line.name == name).expect("the line is there");
    assert_eq!(line.state, state, "{line:?}");
    assert!(line.sentence.contains(part), "{line:?}");
    assert_eq!(line.hint.is_some(), state != Fine, "{line:?}");
}

#[test]
fn a_table_as_the_settings_want_it_is_fine_in_every_line() {
    let lines = judge(&facts(Some(table(&COLUMNS))), &good_shape(), &settings());
    let names: Vec<_> = lines.iter().map(|line| (line.name, line.state)).collect();
    let expected = ["table", "columns", "id_unique", "payload_limit", "inserts"];
    assert_eq!(names, expected.map(|name| (name, Fine)), "{lines:?}");
}

#[test]
fn without_a_table_one_line_says_so() {
    let lines = judge(&facts(None), &Shape::default(), &settings());
    assert_eq!(lines.len(), 1);
    assert_line(&lines, "table", Fault, "does not exist");
    let view = TableFacts { kind: TableKind::Other("view"), ..table(&COLUMNS) };
    let lines = judge(&facts(Some(view)), &Shape::default(), &settings());
    assert_eq!(lines.len(), 1);
    assert_line(&lines, "table", Fault, "is a view");
}

#[test]
fn an_unlogged_table_is_a_fault() {
    let unlogged = TableFacts { persistence: Persistence::Unlogged, ..table(&COLUMNS) };
    let lines = judge(&facts(Some(unlogged)), &good_shape(), &settings());
    assert_line(&lines, "table", Fault, "unlogged");
}

#[test]
fn columns_that_are_missing_unfit_or_generated_are_named() {
    let judge = |columns: &[(&str, u32)], shape: &Shape| {
        judge(&facts(Some(table(columns))), shape, &settings())
    };
    let lines = judge(&COLUMNS[1..], &good_shape());
    assert_line(&lines, "columns", Fault, "no column \"id\"");
    let numeric = [COLUMNS[0], COLUMNS[1], COLUMNS[2], ("payload", 1700)];
    let lines = judge(&numeric, &good_shape());
    assert_line(&lines, "columns", Fault, "\"payload\" of numeric");
    let shape = Shape { silent_generated: vec!["aggregateid".into()], ..good_shape() };
    assert_line(&judge(&COLUMNS, &shape), "columns", Fault, "\"aggregateid\" is generated");
    let shape = Shape { silent_generated: vec!["unused".into()], ..good_shape() };
    assert_line(&judge(&COLUMNS, &shape), "columns", Fine, "id, payload");
}

#[test]
fn an_id_that_consumers_can_rely_on_is_unique_and_never_null() {
    let indexes = |unique: &[&[&str]]| Shape {
        unique: unique.iter().map(|one| one.iter().map(|c| (*c).to_owned()).collect()).collect(),
        ..good_shape()
    };
    let mut nullable = table(&COLUMNS);
    nullable.columns[0].not_null = false;
    let partitioned = TableFacts { kind: TableKind::Partitioned, ..table(&COLUMNS) };
    for (table, unique, state, part) in [
        (table(&COLUMNS), &[&["id"][..]][..], Fine, "is unique"),
        (table(&COLUMNS), &[], Warning, "nothing keeps"),
        (table(&COLUMNS), &[&["other"][..]], Warning, "nothing keeps"),
        (table(&COLUMNS), &[&["id", "day"][..]], Warning, "nothing keeps"),
        (table(&COLUMNS), &[&["id", "day"][..], &["id"][..]], Fine, "is unique"),
        (partitioned, &[&["id", "day"][..]], Fine, "together with the partition key"),
        (nullable, &[&["id"][..]], Warning, "may be NULL"),
    ] {
        let lines = judge(&facts(Some(table)), &indexes(unique), &settings());
        assert_line(&lines, "id_unique", state, part);
    }
}

#[test]
fn a_payload_without_a_limit_that_we_can_read_is_warned_of() {
    let with = |checks: &[&str]| Shape {
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        ..good_shape()
    };
    let judge = |shape: &Shape| judge(&facts(Some(table(&COLUMNS))), shape, &settings());
    assert_line(&judge(&good_shape()), "payload_limit", Fine, "900,000 bytes");
    assert_line(&judge(&with(&[])), "payload_limit", Warning, "no limit:");
    let odd = with(&["CHECK (fits(payload))"]);
    assert_line(&judge(&odd), "payload_limit", Warning, "no limit that we can read");
}

#[test]
fn what_comes_between_an_insert_and_the_table_is_told() {
    let judge = |shape: &Shape| judge(&facts(Some(table(&COLUMNS))), shape, &settings());
    let shape = Shape { instead_rules: vec!["swallow".into()], ..good_shape() };
    assert_line(&judge(&shape), "inserts", Warning, "rule swallow");
    let shape = Shape { before_triggers: vec!["stamp".into()], ..good_shape() };
    assert_line(&judge(&shape), "inserts", Fine, "trigger stamp");
}

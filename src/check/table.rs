//! Table: does the outbox table have what the settings name, and what consumers rely on.

use super::{
    payload,
    report::{Area, Line},
    words,
};
use crate::{
    outbox::{Config, Mapper, quote_identifier},
    postgres::{
        facts::{Facts, TableFacts, TableKind},
        survey::Shape,
    },
    wal::{Column, Relation},
};

const HERE: Area = Area::Table;

/// Everything about the table; one line alone when there is none to look at.
pub(super) fn judge(facts: &Facts, shape: &Shape, config: &Config) -> Vec<Line> {
    let verdict = facts.judge_table();
    let Some(table) = &facts.table else {
        return verdict
            .err()
            .map(|error| Line::of(HERE, "table", &error.fault()))
            .into_iter()
            .collect();
    };
    let first = match verdict {
        Err(error) => Line::of(HERE, "table", &error.fault()),
        Ok(()) => Line::ok(HERE, "table", present(facts, table)),
    };
    if let TableKind::Other(_) = table.kind {
        return vec![first];
    }
    vec![
        first,
        columns(table, shape, config),
        unique(table, shape, config),
        limited(table, shape, config),
        inserts(config, shape),
    ]
}

/// The most bytes a payload can have, when something limits it.
pub(super) fn payload_limit(shape: &Shape, column: &str) -> Option<u64> {
    payload::limit(&shape.checks, column, shape.payload_characters)
}

fn present(facts: &Facts, table: &TableFacts) -> String {
    let name = &facts.names.table;
    let leaves = table.below.iter().filter(|child| child.kind == TableKind::Table).count();
    match table.kind {
        TableKind::Partitioned => {
            let leaves = words::several(leaves, "partition");
            format!("table {name} exists, and its {leaves} write rows to the WAL")
        }
        _ => format!("table {name} exists, and its rows are in the WAL"),
    }
}

/// Every column that the settings name is there, in the stream, with a type that fits.
fn columns(table: &TableFacts, shape: &Shape, config: &Config) -> Line {
    let name = "columns";
    let needed = needed(config);
    if let Some(generated) = needed.iter().find(|column| shape.silent_generated.contains(column)) {
        return Line::fault(
            HERE,
            name,
            format!("column {generated:?} is generated, and generated columns are not in the WAL"),
            "name another column in [outbox] columns or [route], or write its expression in the \
             INSERT; PostgreSQL 18 can publish stored ones (publish_generated_columns)",
        );
    }
    let relation = Relation {
        id: table.oid,
        namespace: &config.table.schema,
        name: &config.table.name,
        replica_identity: b'd',
        columns: table
            .columns
            .iter()
            .map(|column| Column {
                is_key: false,
                name: &column.name,
                type_id: column.type_oid,
                type_modifier: -1,
            })
            .collect(),
    };
    match Mapper::new(config.clone()).relation(&relation) {
        Ok(_) => {
            let sentence = format!("columns fit: {}", needed.join(", "));
            Line::ok(HERE, name, sentence)
        }
        Err(error) => Line::of(HERE, name, &error.fault()),
    }
}

/// The columns that some setting uses, each once.
fn needed(config: &Config) -> Vec<String> {
    let columns = &config.columns;
    let optional = [&columns.partition, &columns.headers, &columns.traceparent, &columns.timestamp];
    let route = config.route.topic.columns().chain(config.route.key.columns());
    let headers = config.route.headers.iter().map(|header| header.column.as_str());
    let mut needed: Vec<String> = Vec::new();
    let roles = [columns.id.as_str(), columns.payload.as_str()].into_iter();
    let named = roles.chain(route).chain(headers);
    for column in named.chain(optional.into_iter().flatten().map(String::as_str)) {
        if !needed.iter().any(|known| known == column) {
            needed.push(column.to_owned());
        }
    }
    needed
}

/// Consumers drop an event whose id they have seen: two events with one id are one event lost.
fn unique(table: &TableFacts, shape: &Shape, config: &Config) -> Line {
    let (name, id) = ("id_unique", &config.columns.id);
    let with_id = |index: &&Vec<String>| index.iter().any(|column| column == id);
    let index = shape.unique.iter().filter(with_id).min_by_key(|index| index.len());
    let alter = format!("ALTER TABLE {}", config.table);
    let quoted = quote_identifier(id);
    let nullable = table.columns.iter().any(|column| column.name == *id && !column.not_null);
    let kind = if shape.has_primary_key { "UNIQUE" } else { "PRIMARY KEY" };
    // A partitioned table's unique index has to have the partition key in it.
    let enough = |index: &Vec<String>| index.len() == 1 || table.kind == TableKind::Partitioned;
    match index {
        Some(index) if enough(index) && nullable => Line::warning(
            HERE,
            name,
            format!("column {id:?} is unique but may be NULL: consumers cannot recognise repeats"),
            format!("run {alter} ALTER COLUMN {quoted} SET NOT NULL"),
        ),
        Some(index) if index.len() == 1 => Line::ok(HERE, name, format!("column {id:?} is unique")),
        Some(index) if enough(index) => {
            let sentence = format!("column {id:?} is unique together with the partition key");
            Line::ok(HERE, name, sentence)
        }
        _ => Line::warning(
            HERE,
            name,
            format!(
                "nothing keeps column {id:?} unique: consumers drop an event whose id they know"
            ),
            format!("run {alter} ADD {kind} ({quoted})"),
        ),
    }
}

/// A payload that Kafka refuses holds everything behind it; one of hundreds of MB ends the slot.
fn limited(table: &TableFacts, shape: &Shape, config: &Config) -> Line {
    let (name, column) = ("payload_limit", &config.columns.payload);
    if let Some(limit) = payload_limit(shape, column) {
        let limit = words::count(limit);
        return Line::ok(HERE, name, format!("column {column:?} takes at most {limit} bytes"));
    }
    let unread = match shape.checks.is_empty() {
        true => "",
        false => " that we can read",
    };
    let mut columns = table.columns.iter();
    let is_json = columns.any(|one| one.name == *column && one.type_name.starts_with("json"));
    let cast = if is_json { "::text" } else { "" };
    let measured = format!("{}{cast}", quote_identifier(column));
    Line::warning(
        HERE,
        name,
        format!(
            "column {column:?} has no limit{unread}: one payload larger than Kafka takes holds all \
             events behind it"
        ),
        format!(
            "run ALTER TABLE {} ADD CONSTRAINT payload_fits_kafka CHECK \
             (octet_length({measured}) <= 900000) NOT VALID",
            config.table
        ),
    )
}

fn inserts(config: &Config, shape: &Shape) -> Line {
    let (name, table) = ("inserts", &config.table);
    if let [rule, ..] = shape.instead_rules.as_slice() {
        let rules = words::list(&shape.instead_rules);
        return Line::warning(
            HERE,
            name,
            format!("rule {rules} does something else instead of inserts into {table}"),
            format!("run DROP RULE {} ON {table}, unless it is meant", quote_identifier(rule)),
        );
    }
    if !shape.before_triggers.is_empty() {
        let triggers = words::list(&shape.before_triggers);
        let sentence = format!("rows are published as trigger {triggers} leaves them");
        return Line::ok(HERE, name, sentence);
    }
    Line::ok(HERE, name, "no rule or trigger comes between an INSERT and the table")
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;

//! Mapper: rows become records.

use std::fmt;

use super::{
    catalog::{CatalogColumn, by_todays_names},
    config::Config,
    event_error::{EventError, EventProblem, printable},
    headers::HeaderList,
    headers_json::push_object,
    mapping_error::MappingError,
    plan::{Key, Plan, Segment},
    position::Position,
    record::Record,
    row::{Row, Source},
    timestamp::record_timestamp,
    topic::is_valid_topic_bytes,
};
use crate::wal::{PgTimestamp, Relation, Tuple};

/// Turns outbox rows into records by the settings.
///
/// Holds buffers that every row uses again, so that a row costs no allocation once they have
/// grown. What a record can borrow from its row, such as the payload, is not copied at all.
pub struct Mapper {
    config: Config,
    buffers: Buffers,
}

#[derive(Default)]
struct Buffers {
    topic: Vec<u8>,
    /// A composite key, or a bytea's bytes.
    key: Vec<u8>,
    /// A bytea's bytes.
    payload: Vec<u8>,
    headers: HeaderList,
}

impl Mapper {
    /// A mapper with these settings.
    pub fn new(config: Config) -> Mapper {
        Mapper { config, buffers: Buffers::default() }
    }

    /// Whether a Relation message describes the outbox table.
    pub fn is_outbox(&self, relation: &Relation<'_>) -> bool {
        self.config.table.names(relation)
    }

    /// Resolves the settings against a table as the server describes it.
    ///
    /// # Errors
    /// Columns that are missing, or have a type that cannot be used; all of them at once.
    pub fn relation(&self, relation: &Relation<'_>) -> Result<Plan, MappingError> {
        Plan::new(&self.config, relation)
    }

    /// The same for a description that is older than `today`, the table's columns in the catalog:
    /// a column may go by the name it has today.
    ///
    /// # Errors
    /// As [`relation`](Self::relation).
    pub fn older_relation(
        &self,
        relation: &Relation<'_>,
        today: &[CatalogColumn],
    ) -> Result<Plan, MappingError> {
        Plan::new(&self.config, &by_todays_names(relation, today))
    }

    /// The record for one row. `plan` is of the row's relation; `commit_time` is the timestamp
    /// when no column gives one.
    ///
    /// # Errors
    /// A row that cannot be mapped or routed: it must not be skipped.
    pub fn record<'a>(
        &'a mut self,
        plan: &'a Plan,
        tuple: &Tuple<'a>,
        position: Position,
        commit_time: PgTimestamp,
    ) -> Result<Record<'a>, EventError> {
        let row = Row::read(&plan.names, tuple).map_err(|problem| EventError {
            position,
            id: None,
            problem,
        })?;
        let event_id = row.raw(plan.id);
        let name_event = |problem| EventError { position, id: event_id.map(printable), problem };

        let Buffers { topic, key, payload, headers } = &mut self.buffers;
        let position_header = self.config.route.position_header.then_some(position);
        fill_headers(headers, plan, &row, position_header).map_err(name_event)?;
        Ok(Record {
            topic: topic_of(plan, &row, topic).map_err(name_event)?,
            key: key_of(plan, &row, key).map_err(name_event)?,
            payload: row.bytes(plan.payload, payload).map_err(name_event)?,
            headers,
            timestamp: timestamp_of(plan, &row, commit_time).map_err(name_event)?,
            partition: partition_of(plan, &row).map_err(name_event)?,
            position,
            event_id,
        })
    }
}

/// Without the buffers: they hold what the last row said.
impl fmt::Debug for Mapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapper").field("config", &self.config).finish_non_exhaustive()
    }
}

fn topic_of<'a>(
    plan: &Plan,
    row: &Row<'_>,
    topic: &'a mut Vec<u8>,
) -> Result<&'a str, EventProblem> {
    let null = |column| EventProblem::NullInTopic { column };
    fill_template(&plan.topic, row, topic, null)?;
    // A valid name is ASCII, so the conversion fails for no valid one.
    let valid = is_valid_topic_bytes(topic).then(|| std::str::from_utf8(topic).ok()).flatten();
    valid.ok_or_else(|| EventProblem::InvalidTopic { topic: printable(topic) })
}

fn key_of<'a>(
    plan: &Plan,
    row: &Row<'a>,
    key: &'a mut Vec<u8>,
) -> Result<Option<&'a [u8]>, EventProblem> {
    match &plan.key {
        Key::Column(source) => row.bytes(*source, key),
        Key::Composite(segments) => {
            fill_template(segments, row, key, |column| EventProblem::NullInKey { column })?;
            Ok(Some(key))
        }
    }
}

fn fill_template(
    segments: &[Segment],
    row: &Row<'_>,
    out: &mut Vec<u8>,
    null: fn(String) -> EventProblem,
) -> Result<(), EventProblem> {
    out.clear();
    for segment in segments {
        match segment {
            Segment::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Segment::Column(source) if row.append(*source, out)? => {}
            Segment::Column(source) => return Err(null(row.name(*source))),
        }
    }
    Ok(())
}

/// The named columns, the headers object, the trace context, the position: in this order.
fn fill_headers(
    headers: &mut HeaderList,
    plan: &Plan,
    row: &Row<'_>,
    position: Option<Position>,
) -> Result<(), EventProblem> {
    headers.clear();
    for (name, source) in &plan.headers {
        headers.push_with(name, |out| row.append(*source, out))?;
    }
    if let Some((source, text)) = present(plan.object, row)? {
        push_object(text, headers)
            .map_err(|found| EventProblem::Headers { column: row.name(source), found })?;
    }
    if let Some((_, text)) = present(plan.traceparent, row)? {
        headers.push("traceparent", Some(text));
    }
    if let Some(position) = position {
        headers.push_with("position", |out| {
            position.append_to(out);
            Ok(true)
        })?;
    }
    Ok(())
}

fn timestamp_of(plan: &Plan, row: &Row<'_>, commit_time: PgTimestamp) -> Result<i64, EventProblem> {
    let commit = commit_time.unix_millis();
    let Some((source, text)) = present(plan.timestamp, row)? else { return Ok(commit) };
    record_timestamp(text, commit)
        .ok_or_else(|| EventProblem::Timestamp { column: row.name(source), value: printable(text) })
}

fn partition_of(plan: &Plan, row: &Row<'_>) -> Result<Option<i32>, EventProblem> {
    let Some((source, text)) = present(plan.partition, row)? else { return Ok(None) };
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i32>().ok());
    number
        .filter(|number| *number >= 0)
        .map(Some)
        .ok_or_else(|| EventProblem::Partition { column: row.name(source), value: printable(text) })
}

/// An optional column's text, when a setting names the column and it is not NULL. The types
/// allowed for these columns are all written as text.
fn present<'a>(
    source: Option<Source>,
    row: &Row<'a>,
) -> Result<Option<(Source, &'a [u8])>, EventProblem> {
    let Some(source) = source else { return Ok(None) };
    Ok(row.text(source)?.map(|text| (source, text)))
}

#[cfg(test)]
#[path = "mapper_tests.rs"]
mod tests;

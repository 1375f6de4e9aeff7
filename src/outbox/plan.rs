//! Plan: which column of one table is used for what.

use strsim::jaro_winkler;

use super::{
    config::{Columns, Config},
    mapping_error::{MappingError, MissingColumn, UnfitColumn},
    pg_type::{
        BPCHAR, BYTEA, INT2, INT4, INT8, JSON, JSONB, TEXT, TIMESTAMP, TIMESTAMPTZ, VARCHAR,
    },
    row::Source,
    table::TableName,
    template::{Part, Template},
};
use crate::wal::Relation;

/// The settings resolved against one Relation message. Good until the next one for the same table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(super) names: Vec<String>,
    pub(super) id: Source,
    pub(super) payload: Source,
    pub(super) topic: Vec<Segment>,
    pub(super) key: Key,
    pub(super) headers: Vec<(String, Source)>,
    pub(super) object: Option<Source>,
    pub(super) traceparent: Option<Source>,
    pub(super) partition: Option<Source>,
    pub(super) timestamp: Option<Source>,
}

/// A piece of a template, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    Column(Source),
}

/// A single column is told apart because its NULL means "no key", and its bytes need no copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Column(Source),
    Composite(Vec<Segment>),
}

/// No entries: any type.
const ANY: &[u32] = &[];
const PAYLOAD: &[u32] = &[JSON, JSONB, TEXT, VARCHAR, BPCHAR, BYTEA];
const HEADERS: &[u32] = &[JSON, JSONB, TEXT, VARCHAR];
const CHARACTERS: &[u32] = &[TEXT, VARCHAR, BPCHAR];
const INTEGERS: &[u32] = &[INT2, INT4, INT8];
const TIMESTAMPS: &[u32] = &[TIMESTAMPTZ, TIMESTAMP];

impl Plan {
    /// Finds every column that the settings need, by name and type.
    pub(super) fn new(config: &Config, relation: &Relation<'_>) -> Result<Plan, MappingError> {
        let Config { columns, route, .. } = config;
        let mut search = Search { relation, missing: Vec::new(), unfit: Vec::new() };
        let plan = Plan {
            names: relation.columns.iter().map(|column| column.name.to_owned()).collect(),
            id: search.column(&columns.id, "outbox.columns.id", ANY),
            payload: search.column(&columns.payload, "outbox.columns.payload", PAYLOAD),
            topic: search.template(&route.topic, "route.topic"),
            key: match route.key.single_column() {
                Some(name) => Key::Column(search.column(name, "route.key", ANY)),
                None => Key::Composite(search.template(&route.key, "route.key")),
            },
            headers: route
                .headers
                .iter()
                .map(|h| (h.name.clone(), search.column(&h.column, "route.headers", ANY)))
                .collect(),
            object: search.optional(columns, Optional::Headers),
            traceparent: search.optional(columns, Optional::Traceparent),
            partition: search.optional(columns, Optional::Partition),
            timestamp: search.optional(columns, Optional::Timestamp),
        };
        search.finish().map(|()| plan)
    }
}

/// The columns that are used only when a setting names them.
enum Optional {
    Headers,
    Traceparent,
    Partition,
    Timestamp,
}

/// Looks columns up and collects all that is wrong, so that one sentence can tell it.
struct Search<'a> {
    relation: &'a Relation<'a>,
    missing: Vec<MissingColumn>,
    unfit: Vec<UnfitColumn>,
}

impl Search<'_> {
    /// The column `name`. When it is missing the result stands for nothing: `finish` then fails
    /// and the plan is never used.
    fn column(&mut self, name: &str, setting: &'static str, allowed: &'static [u32]) -> Source {
        let found = self.relation.columns.iter().position(|column| column.name == name);
        let Some(index) = found else {
            if self.missing.iter().all(|missing| missing.column != name) {
                let nearest = self.nearest(name);
                self.missing.push(MissingColumn { column: name.to_owned(), setting, nearest });
            }
            return Source::new(usize::MAX, 0);
        };
        let type_id = self.relation.columns[index].type_id;
        if !allowed.is_empty() && !allowed.contains(&type_id) {
            self.unfit.push(UnfitColumn { column: name.to_owned(), setting, type_id, allowed });
        }
        Source::new(index, type_id)
    }

    fn optional(&mut self, columns: &Columns, optional: Optional) -> Option<Source> {
        let (name, setting, allowed) = match optional {
            Optional::Headers => (&columns.headers, "outbox.columns.headers", HEADERS),
            Optional::Traceparent => {
                (&columns.traceparent, "outbox.columns.traceparent", CHARACTERS)
            }
            Optional::Partition => (&columns.partition, "outbox.columns.partition", INTEGERS),
            Optional::Timestamp => (&columns.timestamp, "outbox.columns.timestamp", TIMESTAMPS),
        };
        name.as_ref().map(|name| self.column(name, setting, allowed))
    }

    fn template(&mut self, template: &Template, setting: &'static str) -> Vec<Segment> {
        let segment = |part: &Part| match part {
            Part::Literal(text) => Segment::Literal(text.clone()),
            Part::Column(name) => Segment::Column(self.column(name, setting, ANY)),
        };
        template.parts().iter().map(segment).collect()
    }

    /// The most similar column, if it is similar enough to have been meant.
    fn nearest(&self, name: &str) -> Option<String> {
        const SIMILAR: f64 = 0.75;
        let wanted = name.to_lowercase();
        let likeness = |column: &str| jaro_winkler(&wanted, &column.to_lowercase());
        self.relation
            .columns
            .iter()
            .map(|column| (likeness(column.name), column.name))
            .filter(|(likeness, _)| *likeness >= SIMILAR)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, name)| name.to_owned())
    }

    fn finish(self) -> Result<(), MappingError> {
        let Relation { namespace, name, .. } = *self.relation;
        let table = TableName { schema: namespace.to_owned(), name: name.to_owned() };
        if !self.missing.is_empty() {
            Err(MappingError::MissingColumns { table, columns: self.missing })
        } else if !self.unfit.is_empty() {
            Err(MappingError::UnfitColumns { table, columns: self.unfit })
        } else {
            Ok(())
        }
    }
}

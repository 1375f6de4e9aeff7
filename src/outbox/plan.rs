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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fault::FaultKind,
        outbox::{
            HeaderColumn,
            fixture::{DEBEZIUM, config, relation, template},
            pg_type::type_names,
        },
    };

    fn missing(error: MappingError) -> Vec<(String, &'static str, Option<String>)> {
        match error {
            MappingError::MissingColumns { columns, .. } => {
                columns.into_iter().map(|c| (c.column, c.setting, c.nearest)).collect()
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_debezium_table_fits_the_default_settings() {
        assert!(Plan::new(&config(), &relation(&DEBEZIUM)).is_ok());
    }

    #[test]
    fn all_missing_columns_are_told_at_once_each_with_the_nearest_name() {
        let table = [("ID", 2950), ("aggregate_type", TEXT), ("zzz", TEXT), ("payload", JSONB)];
        let error = Plan::new(&config(), &relation(&table)).unwrap_err();
        assert_eq!(error.fault().kind, FaultKind::Unroutable);
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(
            missing(error),
            [
                ("id".into(), "outbox.columns.id", name("ID")),
                ("aggregatetype".into(), "route.topic", name("aggregate_type")),
                ("aggregateid".into(), "route.key", name("aggregate_type")),
                ("type".into(), "route.headers", None),
            ]
        );
    }

    #[test]
    fn roles_matter_only_where_a_template_or_a_header_names_their_column() {
        let table = relation(&[("id", 2950), ("topic_name", TEXT), ("payload", JSONB)]);
        let mut config = config();
        config.route.topic = template("{topic_name}");
        config.route.key = template("{id}");
        config.route.headers = vec![HeaderColumn { column: "id".into(), name: "id".into() }];
        assert!(Plan::new(&config, &table).is_ok());
    }

    #[test]
    fn id_and_payload_are_always_needed() {
        let mut config = config();
        config.route.topic = template("events");
        config.route.key = template("{k}");
        config.route.headers.clear();
        let error = Plan::new(&config, &relation(&[("k", TEXT)])).unwrap_err();
        let columns: Vec<_> = missing(error).into_iter().map(|(column, ..)| column).collect();
        assert_eq!(columns, ["id", "payload"]);
    }

    #[test]
    fn optional_columns_are_needed_once_a_setting_names_them() {
        let mut config = config();
        config.columns.partition = Some("shard".into());
        config.columns.headers = Some("extra".into());
        config.columns.traceparent = Some("trace".into());
        config.columns.timestamp = Some("at".into());
        let error = Plan::new(&config, &relation(&DEBEZIUM)).unwrap_err();
        let settings: Vec<_> = missing(error).into_iter().map(|(_, setting, _)| setting).collect();
        assert_eq!(
            settings,
            [
                "outbox.columns.headers",
                "outbox.columns.traceparent",
                "outbox.columns.partition",
                "outbox.columns.timestamp"
            ]
        );
    }

    #[test]
    fn names_are_compared_exactly() {
        let table =
            DEBEZIUM.map(|(name, oid)| if name == "id" { ("Id", oid) } else { (name, oid) });
        assert!(Plan::new(&config(), &relation(&table)).is_err());
    }

    /// Built-in types of every kind, near neighbours of those we take, and a type of a user.
    const CANDIDATES: [u32; 25] = [
        16,
        BYTEA,
        18,
        19,
        INT8,
        INT2,
        INT4,
        TEXT,
        26,
        JSON,
        142,
        700,
        701,
        1009,
        BPCHAR,
        VARCHAR,
        1082,
        1083,
        TIMESTAMP,
        TIMESTAMPTZ,
        1266,
        1700,
        2950,
        JSONB,
        16_400,
    ];

    /// The table of `DEBEZIUM` with one more column, which `name_it` names in the settings: the types
    /// that it may have.
    fn accepted(name_it: impl Fn(&mut Config)) -> Vec<u32> {
        let mut config = config();
        name_it(&mut config);

        let fits = |oid: &u32| {
            let mut table = DEBEZIUM.to_vec();
            table.push(("extra", *oid));
            match Plan::new(&config, &relation(&table)) {
                Ok(_) => true,
                Err(MappingError::UnfitColumns { columns, .. }) => {
                    let [column] = columns.as_slice() else { panic!("{columns:?}") };
                    assert_eq!((column.column.as_str(), column.type_id), ("extra", *oid));
                    assert_ne!(type_names(column.allowed), "");
                    false
                }
                Err(other) => panic!("{other}"),
            }
        };
        CANDIDATES.into_iter().filter(fits).collect()
    }

    #[test]
    fn each_role_takes_its_types_and_no_other() {
        let extra = || Some("extra".to_owned());
        assert_eq!(
            accepted(|config| config.columns.payload = "extra".into()),
            [BYTEA, TEXT, JSON, BPCHAR, VARCHAR, JSONB]
        );
        assert_eq!(accepted(|c| c.columns.partition = extra()), [INT8, INT2, INT4]);
        assert_eq!(accepted(|c| c.columns.timestamp = extra()), [TIMESTAMP, TIMESTAMPTZ]);
        assert_eq!(accepted(|c| c.columns.headers = extra()), [TEXT, JSON, VARCHAR, JSONB]);
        assert_eq!(accepted(|c| c.columns.traceparent = extra()), [TEXT, BPCHAR, VARCHAR]);
    }

    #[test]
    fn topic_key_header_and_id_take_any_type() {
        for name_it in [
            (|c| c.route.topic = template("{extra}")) as fn(&mut Config),
            |c| c.route.key = template("{extra}-{id}"),
            |c| c.columns.id = "extra".into(),
            |c| c.route.headers[0].column = "extra".into(),
        ] {
            assert_eq!(accepted(name_it), CANDIDATES);
        }
    }
}

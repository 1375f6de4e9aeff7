//! MappingError: why the rows of a table cannot become records.

use super::{
    pg_type::{type_name, type_names},
    table::TableName,
};
use crate::fault::{Fault, FaultKind};

/// A table, as the server describes it, that does not have what the settings need. All that is
/// missing is told at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Columns that the settings name do not exist.
    #[error("table {table} has no column {}", list(.columns, MissingColumn::clause))]
    MissingColumns {
        /// The table.
        table: TableName,
        /// Each missing column once, under the first setting that needs it.
        columns: Vec<MissingColumn>,
    },
    /// Columns exist with a type that cannot be used.
    #[error("table {table} has {}", list(.columns, UnfitColumn::clause))]
    UnfitColumns {
        /// The table.
        table: TableName,
        /// Each of them.
        columns: Vec<UnfitColumn>,
    },
}

/// A column that a setting names and the table does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingColumn {
    /// The name as the setting has it.
    pub column: String,
    /// The setting, such as `outbox.columns.payload`.
    pub setting: &'static str,
    /// The most similar name among the table's columns, if any is similar.
    pub nearest: Option<String>,
}

/// A column whose type cannot be used for what a setting names it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfitColumn {
    /// The column.
    pub column: String,
    /// The setting, such as `outbox.columns.payload`.
    pub setting: &'static str,
    /// The oid of its type.
    pub type_id: u32,
    /// The oids of the types that can be used.
    pub allowed: &'static [u32],
}

impl MappingError {
    /// The fault to hold with.
    pub fn fault(&self) -> Fault {
        let hint = match self {
            MappingError::MissingColumns { .. } => {
                "add the column, or name another in [outbox] columns or [route]; if the table has \
                 it, these rows were written before it was added: name another until they are sent"
            }
            MappingError::UnfitColumns { .. } => {
                "name another column in [outbox] columns, or give this one a type from the list"
            }
        };
        Fault::new(FaultKind::Unroutable, self.to_string(), hint)
    }
}

impl MissingColumn {
    fn clause(&self) -> String {
        let nearest = self
            .nearest
            .as_ref()
            .map(|name| format!("; the nearest is {name:?}"))
            .unwrap_or_default();
        format!("{:?} (needed by {}{nearest})", self.column, self.setting)
    }
}

impl UnfitColumn {
    fn clause(&self) -> String {
        let (found, allowed) = (type_name(self.type_id), type_names(self.allowed));
        format!("column {:?} of {found}, but {} takes {allowed}", self.column, self.setting)
    }
}

fn list<T>(items: &[T], clause: fn(&T) -> String) -> String {
    items.iter().map(clause).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::pg_type::{INT2, INT4, INT8};

    fn table() -> TableName {
        TableName { schema: "public".into(), name: "Outbox".into() }
    }

    #[test]
    fn missing_columns_are_told_in_one_sentence_with_the_nearest_names() {
        let column = |column: &str, setting, nearest: Option<&str>| MissingColumn {
            column: column.into(),
            setting,
            nearest: nearest.map(str::to_owned),
        };
        let error = MappingError::MissingColumns {
            table: table(),
            columns: vec![
                column("aggregatetype", "route.topic", Some("aggregate_type")),
                column("payload", "outbox.columns.payload", None),
            ],
        };
        let fault = error.fault();
        assert_eq!(fault.kind, FaultKind::Unroutable);
        assert_eq!(
            fault.sentence,
            "table public.\"Outbox\" has no column \"aggregatetype\" (needed by route.topic; the \
             nearest is \"aggregate_type\") and \"payload\" (needed by outbox.columns.payload)"
        );
        assert!(fault.hint.contains("[outbox] columns"));
    }

    #[test]
    fn unfit_columns_are_told_with_their_type_and_the_types_that_fit() {
        let error = MappingError::UnfitColumns {
            table: table(),
            columns: vec![UnfitColumn {
                column: "shard".into(),
                setting: "outbox.columns.partition",
                type_id: 1700,
                allowed: &[INT2, INT4, INT8],
            }],
        };
        assert_eq!(
            error.fault().sentence,
            "table public.\"Outbox\" has column \"shard\" of numeric (type 1700), but \
             outbox.columns.partition takes smallint, integer, bigint"
        );
    }
}

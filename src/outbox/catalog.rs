//! CatalogColumn: the columns that the table has today, for rows written under older names.

use crate::wal::Relation;

/// A column of the table as the catalog has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogColumn {
    /// Its number (`attnum`): rises in the order of creation, stays, and is never given again.
    pub number: i16,
    /// Its name, unquoted.
    pub name: String,
    /// The oid of its type.
    pub type_id: u32,
}

/// The relation with each column that was renamed since under the name it has today.
///
/// WAL is decoded with the names of its time, and a Relation message does not tell numbers. But a
/// column of today existed whenever one with a higher number did. So what follows number 5 in the
/// message is number 6, if there is a number 6 today. Behind the first column of which that cannot
/// be said, only names count: one that has its name may have been dropped and added again.
pub(super) fn by_todays_names<'a>(
    relation: &Relation<'a>,
    today: &'a [CatalogColumn],
) -> Relation<'a> {
    let has = |name: &str| relation.columns.iter().any(|column| column.name == name);
    let mut named = relation.clone();
    let mut expected = Some(1);
    for column in &mut named.columns {
        let here = today.iter().find(|now| Some(now.number) == expected);
        let same = today.iter().find(|now| now.name == column.name);
        let is_renamed = |now: &&CatalogColumn| {
            same.is_none() && now.type_id == column.type_id && !has(&now.name)
        };
        if let Some(now) = here.filter(is_renamed) {
            column.name = &now.name;
        }
        let number = same.or(here).map(|now| now.number);
        expected = expected.filter(|expected| number == Some(*expected)).map(|number| number + 1);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{
        fixture::relation,
        pg_type::{INT4, JSONB, TEXT},
    };

    fn today(columns: &[(i16, &str, u32)]) -> Vec<CatalogColumn> {
        let column = |(number, name, type_id): &(i16, &str, u32)| CatalogColumn {
            number: *number,
            name: (*name).into(),
            type_id: *type_id,
        };
        columns.iter().map(column).collect()
    }

    /// The names that `then` has today.
    #[track_caller]
    fn become_(then: &[(&str, u32)], now: &[(i16, &str, u32)], names: &[&str]) {
        let (then, now) = (relation(then), today(now));
        let named = by_todays_names(&then, &now);
        let found: Vec<&str> = named.columns.iter().map(|column| column.name).collect();
        assert_eq!(found, names);
    }

    #[test]
    fn renamed_columns_have_their_new_names() {
        let now = [(1, "event", INT4), (2, "entity", TEXT), (3, "payload", JSONB), (4, "n", TEXT)];
        become_(
            &[("id", INT4), ("aggregateid", TEXT), ("payload", JSONB)],
            &now,
            &["event", "entity", "payload"],
        );
        become_(&[("event", INT4), ("key", TEXT)], &now, &["event", "entity"]);
    }

    #[test]
    fn beyond_a_dropped_column_only_names_that_are_known_are_trusted() {
        let now = [(1, "id", INT4), (3, "entity", TEXT), (4, "payload", JSONB), (5, "site", TEXT)];
        become_(
            &[("id", INT4), ("key", TEXT), ("payload", JSONB), ("tenant", TEXT)],
            &now,
            &["id", "key", "payload", "tenant"],
        );
    }

    #[test]
    fn a_column_that_was_dropped_and_added_again_is_no_landmark() {
        let now = [(1, "id", INT4), (4, "payload", JSONB), (5, "kind", TEXT), (6, "tenant", TEXT)];
        let then = [("id", INT4), ("kind", TEXT), ("note", TEXT), ("payload", JSONB)];
        become_(&then, &now, &["id", "kind", "note", "payload"]);
        let now = [(1, "id", INT4), (2, "payload", JSONB), (5, "kind", TEXT), (6, "tenant", TEXT)];
        let then = [("id", INT4), ("payload", JSONB), ("kind", TEXT), ("note", TEXT)];
        become_(&then, &now, &["id", "payload", "kind", "note"]);
    }

    #[test]
    fn a_new_column_is_not_taken_for_an_old_one_that_was_dropped() {
        let now = [(1, "id", INT4), (3, "entity", TEXT)];
        become_(&[("id", INT4), ("key", TEXT)], &now, &["id", "key"]);
    }

    #[test]
    fn another_type_or_a_name_that_is_there_is_no_rename() {
        let now = [(1, "id", INT4), (2, "key", TEXT), (3, "kind", TEXT)];
        become_(&[("number", TEXT), ("key", TEXT)], &now, &["number", "key"]);
        become_(
            &[("id", TEXT), ("aggregateid", TEXT), ("kind", TEXT)],
            &now,
            &["id", "key", "kind"],
        );
        // Names that changed places keep the meaning that they had.
        become_(&[("id", INT4), ("kind", TEXT), ("key", TEXT)], &now, &["id", "kind", "key"]);
        become_(&[("id", INT4), ("old", TEXT), ("key", TEXT)], &now, &["id", "old", "key"]);
    }
}

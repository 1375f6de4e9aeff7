//! TableName: a table named as in SQL.

use std::{fmt, str::FromStr};

use super::identifier::{IdentifierFault, quote_identifier, read_identifier};
use crate::wal::Relation;

/// A table's schema and name as the catalog has them: unquoted, already folded to lower case.
///
/// Written as in SQL, so `Display` quotes where needed and [`TableName::parse`] reads it back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The table's name in it.
    pub name: String,
}

impl TableName {
    /// Reads `public.outbox`, `outbox` (in `public`) or `"Odd Schema"."Out.Box"`.
    ///
    /// # Errors
    /// Text that is not one or two SQL identifiers joined by a dot.
    pub fn parse(text: &str) -> Result<TableName, TableNameError> {
        let fail = |problem| TableNameError { text: text.to_owned(), problem };
        let read = |text| read_identifier(text).map_err(|fault| fail(fault.into()));

        let (first, rest) = read(text.trim())?;
        let Some(rest) = rest.strip_prefix('.') else {
            let table = TableName { schema: "public".into(), name: first };
            return match rest.chars().next() {
                None => Ok(table),
                Some(c) => Err(fail(IdentifierFault::Forbidden(c).into())),
            };
        };
        let (name, rest) = read(rest)?;
        match rest.chars().next() {
            None => Ok(TableName { schema: first, name }),
            Some('.') => Err(fail(TableNameProblem::TooManyParts)),
            Some(c) => Err(fail(IdentifierFault::Forbidden(c).into())),
        }
    }

    /// Whether a Relation message describes this table.
    pub fn names(&self, relation: &Relation<'_>) -> bool {
        self.schema == relation.namespace && self.name == relation.name
    }
}

impl FromStr for TableName {
    type Err = TableNameError;

    fn from_str(text: &str) -> Result<TableName, TableNameError> {
        TableName::parse(text)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", quote_identifier(&self.schema), quote_identifier(&self.name))
    }
}

/// Text that names no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a table name such as public.outbox: {problem}")]
pub struct TableNameError {
    text: String,
    problem: TableNameProblem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum TableNameProblem {
    #[error("a name is empty")]
    Empty,
    #[error("a double quote is not closed")]
    UnclosedQuote,
    #[error("{0:?} needs double quotes around the name")]
    NeedsQuotes(char),
    #[error("a name cannot hold a NUL character")]
    Nul,
    #[error("PostgreSQL keeps at most 63 bytes of a name")]
    TooLong,
    #[error("it has more than a schema and a name")]
    TooManyParts,
}

impl From<IdentifierFault> for TableNameProblem {
    fn from(fault: IdentifierFault) -> TableNameProblem {
        match fault {
            IdentifierFault::Empty => TableNameProblem::Empty,
            IdentifierFault::UnclosedQuote => TableNameProblem::UnclosedQuote,
            IdentifierFault::Forbidden('\0') => TableNameProblem::Nul,
            IdentifierFault::Forbidden(c) => TableNameProblem::NeedsQuotes(c),
            IdentifierFault::TooLong => TableNameProblem::TooLong,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(schema: &str, name: &str) -> TableName {
        TableName { schema: schema.into(), name: name.into() }
    }

    #[test]
    fn names_are_read_as_sql_reads_them() {
        for (text, schema, name) in [
            ("public.outbox", "public", "outbox"),
            ("outbox", "public", "outbox"),
            ("  outbox ", "public", "outbox"),
            ("Shop.OutBox", "shop", "outbox"),
            ("\"Odd Schema\".\"Out.Box\"", "Odd Schema", "Out.Box"),
            ("shop.\"say \"\"hi\"\"\"", "shop", "say \"hi\""),
            ("\"a\".b", "a", "b"),
            ("GRÖSSE", "public", "grÖsse"),
            ("_a$1", "public", "_a$1"),
        ] {
            assert_eq!(TableName::parse(text), Ok(table(schema, name)), "{text:?}");
        }
    }

    #[test]
    fn what_names_no_table_is_refused_with_the_reason() {
        let long = "x".repeat(64);
        for (text, reason) in [
            ("", "a name is empty"),
            ("public.", "a name is empty"),
            (".outbox", "a name is empty"),
            ("\"\"", "a name is empty"),
            ("a.b.c", "more than a schema and a name"),
            ("\"a", "not closed"),
            ("a.\"b\"\"", "not closed"),
            ("out-box", "'-' needs double quotes"),
            ("out box", "' ' needs double quotes"),
            ("1box", "'1' needs double quotes"),
            ("-box", "'-' needs double quotes"),
            ("\"a\"b", "'b' needs double quotes"),
            ("\"a\0\"", "NUL"),
            (&long, "63 bytes"),
        ] {
            let error = TableName::parse(text).expect_err(text).to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn display_quotes_where_sql_needs_it() {
        assert_eq!(table("public", "outbox").to_string(), "public.outbox");
        assert_eq!(table("Odd Schema", "Out.Box").to_string(), "\"Odd Schema\".\"Out.Box\"");
        assert_eq!(table("public", "order").to_string(), "public.\"order\"");
    }

    #[test]
    fn a_relation_is_matched_by_both_parts_of_its_name() {
        let relation = |namespace, name| Relation {
            id: 1,
            namespace,
            name,
            replica_identity: b'd',
            columns: vec![],
        };
        let table = table("public", "outbox");
        assert!(table.names(&relation("public", "outbox")));
        assert!(!table.names(&relation("shop", "outbox")));
        assert!(!table.names(&relation("public", "Outbox")));
    }

    proptest! {
        #[test]
        fn every_table_name_reads_back(schema in "[^\0]{1,15}", name in "[^\0]{1,15}") {
            let table = table(&schema, &name);
            prop_assert_eq!(TableName::parse(&table.to_string()), Ok(table));
        }

        #[test]
        fn any_text_gives_a_name_or_an_error(text: String) {
            let _ = TableName::parse(&text);
        }
    }
}

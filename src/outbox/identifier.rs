//! SQL identifiers: reading one as PostgreSQL does, and writing one so that PostgreSQL reads it back.

use std::borrow::Cow;

/// `name` as SQL needs it: quoted only where PostgreSQL would otherwise read another name.
pub fn quote_identifier(name: &str) -> Cow<'_, str> {
    let mut characters = name.chars();
    let plain = characters.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !is_keyword(name);
    if plain {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
    }
}

/// Why text cannot be read as an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdentifierFault {
    Empty,
    UnclosedQuote,
    Forbidden(char),
    TooLong,
}

/// The longest name PostgreSQL keeps, in bytes; it cuts longer ones off.
const MAX_BYTES: usize = 63;

/// Reads one identifier from the front of `text`; gives its name and what follows it.
///
/// An unquoted name folds to lower case in ASCII only, as PostgreSQL does in UTF-8 databases.
pub(super) fn read_identifier(text: &str) -> Result<(String, &str), IdentifierFault> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(quoted) => read_quoted(quoted)?,
        None => {
            let end = text.find(|c| !may_continue(c)).unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            match name.chars().next() {
                Some(first) if may_begin(first) => {}
                Some(first) => return Err(IdentifierFault::Forbidden(first)),
                None => return Err(rest.chars().next().map_or(IdentifierFault::Empty, stray)),
            }
            (name.to_ascii_lowercase(), rest)
        }
    };
    match name.len() {
        0 => Err(IdentifierFault::Empty),
        1..=MAX_BYTES => Ok((name, rest)),
        _ => Err(IdentifierFault::TooLong),
    }
}

/// Reads behind an opening quote, up to the closing one; a doubled quote stands for one.
fn read_quoted(text: &str) -> Result<(String, &str), IdentifierFault> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (piece, behind) = rest.split_once('"').ok_or(IdentifierFault::UnclosedQuote)?;
        name.push_str(piece);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None if name.contains('\0') => return Err(IdentifierFault::Forbidden('\0')),
            None => return Ok((name, behind)),
        }
    }
}

/// A dot where a name should begin means that the name is missing.
fn stray(first: char) -> IdentifierFault {
    if first == '.' { IdentifierFault::Empty } else { IdentifierFault::Forbidden(first) }
}

fn may_begin(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn may_continue(c: char) -> bool {
    may_begin(c) || c.is_ascii_digit() || c == '$'
}

fn is_keyword(name: &str) -> bool {
    KEYWORDS.split_ascii_whitespace().any(|keyword| keyword == name)
}

/// The words that cannot name a table without quotes (categories R and T of `pg_get_keywords()`).
const KEYWORDS: &str = "
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable
    desc distinct do else end except false fetch for foreign freeze from full grant group having
    ilike in initially inner intersect into is isnull join lateral leading left like limit
    localtime localtimestamp natural not notnull null offset on only or order outer overlaps
    placing primary references returning right select session_user similar some symmetric
    system_user table tablesample then to trailing true union unique user using variadic verbose
    when where window with";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_appear_only_where_sql_needs_them() {
        for (name, sql) in [
            ("outbox", "outbox"),
            ("_a1", "_a1"),
            ("Outbox", "\"Outbox\""),
            ("1a", "\"1a\""),
            ("a b", "\"a b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a$", "\"a$\""),
            ("größe", "\"größe\""),
            ("order", "\"order\""),
            ("", "\"\""),
        ] {
            assert_eq!(quote_identifier(name), sql);
        }
    }

    proptest! {
        #[test]
        fn a_quoted_name_reads_back(name in "[^\0]{1,15}") {
            let quoted = quote_identifier(&name).into_owned();
            prop_assert_eq!(read_identifier(&quoted), Ok((name, "")));
        }
    }
}

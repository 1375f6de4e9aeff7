//! Names and texts as SQL writes them.

/// A name in double quotes; always, since which words are reserved depends on the version.
pub(super) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table with its schema, for sentences: quoted only where a name is not plain lower case.
pub(super) fn qualified(schema: &str, table: &str) -> String {
    let part = |part: &str| match is_plain(part) {
        true => part.to_owned(),
        false => name(part),
    };
    format!("{}.{}", part(schema), part(table))
}

/// A text in single quotes, whatever standard_conforming_strings says.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match quoted.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

fn is_plain(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    part.bytes().all(plain) && part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(name("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b'"), "E'a\\\\b'''");
        assert_eq!(qualified("public", "outbox"), "public.outbox");
        assert_eq!(qualified("Shop", "out box"), "\"Shop\".\"out box\"");
        assert_eq!(qualified("public", "1st"), "public.\"1st\"");
    }
}

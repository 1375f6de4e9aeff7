//! Payload: how many bytes the table's constraints let a payload have.
//!
//! Reads CHECK constraints as pg_get_constraintdef writes them: every operator in parentheses. What
//! is not understood limits nothing, so a limit that is told does hold.

/// Bytes of the longest character of UTF-8.
const BYTES_PER_CHARACTER: u64 = 4;

/// The most bytes that a payload can have, by the strictest of the constraints `checks` and by the
/// length of its type in `characters`; `None` when nothing limits it.
pub(super) fn limit(checks: &[String], column: &str, characters: Option<i32>) -> Option<u64> {
    let by_type = characters
        .and_then(|count| u64::try_from(count).ok())
        .and_then(|count| count.checked_mul(BYTES_PER_CHARACTER));
    let by_check = checks.iter().filter_map(|check| {
        let inside = check.trim().strip_prefix("CHECK")?.trim();
        bound(inside.trim_end_matches(" NOT VALID").trim_end(), column)
    });
    by_type.into_iter().chain(by_check).min()
}

/// The most bytes that `expression`, being true or NULL, allows.
fn bound(expression: &str, column: &str) -> Option<u64> {
    let expression = bare(expression);
    let both = split(expression, " AND ");
    if both.len() > 1 {
        return both.into_iter().filter_map(|part| bound(part, column)).min();
    }
    let either = split(expression, " OR ");
    if either.len() > 1 {
        let limits = either.into_iter().filter(|part| !is_null(part, column));
        let limits: Option<Vec<u64>> = limits.map(|part| bound(part, column)).collect();
        return limits?.into_iter().max();
    }
    comparison(expression, column)
}

/// `octet_length(payload) <= 900000`, or the other way round.
fn comparison(expression: &str, column: &str) -> Option<u64> {
    const OPERATORS: [(&str, &str); 5] =
        [(" <= ", " >= "), (" < ", " > "), (" >= ", " <= "), (" > ", " < "), (" = ", " = ")];
    for (operator, turned) in OPERATORS {
        if let [left, right] = split(expression, operator)[..] {
            return upper(left, operator, right, column)
                .or_else(|| upper(right, turned, left, column));
        }
    }
    None
}

fn upper(length: &str, operator: &str, number: &str, column: &str) -> Option<u64> {
    let factor = factor(length, column)?;
    let number = number_in(number)?;
    let most = match operator {
        " <= " | " = " => number,
        " < " => number.checked_sub(1)?,
        _ => return None,
    };
    // A number of characters that large limits nothing.
    most.checked_mul(factor)
}

/// Bytes per unit of the function that measures the column.
fn factor(expression: &str, column: &str) -> Option<u64> {
    let (function, rest) = bare(expression).split_once('(')?;
    let factor = match function {
        "octet_length" => 1,
        "length" | "char_length" | "character_length" => BYTES_PER_CHARACTER,
        _ => return None,
    };
    is_column(rest.strip_suffix(')')?, column).then_some(factor)
}

fn is_null(expression: &str, column: &str) -> bool {
    bare(expression).strip_suffix(" IS NULL").is_some_and(|rest| is_column(rest, column))
}

fn is_column(expression: &str, column: &str) -> bool {
    let expression = bare(expression);
    let inside = expression.strip_suffix("::text").unwrap_or(expression);
    bare(inside).trim_matches('"').replace("\"\"", "\"") == column
}

/// `900000`, `(900000)::bigint`, `'900000'::bigint`.
fn number_in(expression: &str) -> Option<u64> {
    let text = bare(expression);
    let text = text.split_once("::").map_or(text, |(number, _)| number);
    bare(text).trim_matches('\'').parse().ok()
}

/// Without the parentheses around the whole.
fn bare(expression: &str) -> &str {
    let mut expression = expression.trim();
    while let Some(inside) = expression.strip_prefix('(').and_then(|e| e.strip_suffix(')')) {
        if depths(inside).any(|(_, depth)| depth < 0) {
            break;
        }
        expression = inside.trim();
    }
    expression
}

/// The parts between `separator`s that stand outside of parentheses and quotes.
fn split<'a>(expression: &'a str, separator: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, depth) in depths(expression) {
        if depth == 0 && at >= from && expression[at..].starts_with(separator) {
            parts.push(&expression[from..at]);
            from = at + separator.len();
        }
    }
    parts.push(&expression[from..]);
    parts
}

/// Each character's place and how deep in parentheses it stands; quoted texts are left out.
fn depths(expression: &str) -> impl Iterator<Item = (usize, i32)> {
    let (mut depth, mut quote) = (0, None);
    expression.char_indices().filter_map(move |(at, c)| {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => return None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            _ => {}
        }
        Some((at, depth))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_constraint_is_found_in_the_forms_that_people_write() {
        for (check, expected) in [
            ("CHECK ((octet_length((payload)::text) <= 900000))", Some(900_000)),
            ("CHECK ((octet_length(payload) <= 900000))", Some(900_000)),
            ("CHECK ((octet_length(payload) < 900000)) NOT VALID", Some(899_999)),
            ("CHECK ((900000 >= octet_length(payload)))", Some(900_000)),
            ("CHECK ((900000 > octet_length(payload)))", Some(899_999)),
            ("CHECK ((octet_length(payload) <= '900000'::bigint))", Some(900_000)),
            ("CHECK ((octet_length(payload) <= (900000)::bigint))", Some(900_000)),
            ("CHECK ((length(payload) <= 1000))", Some(4000)),
            ("CHECK ((char_length((payload)::text) < 1001))", Some(4000)),
            ("CHECK (((octet_length(payload) >= 1) AND (octet_length(payload) <= 10)))", Some(10)),
            ("CHECK (((payload IS NULL) OR (octet_length(payload) <= 10)))", Some(10)),
            ("CHECK (((octet_length(payload) <= 5) OR (octet_length(payload) = 9)))", Some(9)),
            ("CHECK (((type = 'a AND (b'::text) AND (octet_length(payload) <= 7)))", Some(7)),
        ] {
            assert_eq!(limit(&[check.to_owned()], "payload", None), expected, "{check}");
        }
    }

    #[test]
    fn what_does_not_limit_the_payload_gives_no_limit() {
        for check in [
            "CHECK ((octet_length(payload) >= 10))",
            "CHECK ((10 <= octet_length(payload)))",
            "CHECK ((octet_length(other) <= 10))",
            "CHECK ((pg_column_size(payload) <= 10))",
            "CHECK (((octet_length(payload) <= 10) OR (type = 'big'::text)))",
            "CHECK ((NOT (octet_length(payload) <= 10)))",
            "CHECK ((octet_length(payload) <= limits.most))",
            "CHECK ((octet_length((payload ->> 'a'::text)) <= 10))",
            "CHECK ((payload IS NOT NULL))",
            "CHECK ((length((payload)::text) <= '9223372036854775807'::bigint))",
            "nonsense",
        ] {
            assert_eq!(limit(&[check.to_owned()], "payload", None), None, "{check}");
        }
    }

    #[test]
    fn the_strictest_limit_counts_and_names_are_compared_unquoted() {
        let checks = [
            "CHECK ((octet_length(\"Pay \"\"Load\") <= 50))".to_owned(),
            "CHECK ((octet_length((\"Pay \"\"Load\")::text) <= 30))".to_owned(),
        ];
        assert_eq!(limit(&checks, "Pay \"Load", None), Some(30));
        assert_eq!(limit(&checks, "Pay \"Load", Some(5)), Some(20));
        assert_eq!(limit(&[], "payload", Some(100)), Some(400));
        assert_eq!(limit(&[], "payload", None), None);
    }
}

//! StandbyNames: whether synchronous_standby_names can mean our walsender.
//!
//! PostgreSQL lets any walsender whose application name matches be a synchronous standby, also one
//! that decodes (manual, "synchronous_standby_names").

/// PostgreSQL cuts an application name to this many bytes (NAMEDATALEN - 1).
const LONGEST_NAME: usize = 63;

/// The names in the setting, as PostgreSQL's own grammar (`syncrep_gram.y`) reads it.
///
/// The server has accepted the setting, so what is no name is not looked at closely.
pub(super) fn names(setting: &str) -> Vec<String> {
    let tokens = tokens(setting);
    let (open, close) = match tokens.iter().position(|token| *token == Token::Open) {
        Some(open) => (open + 1, tokens.iter().rposition(|token| *token == Token::Close)),
        None => (0, None),
    };
    let inside = &tokens[open..close.unwrap_or(tokens.len()).max(open)];
    let name = |token: &Token| match token {
        Token::Name(name) => Some(name.clone()),
        Token::Open | Token::Close => None,
    };
    inside.iter().filter_map(name).collect()
}

/// The name in the setting that a walsender called `application_name` matches: its own, whatever
/// the case of its letters, or `*`.
pub(super) fn matching(setting: &str, application_name: &str) -> Option<String> {
    let mut end = application_name.len().min(LONGEST_NAME);
    while !application_name.is_char_boundary(end) {
        end -= 1;
    }
    let ours = &application_name[..end];
    names(setting).into_iter().find(|name| name == "*" || name.eq_ignore_ascii_case(ours))
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Open,
    Close,
}

fn tokens(setting: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = setting.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => {}
            c if c.is_whitespace() => {}
            '"' => {
                let mut name = String::new();
                while let Some(inside) = rest.next() {
                    match inside {
                        // Two are one; one is the end.
                        '"' if rest.peek() == Some(&'"') => {
                            rest.next();
                            name.push('"');
                        }
                        '"' => break,
                        other => name.push(other),
                    }
                }
                tokens.push(Token::Name(name));
            }
            first => {
                let mut name = String::from(first);
                let ends = |c: &char| c.is_whitespace() || ",()\"".contains(*c);
                while let Some(inside) = rest.next_if(|c| !ends(c)) {
                    name.push(inside);
                }
                tokens.push(Token::Name(name));
            }
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_setting_gives_its_names() {
        for (setting, expected) in [
            ("", vec![]),
            ("s1", vec!["s1"]),
            (" s1 , s2 ", vec!["s1", "s2"]),
            ("*", vec!["*"]),
            ("2 (s1, s2)", vec!["s1", "s2"]),
            ("2 (5, s2)", vec!["5", "s2"]),
            ("FIRST 2 (s1,s2)", vec!["s1", "s2"]),
            ("any 1 (*)", vec!["*"]),
            ("ANY 1(\"Odd, (name)\", s2)", vec!["Odd, (name)", "s2"]),
            ("\"say \"\"hi\"\"\"", vec!["say \"hi\""]),
            ("\"*\"", vec!["*"]),
            ("first 1 (\"any\", first)", vec!["any", "first"]),
        ] {
            assert_eq!(names(setting), expected, "{setting}");
        }
    }

    #[test]
    fn a_name_matches_without_regard_to_case_and_a_star_always() {
        for (setting, name, expected) in [
            ("", "postrider", None),
            ("standby", "postrider", None),
            ("PostRider", "postrider", Some("PostRider")),
            ("FIRST 1 (standby, \"POSTRIDER\")", "postrider", Some("POSTRIDER")),
            ("ANY 1 (*)", "postrider", Some("*")),
            ("post, rider", "postrider", None),
            ("postrider_2", "postrider", None),
            ("postrider", "postrider sql", None),
        ] {
            assert_eq!(matching(setting, name).as_deref(), expected, "{setting} {name}");
        }
        let (long, cut) = ("x".repeat(70), "x".repeat(63));
        assert!(matching(&cut, &long).is_some());
        assert!(matching(&long, &long).is_none());
    }
}

//! Template: text with the names of columns in braces, such as `outbox.event.{aggregatetype}`.

use std::{fmt, str::FromStr};

/// A parsed template. `{name}` stands for a column's text, `{{` and `}}` for single braces.
///
/// Column names are as in the catalog, unquoted; any character but a brace is taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text that is the same in every record.
    Literal(String),
    /// The name of a column whose text stands here.
    Column(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// An empty template, an empty column name, or a brace without its partner.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, behind) = rest[at..].split_at(1);
            if let Some(behind) = behind.strip_prefix(brace) {
                literal.push_str(brace);
                rest = behind;
                continue;
            }
            if brace == "}" {
                return Err(TemplateError::Unopened(text.to_owned()));
            }
            let (name, behind) = read_column(text, behind)?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Column(name));
            rest = behind;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Template { text: text.to_owned(), parts })
    }

    /// The pieces in order; no two literals are neighbours and none is empty.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The names of the columns, in order, repeats included.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// What stands between the columns, in order.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Column(_) => None,
        })
    }

    /// The column's name when the template is one column and nothing else.
    pub fn single_column(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Column(name)] => Some(name),
            _ => None,
        }
    }
}

/// Reads a column's name behind its opening brace; gives it and what follows the closing one.
fn read_column<'a>(text: &str, behind: &'a str) -> Result<(String, &'a str), TemplateError> {
    match behind.split_once(['{', '}']) {
        Some((name, rest)) if behind[name.len()..].starts_with('}') => {
            if name.is_empty() {
                Err(TemplateError::EmptyName(text.to_owned()))
            } else {
                Ok((name.to_owned(), rest))
            }
        }
        _ => Err(TemplateError::Unclosed(text.to_owned())),
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Template, TemplateError> {
        Template::parse(text)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Nothing at all.
    #[error("a template cannot be empty")]
    Empty,
    /// `{}`.
    #[error("the template {0:?} has braces without a column name in them")]
    EmptyName(String),
    /// `{` without `}`.
    #[error(
        "the template {0:?} has an opening brace that is not closed (a plain one is written {{{{)"
    )]
    Unclosed(String),
    /// `}` without `{`.
    #[error(
        "the template {0:?} has a closing brace that was not opened (a plain one is written }}}})"
    )]
    Unopened(String),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn literal(text: &str) -> Part {
        Part::Literal(text.into())
    }

    fn column(name: &str) -> Part {
        Part::Column(name.into())
    }

    #[test]
    fn templates_split_into_literals_and_columns() {
        for (text, parts) in [
            ("events", vec![literal("events")]),
            ("{a}", vec![column("a")]),
            ("outbox.event.{kind}", vec![literal("outbox.event."), column("kind")]),
            ("{a}{b}-{a}", vec![column("a"), column("b"), literal("-"), column("a")]),
            ("{Odd \"Name\".x}", vec![column("Odd \"Name\".x")]),
            ("{{a}}", vec![literal("{a}")]),
            ("{{{a}}}", vec![literal("{"), column("a"), literal("}")]),
        ] {
            assert_eq!(Template::parse(text).unwrap().parts(), parts, "{text}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused_with_the_reason() {
        let name = |text: &str| text.to_owned();
        for (text, error) in [
            ("", TemplateError::Empty),
            ("a{}", TemplateError::EmptyName(name("a{}"))),
            ("a{b", TemplateError::Unclosed(name("a{b"))),
            ("a{", TemplateError::Unclosed(name("a{"))),
            ("{a{b}}", TemplateError::Unclosed(name("{a{b}}"))),
            ("a}", TemplateError::Unopened(name("a}"))),
            ("{{a}", TemplateError::Unopened(name("{{a}"))),
        ] {
            assert_eq!(Template::parse(text), Err(error), "{text}");
        }
        assert_eq!(
            Template::parse("a{b").unwrap_err().to_string(),
            "the template \"a{b\" has an opening brace that is not closed (a plain one is written {{)"
        );
    }

    #[test]
    fn columns_are_listed_in_order() {
        let template = Template::parse("{a}.x.{b}").unwrap();
        assert_eq!(template.columns().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn only_a_lone_column_is_a_single_column() {
        assert_eq!(Template::parse("{a}").unwrap().single_column(), Some("a"));
        for text in ["a", "{a}{b}", "{a}.", ".{a}"] {
            assert_eq!(Template::parse(text).unwrap().single_column(), None, "{text}");
        }
    }

    fn parts() -> impl Strategy<Value = Vec<Part>> {
        let part = prop_oneof![
            "[a-z{}. ]{1,8}".prop_map(Part::Literal),
            "[^{}]{1,8}".prop_map(Part::Column),
        ];
        prop::collection::vec(part, 1..6).prop_filter("neighbouring literals are one", |parts| {
            !parts.windows(2).any(|w| matches!(w, [Part::Literal(_), Part::Literal(_)]))
        })
    }

    proptest! {
        #[test]
        fn written_parts_read_back(parts in parts()) {
            let text: String = parts
                .iter()
                .map(|part| match part {
                    Part::Literal(text) => text.replace('{', "{{").replace('}', "}}"),
                    Part::Column(name) => format!("{{{name}}}"),
                })
                .collect();
            let template = Template::parse(&text).unwrap();
            prop_assert_eq!(template.parts(), parts);
            prop_assert_eq!(template.to_string(), text);
        }

        #[test]
        fn any_text_gives_a_template_or_an_error(text: String) {
            let _ = Template::parse(&text);
        }
    }
}

//! One setting's value: read from TOML or from an environment variable, both by its declared kind.

use std::{collections::BTreeMap, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    declared::{Kind, Setting},
    error::{Error, Origin},
    units::{self, UnitError},
};

/// A value of one of the declared kinds. It may be a secret, so it has no `Debug`.
#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    Switch(bool),
    Count(u64),
    Duration(Duration),
    Size(u64),
    List(Vec<String>),
    Map(BTreeMap<String, Entry>),
}

/// One entry of a map. It has an origin of its own, since the environment adds to the file's.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// Reads values of one setting from one source.
pub(super) struct Reader<'a> {
    pub(super) setting: &'static Setting,
    /// Where the byte at this offset of the source is.
    pub(super) origin_at: &'a dyn Fn(usize) -> Origin,
}

impl Reader<'_> {
    /// Reads a value of the settings file.
    pub(super) fn toml(&self, value: &Spanned<DeValue<'_>>) -> Result<Value, Error> {
        let at = value.span().start;
        match (self.setting.kind, value.get_ref()) {
            (
                Kind::Text
                | Kind::TextOrNone
                | Kind::ConnInfo
                | Kind::Path
                | Kind::Choice(_)
                | Kind::Duration(..)
                | Kind::Size(..),
                DeValue::String(text),
            ) => self.scalar(text, at),
            (Kind::Duration(..) | Kind::Size(..) | Kind::Count(..), DeValue::Integer(number)) => {
                // Hexadecimal and friends are written out first, so that one reader serves all.
                match u64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(plain) => self.scalar(&plain.to_string(), at),
                    Err(_) => self.scalar(&number.to_string(), at),
                }
            }
            (Kind::Switch, DeValue::Boolean(on)) => Ok(Value::Switch(*on)),
            (Kind::List, DeValue::Array(items)) => self.list(items),
            (Kind::Options | Kind::Files, DeValue::Table(table)) => {
                let mut map = BTreeMap::new();
                self.entries("", table, &mut map)?;
                Ok(Value::Map(map))
            }
            (_, other) => Err(self.mismatch(other, at)),
        }
    }

    /// Reads the text of an environment variable, or of a declared default.
    pub(super) fn text(&self, text: &str) -> Result<Value, Error> {
        match self.setting.kind {
            Kind::Switch => match text {
                "true" => Ok(Value::Switch(true)),
                "false" => Ok(Value::Switch(false)),
                _ => Err(self.wrong(
                    0,
                    format!("is {text:?}, neither true nor false"),
                    "write true or false",
                )),
            },
            Kind::List | Kind::Options | Kind::Files => match DeValue::parse(text) {
                Ok(value) => self.toml(&value),
                // The text may hold a secret, so the sentence repeats nothing of it.
                Err(_) => Err(self.wrong(
                    0,
                    format!("is not {}, as TOML writes it", self.expected()),
                    format!("write, for example, {}", self.form()),
                )),
            },
            _ => self.scalar(text, 0),
        }
    }

    fn scalar(&self, text: &str, at: usize) -> Result<Value, Error> {
        if text.trim().is_empty() && self.setting.kind != Kind::TextOrNone {
            return Err(self.wrong(at, "is empty", "give it a value, or leave it out"));
        }
        match self.setting.kind {
            Kind::Choice(words) if !words.contains(&text) => Err(self.no_choice(text, words, at)),
            Kind::Count(least, most) => match text.parse::<u64>() {
                Ok(count) if (least..=most).contains(&count) => Ok(Value::Count(count)),
                _ => {
                    let hint = format!("write {} = {}", self.setting.name(), self.form());
                    Err(self.wrong(at, format!("is {text}; expected is {}", self.expected()), hint))
                }
            },
            Kind::Duration(least, most) => {
                let value = units::parse_duration(text).map_err(|e| self.unit(e, at))?;
                let bounds = [least, most].map(Duration::from_millis);
                self.bounded(value, bounds, units::duration_text, at).map(Value::Duration)
            }
            Kind::Size(least, most) => {
                let value = units::parse_size(text).map_err(|e| self.unit(e, at))?;
                self.bounded(value, [least, most], units::size_text, at).map(Value::Size)
            }
            _ => Ok(Value::Text(text.to_owned())),
        }
    }

    fn list(&self, items: &[Spanned<DeValue<'_>>]) -> Result<Value, Error> {
        let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            other => Err(self.mismatch(other, item.span().start)),
        };
        Ok(Value::List(items.iter().map(text).collect::<Result<_, _>>()?))
    }

    /// Flattens `compression.type = "lz4"`, two nested tables to TOML, into the option's name.
    fn entries(
        &self,
        prefix: &str,
        table: &DeTable<'_>,
        into: &mut BTreeMap<String, Entry>,
    ) -> Result<(), Error> {
        for (key, value) in table {
            let (name, at) = (format!("{prefix}{}", key.get_ref()), value.span().start);
            let text = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.entries(&format!("{name}."), inner, into)?;
                    continue;
                }
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if self.setting.kind == Kind::Options => {
                    number.to_string()
                }
                DeValue::Boolean(on) if self.setting.kind == Kind::Options => on.to_string(),
                other => {
                    let kind = other.type_str();
                    return Err(self.wrong_entry(
                        &name,
                        at,
                        format!("is of type {kind}, not a text"),
                    ));
                }
            };
            let entry = Entry { text, origin: (self.origin_at)(key.span().start) };
            if into.insert(name.clone(), entry).is_some() {
                return Err(self.wrong_entry(&name, at, "is given twice".to_owned()));
            }
        }
        Ok(())
    }

    fn bounded<T: PartialOrd + Copy>(
        &self,
        value: T,
        [least, most]: [T; 2],
        write: fn(T) -> String,
        at: usize,
    ) -> Result<T, Error> {
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        let problem =
            format!("is {}, outside of {} to {}", write(value), write(least), write(most));
        Err(self.wrong(at, problem, format!("write {} = {}", self.setting.name(), self.form())))
    }

    fn unit(&self, error: UnitError, at: usize) -> Error {
        let name = self.setting.name();
        let hint = match error.instead {
            Some(instead) => format!("write {name} = \"{instead}\""),
            None => format!("write {name} = {}", self.form()),
        };
        self.wrong(at, error.problem, hint)
    }

    fn no_choice(&self, text: &str, words: &[&str], at: usize) -> Error {
        let problem = match text {
            "dead-letter" => "is \"dead-letter\", which this version does not have".to_owned(),
            _ => format!("is {text:?}; expected is {}", self.expected()),
        };
        let nearest =
            super::nearest::nearest(text, words.iter().copied()).or(words.first().copied());
        let hint = format!("write {} = \"{}\"", self.setting.name(), nearest.unwrap_or_default());
        self.wrong(at, problem, hint)
    }

    fn mismatch(&self, value: &DeValue<'_>, at: usize) -> Error {
        let problem = format!("is of type {}; expected is {}", value.type_str(), self.expected());
        self.wrong(at, problem, format!("write {} = {}", self.setting.name(), self.form()))
    }

    fn wrong_entry(&self, name: &str, at: usize, problem: String) -> Error {
        let hint = format!("write {} = {}", self.setting.name(), self.form());
        self.wrong(at, format!("entry {name:?} {problem}"), hint)
    }

    fn wrong(&self, at: usize, problem: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Wrong {
            origin: (self.origin_at)(at),
            key: self.setting.key.to_owned(),
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    fn expected(&self) -> String {
        match self.setting.kind {
            Kind::Text | Kind::TextOrNone | Kind::ConnInfo => "a text".to_owned(),
            Kind::Path => "the path of a file".to_owned(),
            Kind::Choice([word]) => format!("\"{word}\""),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Switch => "true or false".to_owned(),
            Kind::Count(least, most) => format!("a whole number from {least} to {most}"),
            Kind::Duration(..) => "a duration with its unit".to_owned(),
            Kind::Size(..) => "a size with its unit".to_owned(),
            Kind::List => "a list of texts".to_owned(),
            Kind::Options => "a table of options".to_owned(),
            Kind::Files => "a table of options and files".to_owned(),
        }
    }

    /// How a right value looks in the file.
    fn form(&self) -> String {
        match self.setting.kind {
            Kind::Options => r#"{ "security.protocol" = "SASL_SSL" }"#.to_owned(),
            Kind::Files => r#"{ "sasl.password" = "/run/secrets/kafka" }"#.to_owned(),
            _ => super::sample::sample(self.setting),
        }
    }
}

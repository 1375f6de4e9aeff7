//! Where values come from: the settings file and the environment. Unknown names are refused here.

use std::{collections::BTreeMap, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    declared::{self, DECLARED, Setting},
    error::{Error, Origin},
    nearest::nearest,
    value::{Reader, Value},
};

/// Names the settings file; a setting of none.
const FILE_VARIABLE: &str = "POSTRIDER_CONFIG";
const DEFAULT_FILE: &str = "postrider.toml";

/// What a person wrote: a file's text and environment variables, not yet understood.
///
/// Has no `Debug`, since both may hold secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file as it was named, and its text.
    pub file: Option<(String, String)>,
    /// Variables that begin with `POSTRIDER_`; others are ignored.
    pub variables: BTreeMap<String, String>,
}

/// Values by key, each with its origin.
pub(super) type Layer = BTreeMap<&'static str, (Value, Origin)>;

impl Sources {
    /// Reads the environment and the file: `named`, else `POSTRIDER_CONFIG`, else
    /// `./postrider.toml` if there is one.
    ///
    /// # Errors
    /// When a named file cannot be read, or when there is neither file nor variable.
    pub fn gather(named: Option<&Path>) -> Result<Sources, Error> {
        let mut variables = environment()?;
        let from_variable = variables.remove(FILE_VARIABLE).filter(|path| !path.is_empty());
        let named = named.map(|path| path.display().to_string()).or(from_variable);
        let path = named.clone().unwrap_or_else(|| DEFAULT_FILE.to_owned());
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => {
                let why = match e.kind() {
                    std::io::ErrorKind::InvalidData => "it is no text in UTF-8".to_owned(),
                    _ => e.to_string().to_lowercase(),
                };
                let why = why.split(" (os error").next().unwrap_or_default().to_owned();
                return Err(Error::Unreadable { path, why });
            }
        };
        let nothing =
            file.is_none() && variables.iter().all(|(name, text)| is_service_link(name, text));
        if nothing { Err(Error::NothingSet) } else { Ok(Sources { file, variables }) }
    }

    /// The file's values.
    pub(super) fn file_layer(&self) -> Result<Layer, Error> {
        let mut layer = Layer::new();
        if let Some((path, text)) = &self.file {
            let file = File { path, text };
            let document = DeTable::parse(text).map_err(|e| Error::NotToml {
                path: path.clone(),
                line: file.line(e.span().map_or(0, |span| span.start)),
                why: e
                    .message()
                    .lines()
                    .filter(|line| *line != "expected nothing")
                    .collect::<Vec<_>>()
                    .join(", "),
            })?;
            file.section("", document.get_ref(), &mut layer)?;
        }
        Ok(layer)
    }

    /// The environment's values.
    pub(super) fn environment_layer(&self) -> Result<Layer, Error> {
        let mut layer = Layer::new();
        for (name, text) in &self.variables {
            if !name.starts_with("POSTRIDER_")
                || name == FILE_VARIABLE
                || is_service_link(name, text)
            {
                continue;
            }
            let Some(setting) = DECLARED.iter().find(|setting| setting.variable() == *name) else {
                return Err(unknown_variable(name));
            };
            let origin = Origin::Environment { name: name.clone() };
            let reader = Reader { setting, origin_at: &|_| origin.clone() };
            layer.insert(setting.key, (reader.text(text)?, origin.clone()));
        }
        Ok(layer)
    }
}

struct File<'a> {
    path: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn section(&self, prefix: &str, table: &DeTable<'_>, into: &mut Layer) -> Result<(), Error> {
        // In the order of the file, so that the first mistake is told first.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let at = key.span().start;
            let name = key.get_ref();
            // A quoted name may hold a dot; it is no path then.
            let path = match name.contains('.') {
                true => format!("{prefix}{name:?}"),
                false => format!("{prefix}{name}"),
            };
            if let Some(setting) = declared::find(&path) {
                let reader = Reader { setting, origin_at: &|offset| self.origin(offset) };
                into.insert(setting.key, (reader.toml(value)?, self.origin(at)));
            } else if is_section(&path) {
                let inner = self.table(&path, value, at)?;
                self.section(&format!("{path}."), inner, into)?;
            } else {
                return Err(self.unknown(&path, at));
            }
        }
        Ok(())
    }

    fn table<'v, 'i>(
        &self,
        path: &str,
        value: &'v Spanned<DeValue<'i>>,
        at: usize,
    ) -> Result<&'v DeTable<'i>, Error> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            other => Err(Error::Wrong {
                origin: self.origin(at),
                key: path.to_owned(),
                problem: format!("is of type {}; expected is a section", other.type_str()),
                hint: format!("begin the section with [{path}], its settings in the lines below"),
            }),
        }
    }

    fn unknown(&self, path: &str, at: usize) -> Error {
        let names = DECLARED.iter().flat_map(|setting| [setting.key, setting.section()]);
        Error::UnknownKey {
            origin: self.origin(at),
            key: path.escape_debug().to_string().replace("\\\"", "\""),
            nearest: nearest(path, names),
        }
    }

    fn origin(&self, offset: usize) -> Origin {
        Origin::File { path: self.path.to_owned(), line: self.line(offset) }
    }

    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }
}

fn is_section(path: &str) -> bool {
    let inside = |setting: &Setting| {
        setting.key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
    };
    DECLARED.iter().any(inside)
}

fn unknown_variable(name: &str) -> Error {
    let names: Vec<String> = DECLARED.iter().map(Setting::variable).collect();
    let nearest = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
    Error::UnknownVariable { name: name.to_owned(), nearest }
}

/// Kubernetes gives every pod variables about each service of its namespace, and a service in front
/// of Postrider is likely to be called "postrider". No setting of ours looks like one of these.
fn is_service_link(name: &str, value: &str) -> bool {
    let numbered = name.split("_PORT_").nth(1);
    !name.contains("__")
        && (name.ends_with("_SERVICE_HOST")
            || name.ends_with("_SERVICE_PORT")
            || name.contains("_SERVICE_PORT_")
            || name.ends_with("_PORT") && value.contains("://")
            || numbered.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())))
}

fn environment() -> Result<BTreeMap<String, String>, Error> {
    let mut variables = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("POSTRIDER_") {
            let value = value.into_string().map_err(|_| Error::Wrong {
                origin: Origin::Environment { name: name.clone() },
                key: "the value".to_owned(),
                problem: "is not valid UTF-8".to_owned(),
                hint: format!("set {name} to a text in UTF-8"),
            })?;
            variables.insert(name, value);
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_kubernetes_sets_for_a_service_are_no_settings() {
        for (name, value) in [
            ("POSTRIDER_SERVICE_HOST", "10.0.0.1"),
            ("POSTRIDER_SERVICE_PORT", "9464"),
            ("POSTRIDER_SERVICE_PORT_HTTP", "9464"),
            ("POSTRIDER_PORT", "tcp://10.0.0.1:9464"),
            ("POSTRIDER_PORT_9464_TCP_ADDR", "10.0.0.1"),
            ("POSTRIDER_METRICS_SERVICE_HOST", "10.0.0.1"),
            ("POSTRIDER_METRICS_PORT_9464_TCP", "tcp://10.0.0.1:9464"),
        ] {
            assert!(is_service_link(name, value), "{name} would be refused");
        }
        for (name, value) in [
            ("POSTRIDER_HTTP__PORT", "tcp://10.0.0.1:9464"),
            ("POSTRIDER_HTTP_PORT", "9464"),
            ("POSTRIDER_KAFKA_BROKERS", "a:1"),
        ] {
            assert!(!is_service_link(name, value), "{name} would be ignored");
        }
    }
}

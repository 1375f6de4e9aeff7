//! The layers on top of each other: default, file, environment.

use std::{collections::BTreeMap, path::Path, time::Duration};

use super::{
    declared::{Absent, DECLARED, Kind, Setting},
    error::{Error, Origin},
    sample::follow,
    source::{Layer, Sources},
    value::{Entry, Reader, Value},
};

/// The effective value of every setting, and where it came from.
///
/// Holds secrets as they were written, so it has no `Debug`; [`Settings::to_text`] hides them.
#[derive(Clone)]
pub struct Settings {
    values: Layer,
}

impl Settings {
    /// Reads the file and the environment; see [`Sources::gather`].
    ///
    /// # Errors
    /// When a source cannot be read, or holds an unknown name or a wrong value.
    pub fn load(file: Option<&Path>) -> Result<Settings, Error> {
        Settings::read(&Sources::gather(file)?)
    }

    /// Understands `sources` and fills in the defaults. Required ones may still be missing.
    ///
    /// # Errors
    /// When a name is unknown or a value is not of its setting's kind.
    pub fn read(sources: &Sources) -> Result<Settings, Error> {
        let mut layers = [sources.environment_layer()?, sources.file_layer()?];
        let mut settings = Settings { values: Layer::new() };
        for setting in DECLARED {
            let mut found = settings.default(setting)?;
            for layer in layers.iter_mut().rev() {
                found = match (found, layer.remove(setting.key)) {
                    (Some((below, _)), Some((above, origin))) => {
                        Some((merge(below, above), origin))
                    }
                    (below, above) => above.or(below),
                };
            }
            if let Some(found) = found {
                settings.values.insert(setting.key, found);
            }
        }
        Ok(settings)
    }

    /// The value and its origin, when there is one.
    pub(super) fn given(&self, key: &str) -> Option<&(Value, Origin)> {
        self.values.get(key)
    }

    /// Where the value came from.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.given(key).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    pub(super) fn text(&self, key: &'static str) -> Result<&str, Error> {
        self.optional_text(key).ok_or(Error::Missing { key })
    }

    pub(super) fn optional_text(&self, key: &str) -> Option<&str> {
        match self.given(key) {
            Some((Value::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn switch(&self, key: &'static str) -> Result<bool, Error> {
        match self.given(key) {
            Some((Value::Switch(on), _)) => Ok(*on),
            _ => Err(Error::Missing { key }),
        }
    }

    pub(super) fn count(&self, key: &str) -> Option<u64> {
        match self.given(key) {
            Some((Value::Count(count), _)) => Some(*count),
            _ => None,
        }
    }

    pub(super) fn duration(&self, key: &'static str) -> Result<Duration, Error> {
        match self.given(key) {
            Some((Value::Duration(duration), _)) => Ok(*duration),
            _ => Err(Error::Missing { key }),
        }
    }

    pub(super) fn size(&self, key: &'static str) -> Result<u64, Error> {
        match self.given(key) {
            Some((Value::Size(bytes), _)) => Ok(*bytes),
            _ => Err(Error::Missing { key }),
        }
    }

    pub(super) fn list(&self, key: &'static str) -> Result<&[String], Error> {
        match self.given(key) {
            Some((Value::List(items), _)) => Ok(items),
            _ => Err(Error::Missing { key }),
        }
    }

    pub(super) fn map(&self, key: &'static str) -> Result<&BTreeMap<String, Entry>, Error> {
        match self.given(key) {
            Some((Value::Map(map), _)) => Ok(map),
            _ => Err(Error::Missing { key }),
        }
    }

    fn default(&self, setting: &'static Setting) -> Result<Option<(Value, Origin)>, Error> {
        let Absent::Default(text) = setting.absent else { return Ok(None) };
        let text = follow(text, |key| {
            let value = self.optional_text(key).unwrap_or_default();
            // Inside a list the value stands between quotes and may hold some itself.
            let quoted = serde_json::Value::from(value).to_string();
            match setting.kind {
                Kind::List => quoted[1..quoted.len() - 1].to_owned(),
                _ => value.to_owned(),
            }
        });
        let value = Reader { setting, origin_at: &|_| Origin::Default }.text(&text)?;
        Ok(Some((value, Origin::Default)))
    }
}

/// Options of the environment are added to the file's; all else replaces what is below.
fn merge(below: Value, above: Value) -> Value {
    match (below, above) {
        (Value::Map(mut map), Value::Map(above)) => {
            map.extend(above);
            Value::Map(map)
        }
        (_, above) => above,
    }
}

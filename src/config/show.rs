//! Settings as people see them: the effective ones, the commented file, the README's table.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{
    declared::{Absent, DECLARED, Kind, Setting},
    error::Origin,
    sample::sample,
    settings::Settings,
    units,
    value::Value,
};
use crate::{kafka::options::is_secret, postgres::ConnInfo};

const HIDDEN: &str = "(hidden)";

/// One line of `postrider settings`.
struct Row {
    setting: &'static Setting,
    /// The entry's name, when the setting is a map.
    option: Option<String>,
    /// None: off.
    value: Option<Json>,
    origin: Origin,
}

#[derive(Serialize)]
struct JsonRow<'a> {
    key: String,
    value: &'a Option<Json>,
    from: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<&'a str>,
}

impl Settings {
    /// The effective settings as TOML, each with where it came from. Secrets are hidden.
    pub fn to_text(&self) -> String {
        let rows: Vec<Row> = self.rows();
        let lines: Vec<String> = rows.iter().map(Row::to_toml).collect();
        // A very long line stands out alone instead of pushing every comment to the right.
        let width = lines.iter().map(|line| line.chars().count()).filter(|w| *w <= 60).max();
        let width = width.unwrap_or_default();
        let (mut text, mut section) = (String::new(), "");
        for (row, line) in rows.iter().zip(&lines) {
            if row.setting.section() != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                section = row.setting.section();
                let _ = writeln!(text, "{gap}[{section}]");
            }
            let _ = match row.value {
                Some(_) => writeln!(text, "{line:width$}  # {}", row.origin),
                None => writeln!(text, "{line}"),
            };
        }
        text
    }

    /// The same for programs: an array of objects with `key`, `value`, `from` and, by origin,
    /// `file` and `line`, or `variable`. A value that is off is null.
    pub fn to_json(&self) -> String {
        let rows = self.rows();
        let rows: Vec<String> = rows.iter().map(|row| row.to_json()).collect();
        format!("[\n  {}\n]\n", rows.join(",\n  "))
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for setting in DECLARED {
            match self.given(setting.key) {
                Some((Value::Map(map), _)) if !map.is_empty() => {
                    for (name, entry) in map {
                        // A value from a file is not here: only the file's path is.
                        let hide = setting.kind == Kind::Options && is_secret(name);
                        let text = if hide { HIDDEN } else { &entry.text };
                        let origin = entry.origin.clone();
                        let option = Some(name.clone());
                        rows.push(Row { setting, option, value: Some(json!(text)), origin });
                    }
                }
                given => rows.push(Row {
                    setting,
                    option: None,
                    value: given.map(|(value, _)| shown(setting, value)),
                    origin: self.origin(setting.key),
                }),
            }
        }
        rows
    }
}

impl Row {
    // JSON's texts, numbers and lists are valid TOML as they are; only tables differ, and the one
    // table that gets here is empty.
    fn to_toml(&self) -> String {
        let name = match &self.option {
            Some(option) => format!("{}.{}", self.setting.name(), json!(option)),
            None => self.setting.name().to_owned(),
        };
        match &self.value {
            Some(Json::Array(items)) => {
                let items: Vec<String> = items.iter().map(Json::to_string).collect();
                format!("{name} = [{}]", items.join(", "))
            }
            Some(value) => format!("{name} = {value}"),
            None => format!("# {name} is not set"),
        }
    }

    fn to_json(&self) -> String {
        let (from, file, line, variable) = match &self.origin {
            Origin::Default => ("default", None, None, None),
            Origin::File { path, line } => ("file", Some(path.as_str()), Some(*line), None),
            Origin::Environment { name } => ("environment", None, None, Some(name.as_str())),
        };
        let key = match &self.option {
            Some(option) => format!("{}.{option}", self.setting.key),
            None => self.setting.key.to_owned(),
        };
        let row = JsonRow { key, value: &self.value, from, file, line, variable };
        // Texts, numbers and lists of texts always have a JSON form.
        serde_json::to_string(&row).unwrap_or_default()
    }
}

fn shown(setting: &Setting, value: &Value) -> Json {
    match value {
        Value::Text(text) if setting.kind == Kind::ConnInfo => json!(without_password(text)),
        Value::Text(text) => json!(text),
        Value::Switch(on) => json!(on),
        Value::Count(count) => json!(count),
        Value::Duration(duration) => json!(units::duration_text(*duration)),
        Value::Size(bytes) => json!(units::size_text(*bytes)),
        Value::List(items) => json!(items),
        Value::Map(_) => json!({}),
    }
}

fn without_password(text: &str) -> String {
    match text.parse::<ConnInfo>() {
        Ok(conninfo) if conninfo.has_password() => conninfo.to_string(),
        Ok(_) => text.to_owned(),
        // What cannot be understood cannot be searched for a password either.
        Err(_) => HIDDEN.to_owned(),
    }
}

/// A settings file with every setting explained. What has a default is commented out, so that the
/// file says nothing that a later version's default would have to argue with.
pub fn example() -> String {
    let mut text = String::from(
        "# Postrider's settings. Every one can also be set by the environment, which wins:\n\
         # [kafka] brokers is POSTRIDER_KAFKA__BROKERS. A line that begins with # and a name is\n\
         # a default, or an example where it says so. Durations and sizes have units.\n",
    );
    let mut section = "";
    for setting in DECLARED {
        text.push('\n');
        if setting.section() != section {
            section = setting.section();
            let _ = writeln!(text, "[{section}]");
        }
        for line in wrapped(setting.doc) {
            let _ = writeln!(text, "# {line}");
        }
        let mark = match setting.absent {
            Absent::Required(_) => "# Required.\n",
            Absent::Default(_) => "#",
            Absent::Off(_) => "# Not set; an example:\n#",
        };
        let _ = writeln!(text, "{mark}{} = {}", setting.name(), sample(setting));
    }
    text
}

/// The README's table of settings, in Markdown; a row for each, in the order of the file.
pub fn readme_table() -> String {
    let mut text = String::from("| setting | default | meaning |\n| --- | --- | --- |\n");
    for setting in DECLARED {
        let default = match setting.absent {
            Absent::Required(_) => "required".to_owned(),
            Absent::Off(_) => "not set".to_owned(),
            Absent::Default(_) => format!("`{}`", sample(setting)),
        };
        let doc = setting.doc.replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {default} | {doc} |", setting.key);
    }
    text
}

fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 90;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_table_has_one_whole_row_for_each_setting() {
        let table = readme_table();
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(rows.len(), DECLARED.len());
        for (row, setting) in rows.iter().zip(DECLARED) {
            assert!(row.starts_with(&format!("| `{}` | ", setting.key)), "{row}");
            assert_eq!(row.replace("\\|", "").matches('|').count(), 4, "{row}");
        }
    }

    #[test]
    fn long_paragraphs_are_wrapped_and_lose_no_word() {
        let text = "word ".repeat(60);
        let lines = wrapped(&text);
        assert!(lines.iter().all(|line| line.len() <= 90 && !line.is_empty()), "{lines:?}");
        assert_eq!(lines.join(" "), text.trim_end());
    }
}

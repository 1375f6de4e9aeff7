//! Settings as people see them: the effective ones, the commented file, the README's table.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::{
    declared::{Absent, DECLARED, Kind, Setting, find},
    error::Origin,
    settings::{Settings, follow},
    units,
    value::Value,
};
use crate::{kafka::options::is_secret, postgres::ConnInfo};

const HIDDEN: &str = "(hidden)";

/// One line of `postrider settings`.
struct Row {
    setting: &'static Setting,
    /// The name in its section; an option's name for an entry of a map.
    name: String,
    /// None: off.
    value: Option<Json>,
    origin: Origin,
}

impl Settings {
    /// The effective settings as TOML, each with where it came from. Secrets are hidden.
    pub fn to_text(&self) -> String {
        let rows: Vec<Row> = self.rows();
        let lines: Vec<String> = rows.iter().map(Row::to_toml).collect();
        let width = lines.iter().map(|line| line.chars().count()).filter(|w| *w <= 60).max();
        let width = width.unwrap_or_default();
        let (mut text, mut section) = (String::new(), "");
        for (row, line) in rows.iter().zip(&lines) {
            if row.setting.section() != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                section = row.setting.section();
                let _ = writeln!(text, "{gap}[{section}]");
            }
            let _ = writeln!(text, "{line:width$}  # {}", row.origin);
        }
        text
    }

    /// The same for programs: an array of objects with `key`, `value`, `from` and, by origin,
    /// `file` and `line`, or `variable`. A value that is off is null.
    pub fn to_json(&self) -> String {
        let rows: Vec<Json> = self.rows().iter().map(Row::to_json).collect();
        let mut text = format!("{:#}", Json::Array(rows));
        text.push('\n');
        text
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
                        let name = format!("{}.{}", setting.name(), json!(name));
                        rows.push(Row { setting, name, value: Some(json!(text)), origin });
                    }
                }
                given => rows.push(Row {
                    setting,
                    name: setting.name().to_owned(),
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
        match &self.value {
            Some(Json::Array(items)) => {
                let items: Vec<String> = items.iter().map(Json::to_string).collect();
                format!("{} = [{}]", self.name, items.join(", "))
            }
            Some(value) => format!("{} = {value}", self.name),
            None => format!("# {} is not set", self.name),
        }
    }

    fn to_json(&self) -> Json {
        let key = format!("{}.{}", self.setting.section(), self.name.replace('"', ""));
        let mut row = json!({ "key": key, "value": self.value });
        match &self.origin {
            Origin::Default => row["from"] = json!("default"),
            Origin::File { path, line } => {
                row["from"] = json!("file");
                row["file"] = json!(path);
                row["line"] = json!(line);
            }
            Origin::Environment { name } => {
                row["from"] = json!("environment");
                row["variable"] = json!(name);
            }
        }
        row
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
        if setting.section() != section {
            section = setting.section();
            let _ = write!(text, "\n[{section}]\n");
        }
        let (mark, note) = match setting.absent {
            Absent::Required(_) => ("", " Required."),
            Absent::Default(_) => ("#", ""),
            Absent::Off(_) => ("#", " Not set; an example:"),
        };
        for line in wrapped(&format!("{}{note}", setting.doc)) {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "{mark}{} = {}", setting.name(), sample(setting));
    }
    text
}

/// The README's table of settings, in Markdown.
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

/// The default, or else the example, as the file writes it.
pub(super) fn sample(setting: &Setting) -> String {
    let text = sample_text(setting);
    match setting.kind {
        Kind::Switch | Kind::Count(..) | Kind::List | Kind::Options | Kind::Files => text,
        _ => json!(text).to_string(),
    }
}

fn sample_text(setting: &Setting) -> String {
    let (Absent::Default(text) | Absent::Off(text) | Absent::Required(text)) = setting.absent;
    follow(text, |key| find(key).map(sample_text).unwrap_or_default())
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

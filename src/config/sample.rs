//! Sample: how a setting's default, or else its example, is written in the file.

use serde_json::json;

use super::declared::{Absent, Kind, Setting, find};

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

/// Puts the value of each `<key>` in its place. `<key as name>` becomes `value as name`, or the
/// value alone where it is that name already.
pub(super) fn follow(text: &str, value_of: impl Fn(&str) -> String) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, (key, after))) =
        rest.split_once('<').and_then(|(before, tail)| Some((before, tail.split_once('>')?)))
    {
        whole.push_str(before);
        match key.split_once(" as ") {
            None => whole.push_str(&value_of(key)),
            Some((key, name)) => match value_of(key) {
                value if value == name => whole.push_str(name),
                value => whole.push_str(&format!("{value} as {name}")),
            },
        }
        rest = after;
    }
    whole + rest
}

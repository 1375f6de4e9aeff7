//! A preflight: what `postrider check --json` says of a stage.

use serde_json::Value;

use super::{
    said::{Said, said},
    stage::Stage,
};

/// What the command said.
pub struct Preflight {
    pub code: i32,
    report: Value,
}

/// Runs `postrider check --json` with further arguments.
#[track_caller]
pub fn preflight(stage: &Stage<'_>, arguments: &[&str]) -> Preflight {
    let Said { code, out, err } = said(stage.command(&[&["check", "--json"], arguments].concat()));
    assert_eq!(err, "", "nothing belongs on stderr: {out}");
    let report = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"));
    Preflight { code, report }
}

impl Preflight {
    /// The lines that are not ok, as `name state`.
    pub fn troubles(&self) -> Vec<String> {
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let bad = self.lines().iter().filter(|line| line["state"] != "ok");
        bad.map(|line| format!("{} {}", text(line, "name"), text(line, "state"))).collect()
    }

    /// Fails unless there is a line `name` with this state and `part` in its sentence, and a hint
    /// just if it is not ok. Returns the hint.
    #[track_caller]
    pub fn shows(&self, name: &str, state: &str, part: &str) -> String {
        let found: Vec<&Value> = self.lines().iter().filter(|line| line["name"] == name).collect();
        let fits = |line: &&&Value| {
            let sentence = line["sentence"].as_str().unwrap_or_default();
            line["state"] == state && sentence.contains(part)
        };
        let Some(line) = found.iter().find(fits) else {
            panic!("no line {name} is {state} with {part:?}: {found:#?}\n{}", self.report);
        };
        assert_eq!(line["hint"].is_string(), state != "ok", "{line}");
        line["hint"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether there is a line `name`.
    pub fn has(&self, name: &str) -> bool {
        self.lines().iter().any(|line| line["name"] == name)
    }

    /// A value beside the lines.
    pub fn value(&self, name: &str) -> &Value {
        &self.report[name]
    }

    fn lines(&self) -> &[Value] {
        self.report["lines"].as_array().map_or(&[], Vec::as_slice)
    }
}

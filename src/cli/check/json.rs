//! A check's report as JSON.

use serde::Serialize;

use crate::check::{Line, Report, State};

#[derive(Serialize)]
struct Shown<'a> {
    ok: usize,
    warnings: usize,
    faults: usize,
    exit_code: u8,
    not_examined: Vec<&'static str>,
    lines: Vec<ShownLine<'a>>,
}

#[derive(Serialize)]
struct ShownLine<'a> {
    area: &'static str,
    name: &'static str,
    state: &'static str,
    sentence: &'a str,
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    topics: &'a [String],
}

/// One object: counts, exit code, and the lines in the order in which people see them.
pub(super) fn render(report: &Report) -> String {
    let shown = Shown {
        ok: report.count(State::Ok),
        warnings: report.count(State::Warning),
        faults: report.count(State::Fault),
        exit_code: report.exit_code(),
        not_examined: report.not_examined.iter().map(|area| area.label()).collect(),
        lines: report.lines.iter().map(shown).collect(),
    };
    let text = serde_json::to_string_pretty(&shown).expect("texts and numbers always serialise");
    text + "\n"
}

fn shown(line: &Line) -> ShownLine<'_> {
    ShownLine {
        area: line.area.label(),
        name: line.name,
        state: line.state.label(),
        sentence: &line.sentence,
        hint: line.hint.as_deref(),
        topics: &line.topics,
    }
}

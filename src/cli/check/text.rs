//! A check's report for people: grouped, aligned, calm.

use crate::check::{Area, Line, Report, State};

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Whether the state of a line has a colour.
    pub(super) colour: bool,
    /// Columns after which to go on below; `None` leaves each line whole, for `grep`.
    pub(super) width: Option<usize>,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

/// The widest of ok, warning and fault.
const STATE_WIDTH: usize = 7;

const HINT: &str = "hint: ";

/// Where sentences and hints begin.
const INDENT: usize = 2 + STATE_WIDTH + 2;

/// The whole report: a heading and its lines for each area, then the counts.
pub(super) fn render(report: &Report, style: Style) -> String {
    let mut out = String::new();
    for area in Area::ALL {
        let lines: Vec<&Line> = report.lines.iter().filter(|line| line.area == area).collect();
        let skipped = report.not_examined.contains(&area);
        if lines.is_empty() && !skipped {
            continue;
        }
        out.push_str(&painted(area.title(), BOLD, style));
        out.push('\n');
        for line in lines {
            push_line(&mut out, line, style);
        }
        if skipped {
            out.push_str(&format!("  {}\n", painted("not examined", DIM, style)));
        }
        out.push('\n');
    }
    out.push_str(&counts(report, style));
    out
}

fn push_line(out: &mut String, line: &Line, style: Style) {
    let colour = match line.state {
        State::Ok => GREEN,
        State::Warning => YELLOW,
        State::Fault => RED,
    };
    let label = line.state.label();
    let space = " ".repeat(STATE_WIDTH - label.len() + 2);
    out.push_str(&format!("  {}{space}", painted(label, colour, style)));
    out.push_str(&wrapped(&line.sentence, style));
    if let Some(hint) = &line.hint {
        let hint = wrapped(&format!("{HINT}{hint}"), style);
        out.push_str(&" ".repeat(INDENT));
        out.push_str(&hint.replacen(HINT, &painted(HINT, DIM, style), 1));
    }
}

/// The text with its line ends; what does not fit the width goes on below the first word.
fn wrapped(text: &str, style: Style) -> String {
    let room = style.width.map_or(usize::MAX, |width| width.saturating_sub(INDENT).max(1));
    let mut rows: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match rows.last_mut() {
            Some(row) if row.chars().count() + 1 + word.chars().count() <= room => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows.join(&format!("\n{}", " ".repeat(INDENT))) + "\n"
}

/// `21 ok, 2 warnings, no faults.`
fn counts(report: &Report, style: Style) -> String {
    let several = |number: usize, noun: &str| match number {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    };
    let part = |state: State, noun: &str, colour: &str| match report.count(state) {
        0 => several(0, noun),
        number => painted(&several(number, noun), colour, style),
    };
    let ok = report.count(State::Ok);
    let (warnings, faults) =
        (part(State::Warning, "warning", YELLOW), part(State::Fault, "fault", RED));
    format!("{ok} ok, {warnings}, {faults}.\n")
}

fn painted(text: &str, code: &str, style: Style) -> String {
    match style.colour {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false, width: None };

    fn report() -> Report {
        let warning = "max_slot_wal_keep_size is -1: a slot that lags can fill the disk";
        let lines = vec![
            Line::ok(Area::Postgres, "wal_level", "wal_level is logical"),
            Line::warning(Area::Postgres, "keep", warning, "set it to what the disk can spare"),
            Line::fault(Area::Kafka, "brokers", "Kafka is away", "start it"),
        ];
        Report { lines, not_examined: vec![Area::Topics] }
    }

    #[test]
    fn a_report_is_grouped_and_aligned_with_each_line_whole() {
        let expected = "\
PostgreSQL
  ok       wal_level is logical
  warning  max_slot_wal_keep_size is -1: a slot that lags can fill the disk
           hint: set it to what the disk can spare

Kafka
  fault    Kafka is away
           hint: start it

Topics
  not examined

1 ok, 1 warning, 1 fault.
";
        assert_eq!(render(&report(), PLAIN), expected);
    }

    #[test]
    fn what_does_not_fit_a_terminal_goes_on_below_the_first_word() {
        let text = render(&report(), Style { width: Some(60), ..PLAIN });
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        assert!(text.contains(
            "  warning  max_slot_wal_keep_size is -1: a slot that lags\n           can fill"
        ));
    }

    #[test]
    fn colour_paints_words_and_changes_none() {
        let coloured = render(&report(), Style { colour: true, width: Some(80) });
        assert!(coloured.contains("  \x1b[31mfault\x1b[0m    Kafka is away"), "{coloured}");
        let mut bare = coloured;
        for code in [BOLD, DIM, RED, GREEN, YELLOW, "0"] {
            bare = bare.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(bare, render(&report(), Style { width: Some(80), ..PLAIN }));
    }

    #[test]
    fn counts_are_told_as_a_person_would() {
        let none = Report::default();
        assert_eq!(counts(&none, PLAIN), "0 ok, no warnings, no faults.\n");
    }
}

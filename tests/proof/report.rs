//! The report: `proof/REPORT.md` and its picture, made of the ledger and of nothing else.
//!
//! `make proof-report` writes both; a test holds them to the ledger.

use std::{fmt::Write as _, fs, path::PathBuf};

use crate::{chart, ledger::COLUMNS};

/// A sum, what it is called, and the goals for the first time and for a release.
pub struct Goal {
    pub name: &'static str,
    column: &'static str,
    pub first: u64,
    pub release: u64,
}

/// What has to be reached.
pub const GOALS: [Goal; 5] = [
    goal("kills of the publisher", "publisher_kills", 300, 2000),
    goal("crashes of PostgreSQL", "postgres_crashes", 60, 300),
    goal("crashes of a broker", "broker_crashes", 60, 300),
    goal("network faults", "network_faults", 100, 500),
    goal("events", "events", 2_000_000, 10_000_000),
];

const fn goal(name: &'static str, column: &'static str, first: u64, release: u64) -> Goal {
    Goal { name, column, first, release }
}

/// Sums without a goal.
const OTHERS: [(&str, &str); 6] = [
    ("of the kills, at a failpoint", "failpoint_kills"),
    ("walsenders ended or killed", "walsender_kills"),
    ("processes stopped and continued", "stops"),
    ("moves of a partition's leader", "leader_moves"),
    ("transactions committed", "transactions"),
    ("transactions rolled back", "rolled_back"),
];

/// What must be 0, in all and in each slice.
const DEFECTS: [(&str, &str); 6] = [
    ("events lost", "lost"),
    ("records of nothing that was committed", "phantom"),
    ("records out of their key's order", "out_of_order"),
    ("records in a wrong partition or topic", "misplaced"),
    ("records with wrong bytes", "wrong_bytes"),
    ("positions confirmed before Kafka had acknowledged", "confirmed_too_far"),
];

/// Columns of the table of slices, and their heads.
const SHOWN: [(&str, &str); 15] = [
    ("date", "date"),
    ("commit", "commit"),
    ("seed", "seed"),
    ("slice", "slice"),
    ("minutes", "minutes"),
    ("publisher_kills", "publisher"),
    ("postgres_crashes", "PostgreSQL"),
    ("walsender_kills", "walsender"),
    ("broker_crashes", "broker"),
    ("network_faults", "network"),
    ("stops", "stops"),
    ("leader_moves", "leader moves"),
    ("events", "events"),
    ("repeats", "repeats"),
    ("defects", "defects"),
];

/// The ledger, read.
struct Ledger {
    lines: Vec<Vec<String>>,
}

impl Ledger {
    fn parse(text: &str) -> Ledger {
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(COLUMNS.join(",").as_str()), "the ledger has other columns");
        let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let lines: Vec<Vec<String>> = lines.map(cells).collect();
        for line in &lines {
            assert_eq!(line.len(), COLUMNS.len(), "a line of the ledger is broken: {line:?}");
        }
        Ledger { lines }
    }

    fn cell<'a>(line: &'a [String], column: &str) -> &'a str {
        let at = COLUMNS.iter().position(|name| *name == column).expect("the column exists");
        &line[at]
    }

    fn number(line: &[String], column: &str) -> u64 {
        Ledger::cell(line, column).parse().expect("a number")
    }

    fn sum(&self, column: &str) -> u64 {
        self.lines.iter().map(|line| Ledger::number(line, column)).sum()
    }

    /// Each value of some columns once, in the order of their first lines.
    fn distinct(&self, columns: &[&str], between: &str) -> String {
        let mut found: Vec<String> = Vec::new();
        for line in &self.lines {
            let cells: Vec<&str> =
                columns.iter().map(|column| Ledger::cell(line, column)).collect();
            let value = cells.join(between);
            if !found.contains(&value) {
                found.push(value);
            }
        }
        found.join("; ")
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The report's text.
pub fn markdown(ledger: &str) -> String {
    let ledger = Ledger::parse(ledger);
    let minutes: f64 =
        ledger.lines.iter().map(|line| Ledger::cell(line, "minutes").parse().unwrap_or(0.0)).sum();
    let mut text = String::from(
        "# The proof\n\nMade of [LEDGER.csv](LEDGER.csv) by `make proof-report`; not written by hand.\n\n",
    );
    let _ = writeln!(
        text,
        "{} slices, {minutes:.0} minutes under fire. PostgreSQL {}; Apache Kafka {}; librdkafka {}; Postrider {}.\n\
         Machines (cores, GB, kernel): {}.\n",
        ledger.lines.len(),
        ledger.distinct(&["postgresql"], ""),
        ledger.distinct(&["kafka"], ""),
        ledger.distinct(&["librdkafka"], ""),
        ledger.distinct(&["postrider"], ""),
        ledger.distinct(&["cores", "memory_gb", "kernel"], ", "),
    );
    defects(&mut text, &ledger);
    sums(&mut text, &ledger);
    slices(&mut text, &ledger);
    text.push_str(READING);
    text
}

fn defects(text: &mut String, ledger: &Ledger) {
    text.push_str("| must be 0 | found |\n| --- | ---: |\n");
    for (name, column) in DEFECTS {
        let _ = writeln!(text, "| {name} | **{}** |", thousands(ledger.sum(column)));
    }
    let (repeats, events) = (ledger.sum("repeats"), ledger.sum("events"));
    let share = repeats as f64 * 100.0 / events.max(1) as f64;
    let _ = writeln!(
        text,
        "\nRepeats, which at least once allows and a consumer drops by the event's id: {} ({share:.1} % of the events).\n",
        thousands(repeats)
    );
}

fn sums(text: &mut String, ledger: &Ledger) {
    text.push_str(
        "| what | done | first goal | goal of a release |\n| --- | ---: | ---: | ---: |\n",
    );
    for goal in &GOALS {
        let done = thousands(ledger.sum(goal.column));
        let (first, release) = (thousands(goal.first), thousands(goal.release));
        let _ = writeln!(text, "| {} | {done} | {first} | {release} |", goal.name);
    }
    for (name, column) in OTHERS {
        let _ = writeln!(text, "| {name} | {} | | |", thousands(ledger.sum(column)));
    }
    text.push_str("\n![What was done, beside the goals](faults.svg)\n\n");
}

fn slices(text: &mut String, ledger: &Ledger) {
    text.push_str("## Slices\n\n");
    let heads: Vec<&str> = SHOWN.iter().map(|(_, head)| *head).collect();
    let _ = writeln!(text, "| {} |\n|{}", heads.join(" | "), " --- |".repeat(heads.len()));
    for line in &ledger.lines {
        let cell = |(column, _): &(&str, &str)| match *column {
            "defects" => {
                let found = DEFECTS.iter().map(|(_, column)| Ledger::number(line, column));
                found.sum::<u64>().to_string()
            }
            column => Ledger::cell(line, column).to_owned(),
        };
        let cells: Vec<String> = SHOWN.iter().map(cell).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text.push('\n');
}

const READING: &str = "\
## How to read it

A slice is some minutes of traffic under one kind of fire: five writers with long and short transactions, savepoints, rollbacks and 256 keys,
into one PostgreSQL, and from there by Postrider to Apache Kafka. A judge reads every record and compares it with what the writers meant to do:

- *lost*: a version of a key, or an event of a committed transaction, has no record.
- *of nothing that was committed*: a record of a transaction, or of rows behind a savepoint, that was rolled back; or of nobody.
- *out of order*: a key's versions, without repeats, do not count from 1 without holes, or positions do not rise with them.
- *wrong bytes*: key, payload or headers are not those of the row. *Wrong partition*: not the one of Java's hash.
- *confirmed too far*: ten times a second the slot's confirmed position is read, and then Kafka's watermarks. An event that stands before the
  position and not below the watermarks was confirmed before Kafka had it. A position that goes back without a crash of PostgreSQL counts here, too.

`kills`: kill -9 of the publisher at random and at [failpoints](../tests/failpoints/names.rs), SIGSTOP, SIGTERM. `postgres`: immediate stops, backends and walsenders
killed, ended, stopped. `brokers`: three nodes, one or two killed or stopped, partitions with one replica among those with three. `network`: both links cut, reset,
frozen, swallowed, a byte or 10 kB/s at a time, late, cut after n bytes. `mixed`: all of it. In outages the publisher is killed, too.

The same seed gives the same traffic and the same order of faults; how they fall together in time differs. A commit with `+` had changes that were not committed.
`make proof SLICE=kills SEED=7 MINUTES=25` runs one slice and adds its line, see [CONTRIBUTING](../CONTRIBUTING.md).

[BUGS.md](BUGS.md) shows that the tests find the bugs of others when they are planted here, [CATALOGUE.md](CATALOGUE.md) which test shows which case.
";

fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("proof").join(name)
}

#[test]
fn report_and_picture_are_what_the_ledger_gives() {
    let ledger = fs::read_to_string(place("LEDGER.csv")).expect("the ledger is there");
    let read = Ledger::parse(&ledger);
    let done: Vec<u64> = GOALS.iter().map(|goal| read.sum(goal.column)).collect();
    for (name, made) in
        [("REPORT.md", markdown(&ledger)), ("faults.svg", chart::svg(&GOALS, &done))]
    {
        if std::env::var_os("PROOF_WRITE").is_some() {
            fs::write(place(name), &made).unwrap();
        }
        let kept = fs::read_to_string(place(name)).unwrap_or_default();
        assert!(kept == made, "proof/{name} is not what the ledger gives: run `make proof-report`");
    }
}

#[test]
fn a_defect_in_the_ledger_shows_in_the_report() {
    let cells = COLUMNS.map(|column| if column == "lost" { "3" } else { "1" });
    let report = markdown(&format!("{}\n{}\n", COLUMNS.join(","), cells.join(",")));
    assert!(report.contains("| events lost | **3** |"), "{report}");
    // 3 lost and one of each other kind.
    assert!(report.contains("| 1 | 8 |\n"), "{report}");
}

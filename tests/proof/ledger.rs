//! The ledger: one line for each slice that was run for the record.

use std::{fs, io::Write as _, path::PathBuf, process::Command};

use crate::{
    field::{Counts, Field},
    harness::{kafka_version, process_output},
    intent::{Intents, Outcome},
    judge::Judge,
};

/// The columns, in their order.
pub const COLUMNS: [&str; 30] = [
    "date",
    "commit",
    "seed",
    "slice",
    "minutes",
    "publisher_kills",
    "failpoint_kills",
    "postgres_crashes",
    "walsender_kills",
    "broker_crashes",
    "network_faults",
    "stops",
    "leader_moves",
    "events",
    "transactions",
    "rolled_back",
    "lost",
    "phantom",
    "out_of_order",
    "misplaced",
    "wrong_bytes",
    "confirmed_too_far",
    "repeats",
    "postgresql",
    "kafka",
    "librdkafka",
    "postrider",
    "cores",
    "memory_gb",
    "kernel",
];

/// Where it lies in the repository.
pub fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("proof/LEDGER.csv")
}

/// What a slice came to.
pub struct Result<'a> {
    pub slice: &'a str,
    pub seed: u64,
    pub minutes: f64,
    pub counts: &'a Counts,
    pub leader_moves: u64,
    pub intents: &'a Intents,
    pub judge: &'a Judge,
}

/// The line of a result.
pub fn line(field: &Field<'_>, result: &Result<'_>) -> String {
    let (counts, defects) = (result.counts, &result.judge.defects);
    let numbers = [
        counts.publisher_kills,
        counts.failpoint_kills,
        counts.postgres_crashes,
        counts.walsender_kills,
        counts.broker_crashes,
        counts.network_faults,
        counts.stops,
        result.leader_moves,
        result.intents.events(),
        result.intents.count(Outcome::Committed),
        result.intents.count(Outcome::RolledBack),
        defects.count(&["lost"]),
        defects.count(&["phantom", "outcome"]),
        defects.count(&["out of order"]),
        defects.count(&["wrong partition", "wrong topic"]),
        defects.count(&["wrong bytes"]),
        defects.count(&["confirmed too far", "confirmed went back"]),
        result.judge.repeats,
    ];
    let mut cells = vec![
        say("date", &["-u", "+%F"]),
        commit(),
        result.seed.to_string(),
        result.slice.to_owned(),
        format!("{:.1}", result.minutes),
    ];
    cells.extend(numbers.iter().map(u64::to_string));
    let server = field.stage.sql().text("show server_version").unwrap_or_default();
    cells.push(server.split(' ').next().unwrap_or_default().to_owned());
    cells.push(kafka_version());
    cells.push(rdkafka::util::get_rdkafka_version().1);
    cells.push(env!("CARGO_PKG_VERSION").to_owned());
    cells.push(std::thread::available_parallelism().map_or(0, usize::from).to_string());
    // Without what its builder put behind the version.
    let kernel = say("uname", &["-r"]);
    let kernel = kernel.split('-').next().unwrap_or_default();
    cells.push(memory().to_string());
    cells.push(format!("{} {kernel}", say("uname", &["-s"])));
    assert_eq!(cells.len(), COLUMNS.len());
    cells.join(",")
}

/// Adds a line to the ledger.
pub fn append(line: &str) {
    let path = path();
    if !path.exists() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, COLUMNS.join(",") + "\n").unwrap();
    }
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// The commit, with a mark when the tree differs from it outside of `proof/`.
fn commit() -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let hash = say("git", &["-C", root, "rev-parse", "--short=10", "HEAD"]);
    let changes = say("git", &["-C", root, "status", "--porcelain", "--", ".", ":!proof"]);
    if changes.is_empty() { hash } else { hash + "+" }
}

/// The machine's memory in GB.
fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or(0).div_ceil(1 << 20)
}

fn say(program: &str, arguments: &[&str]) -> String {
    process_output(Command::new(program).args(arguments)).trim().to_owned()
}

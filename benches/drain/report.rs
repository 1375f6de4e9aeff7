//! What the benchmark says at its end: a table, then the targets.

use std::collections::BTreeMap;

use crate::{
    backlog::Shape,
    reader::{Drain, Socket},
};

/// All runs of one load over one socket: `pg_recvlogical` and `postrider` in turns.
pub struct Comparison {
    pub load: &'static str,
    pub shape: Shape,
    pub socket: Socket,
    pub rows: u64,
    /// Empty where only our memory is of interest.
    pub theirs: Vec<Drain>,
    pub ours: Vec<Drain>,
}

/// Median, least and largest of some runs.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// Of at least one value; of an even number, the median is the lower one of the two.
    fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        Spread { median: values[last / 2], least: values[0], most: values[last] }
    }

    fn show(&self, digits: usize) -> String {
        let Spread { median, least, most } = self;
        format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
    }
}

impl Comparison {
    /// Thousands of rows a second.
    fn rates(&self, drains: &[Drain]) -> Option<Spread> {
        let rate = |drain: &Drain| self.rows as f64 / drain.seconds / 1e3;
        (!drains.is_empty()).then(|| Spread::of(drains.iter().map(rate)))
    }

    /// Our rate by theirs, each run against the one next to it.
    fn ratios(&self) -> Option<Spread> {
        let pairs = self.theirs.iter().zip(&self.ours);
        let ratios = pairs.map(|(theirs, ours)| theirs.seconds / ours.seconds);
        (!self.theirs.is_empty()).then(|| Spread::of(ratios))
    }

    fn ratio_of_medians(&self) -> Option<f64> {
        Some(self.rates(&self.ours)?.median / self.rates(&self.theirs)?.median)
    }

    /// A number of each drain, by a million events.
    fn per_million(&self, drains: &[Drain], of: impl Fn(&Drain) -> f64) -> Option<Spread> {
        let values = drains.iter().map(|drain| of(drain) * 1e6 / self.rows as f64);
        (!drains.is_empty()).then(|| Spread::of(values))
    }

    fn peak(&self) -> f64 {
        Spread::of(self.ours.iter().map(|drain| drain.peak)).most
    }

    fn cells(&self) -> [String; 10] {
        let show = |spread: Option<Spread>, digits| {
            spread.map_or("-".to_owned(), |spread| spread.show(digits))
        };
        let short = |spread: Option<Spread>| {
            spread.map_or("-".to_owned(), |spread| format!("{:.2}", spread.median))
        };
        [
            self.load.to_owned(),
            format!("{:?}", self.socket).to_lowercase(),
            show(self.rates(&self.theirs), 0),
            show(self.rates(&self.ours), 0),
            show(self.ratios(), 2),
            self.ratio_of_medians().map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
            show(self.per_million(&self.ours, |drain| drain.cpu), 2),
            short(self.per_million(&self.ours, |drain| drain.walsender_cpu)),
            short(self.per_million(&self.theirs, |drain| drain.walsender_cpu)),
            format!("{:.0}", self.peak()),
        ]
    }

    /// CPU seconds per million events by thread, the busiest first.
    fn threads(&self) -> String {
        let mut totals: BTreeMap<&str, f64> = BTreeMap::new();
        for (name, seconds) in self.ours.iter().flat_map(|drain| &drain.threads) {
            *totals.entry(name).or_default() += seconds;
        }
        let events = self.rows as f64 * self.ours.len() as f64;
        let mut shares: Vec<(f64, &str)> =
            totals.into_iter().map(|(name, seconds)| (seconds * 1e6 / events, name)).collect();
        shares.sort_by(|a, b| b.0.total_cmp(&a.0));
        let shown = shares.iter().filter(|(share, _)| *share >= 0.005);
        let parts: Vec<String> = shown.map(|(share, name)| format!("{name} {share:.2}")).collect();
        parts.join(", ")
    }
}

const HEADER: [&str; 10] = [
    "transactions",
    "socket",
    "pg_recvlogical",
    "postrider",
    "ratio by pairs",
    "of medians",
    "CPU s/M",
    "walsender",
    "its with recv",
    "peak MiB",
];

/// Prints everything.
pub fn print(comparisons: &[Comparison]) {
    println!(
        "\nRates in thousand rows a second, median (least–most); CPU in seconds per million\n"
    );
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(comparisons.iter().map(Comparison::cells));
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    println!("\npostrider's threads, CPU seconds per million events, start-up included");
    for comparison in comparisons {
        let socket = format!("{:?}", comparison.socket).to_lowercase();
        println!("{} {socket}: {}", comparison.load, comparison.threads());
    }
    println!("\ntargets");
    for line in comparisons.iter().flat_map(targets) {
        println!("{line}");
    }
}

/// Prints what at least one start takes, and whether that is little enough.
pub fn print_starts(seconds: &[f64]) {
    let spread = Spread::of(seconds.iter().copied());
    let verdict = if spread.median <= 0.5 { "reached" } else { "missed" };
    println!("{verdict:<8} start to first record: {} s, to be at most 0.5", spread.show(2));
}

/// What is to be reached with this load and socket, and what was.
fn targets(comparison: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    let place = format!("{} {:?}", comparison.load, comparison.socket).to_lowercase();
    let mut line = |what: &str, value: f64, reached: bool, goal: &str| {
        let verdict = if reached { "reached" } else { "missed" };
        lines.push(format!("{verdict:<8} {place}: {what} {value:.2}, to be {goal}"));
    };
    let least = match (comparison.shape, comparison.socket) {
        (Shape::Batches(_), Socket::Unix) => Some(0.8),
        (Shape::Single, Socket::Tcp) => Some(1.2),
        _ => None,
    };
    if let (Some(least), Some(ratio)) = (least, comparison.ratios()) {
        line("ratio", ratio.median, ratio.median >= least, &format!("at least {least}"));
    }
    let most = match comparison.shape {
        Shape::Single => Some(8.0),
        Shape::Batches(_) => Some(5.0),
        Shape::Whole => None,
    };
    let cpu = comparison.per_million(&comparison.ours, |drain| drain.cpu);
    if let (Some(most), Some(cpu)) = (most, cpu) {
        line("CPU s/M", cpu.median, cpu.median <= most, &format!("at most {most}"));
    }
    let peak = comparison.peak();
    line("peak MiB", peak, peak <= 64.0, "at most 64");
    lines
}

//! The checker: compares what the database kept with what the topics hold.

use std::collections::{HashMap, HashSet};

use super::{murmur2, topics::Record};

/// One committed outbox row.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: String,
    pub topic: String,
    pub key: Option<String>,
    pub event_type: Option<String>,
    pub payload: Option<Vec<u8>>,
    /// Rises with the commit order of one key.
    pub seq: i64,
    /// The same for all rows of one transaction.
    pub transaction: i64,
}

/// What was true at one moment: a confirmed position, and high watermarks asked for *after* it
/// was read. What is confirmed was acknowledged before, so it stands below these watermarks.
#[derive(Debug, Clone)]
pub struct Sample {
    pub confirmed: u64,
    /// By topic, then partition.
    pub high: HashMap<String, Vec<i64>>,
}

/// All that happened.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub rows: Vec<Row>,
    /// Each topic's records by partition and offset.
    pub records: Vec<Record>,
    pub partitions: HashMap<String, i32>,
    pub samples: Vec<Sample>,
}

/// What the checker has to say.
#[derive(Debug, Default)]
pub struct Report {
    /// One line each: the defect's name and where it is.
    pub defects: Vec<String>,
    /// Records beyond the first of their event.
    pub repeats: usize,
}

impl Report {
    /// Fails the test when anything is wrong.
    #[track_caller]
    pub fn assert_clean(&self) -> &Report {
        let count = self.defects.len();
        let first: Vec<&String> = self.defects.iter().take(20).collect();
        assert!(count == 0, "{count} defects, among them: {first:#?}");
        self
    }

    fn add(&mut self, defect: &str, place: impl std::fmt::Display) {
        self.defects.push(format!("{defect}: {place}"));
    }
}

/// A parsed `position` header: commit LSN and ordinal.
type Position = (u64, u64);

/// Checks a history against the guarantee.
pub fn check(history: &History) -> Report {
    let mut report = Report::default();
    let rows: HashMap<&str, &Row> = history.rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let mut seen: HashMap<&str, Seen> = HashMap::new();
    for record in &history.records {
        let Some(id) = record.header("id") else {
            report.add("no id", place(record));
            continue;
        };
        let Some(row) = rows.get(id.as_str()) else {
            report.add("phantom", format!("{id} at {}", place(record)));
            continue;
        };
        check_record(&mut report, row, record, history.partitions.get(&record.topic));
        match record.header("position").as_deref().and_then(parse_position) {
            None => report.add("no position", place(record)),
            Some(position) => {
                let first = seen.entry(&row.id).or_insert(Seen { position, records: Vec::new() });
                if first.position != position {
                    report.add("position changed", format!("{id} at {}", place(record)));
                }
                first.records.push(record);
            }
        }
    }
    report.repeats = seen.values().map(|event| event.records.len() - 1).sum();
    for row in history.rows.iter().filter(|row| !seen.contains_key(row.id.as_str())) {
        report.add("lost", &row.id);
    }
    check_order(&mut report, history, &rows);
    check_positions(&mut report, history, &seen);
    check_samples(&mut report, history, &seen);
    report
}

struct Seen<'a> {
    position: Position,
    records: Vec<&'a Record>,
}

fn check_record(report: &mut Report, row: &Row, record: &Record, partitions: Option<&i32>) {
    let place = place(record);
    if record.topic != row.topic {
        report.add("wrong topic", format!("{} at {place}", row.id));
    }
    if record.payload != row.payload
        || record.key.as_deref() != row.key.as_ref().map(|k| k.as_bytes())
    {
        report.add("wrong bytes", format!("{} at {place}", row.id));
    }
    if record.header("type") != row.event_type {
        report.add("wrong type", format!("{} at {place}", row.id));
    }
    if record.header_names() != ["id", "type", "position"] {
        report.add("wrong headers", format!("{:?} at {place}", record.header_names()));
    }
    if let (Some(key), Some(&count)) = (&record.key, partitions)
        && murmur2::partition(key, count) != record.partition
    {
        report.add("wrong partition", format!("{} at {place}", row.id));
    }
}

/// A row's `seq`, and one record of it.
type Delivered<'a> = (i64, &'a Record);

/// Order per key after dropping repeats; and a run of repeats follows the same order without a
/// hole, since it starts at the confirmed position and sends everything behind it.
fn check_order(report: &mut Report, history: &History, rows: &HashMap<&str, &Row>) {
    let mut keys = HashMap::<(&str, &[u8]), Vec<Delivered<'_>>>::new();
    for record in &history.records {
        let (Some(key), Some(id)) = (&record.key, record.header("id")) else { continue };
        if let Some(row) = rows.get(id.as_str()) {
            keys.entry((&record.topic, key)).or_default().push((row.seq, record));
        }
    }
    for records in keys.values() {
        let mut order: Vec<i64> = records.iter().map(|(seq, _)| *seq).collect();
        order.sort_unstable();
        order.dedup();
        let rank = |seq: i64| order.binary_search(&seq).expect("taken from the same list");
        let (mut next_new, mut previous) = (0, None);
        for (seq, record) in records {
            let rank = rank(*seq);
            if rank > next_new {
                report.add("out of order", place(record));
            } else if rank < next_new && previous.is_some_and(|previous| rank > previous + 1) {
                report.add("hole in a repeat", place(record));
            }
            next_new = next_new.max(rank + 1);
            previous = Some(rank);
        }
    }
}

/// Positions name events, rise with each key's order, and count a transaction's rows from 0.
fn check_positions(report: &mut Report, history: &History, seen: &HashMap<&str, Seen<'_>>) {
    let mut rows: Vec<&Row> = history.rows.iter().collect();
    rows.sort_by_key(|row| row.seq);
    let mut taken: HashSet<Position> = HashSet::new();
    let mut last: HashMap<(&str, &str), Position> = HashMap::new();
    let mut transactions: HashMap<i64, (u64, Vec<u64>)> = HashMap::new();
    for row in rows {
        let Some(event) = seen.get(row.id.as_str()) else { continue };
        if !taken.insert(event.position) {
            report.add("position taken twice", &row.id);
        }
        if let Some(key) = &row.key
            && last.insert((&row.topic, key), event.position) >= Some(event.position)
        {
            report.add("position falls", &row.id);
        }
        let (commit, ordinals) =
            transactions.entry(row.transaction).or_insert((event.position.0, Vec::new()));
        if *commit != event.position.0 {
            report.add("two commit positions in a transaction", &row.id);
        }
        ordinals.push(event.position.1);
    }
    for (transaction, (_, mut ordinals)) in transactions {
        ordinals.sort_unstable();
        if !ordinals.iter().copied().eq(0..ordinals.len() as u64) {
            report.add("ordinals do not count from 0", transaction);
        }
    }
}

fn check_samples(report: &mut Report, history: &History, seen: &HashMap<&str, Seen<'_>>) {
    for sample in &history.samples {
        let below = |record: &Record| {
            let marks = sample.high.get(&record.topic);
            let mark = marks.and_then(|marks| marks.get(record.partition as usize));
            record.offset < mark.copied().unwrap_or(0)
        };
        // A transaction whose commit record starts before the confirmed position is never sent
        // again.
        let confirmed = seen.iter().filter(|(_, event)| event.position.0 < sample.confirmed);
        for (id, event) in confirmed {
            if !event.records.iter().any(|record| below(record)) {
                report.add("confirmed too far", format!("{id}, at {:X}", sample.confirmed));
            }
        }
    }
}

fn parse_position(text: &str) -> Option<Position> {
    let (lsn, ordinal) = text.rsplit_once('/')?;
    let (high, low) = lsn.split_once('/')?;
    let part = |hex: &str| u64::from_str_radix(hex, 16).ok();
    Some((part(high)? << 32 | part(low)?, ordinal.parse().ok()?))
}

fn place(record: &Record) -> String {
    format!("{}[{}]@{}", record.topic, record.partition, record.offset)
}

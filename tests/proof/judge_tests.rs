//! The judge's own tests: a sound history passes, and each planted defect is named.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use crate::{
    event::{self, EventId},
    harness::{Record, Sample, partition},
    intent::{Intent, Intents, Outcome},
    judge::{Judge, Topic},
};

const PARTITIONS: i32 = 5;

/// Twelve events of two keys in four transactions, all delivered, the last two twice.
struct History {
    records: Vec<Record>,
    samples: Vec<Sample>,
    intents: Intents,
    committed: HashSet<(u8, u32)>,
    versions: HashMap<String, u64>,
}

fn record(id: EventId, key: &str, version: u64, offset: i64) -> Record {
    let header = |name: &str, value: String| (name.to_owned(), Some(value.into_bytes()));
    let position = format!("0/{:X}/{}", 0x100 * (id.transaction + 1), id.row);
    Record {
        topic: "t".into(),
        partition: partition(key.as_bytes(), PARTITIONS),
        offset,
        key: Some(key.into()),
        payload: Some(event::payload(id, key, version).into_bytes()),
        headers: vec![
            header("id", id.to_string()),
            header("type", "made".into()),
            header("position", position),
        ],
        timestamp: None,
    }
}

fn sound() -> History {
    let intent = |rows, outcome| Intent { rows, outcome };
    let mut history = History {
        records: Vec::new(),
        samples: Vec::new(),
        // The fourth is rolled back; the last one's session broke, and it is there.
        intents: Intents(vec![vec![
            intent(3, Outcome::Committed),
            intent(3, Outcome::Committed),
            intent(3, Outcome::Committed),
            intent(9, Outcome::RolledBack),
            intent(3, Outcome::Unknown),
        ]]),
        committed: [0, 1, 2, 4].map(|number| (0, number)).into(),
        versions: [("even".to_owned(), 6), ("odd".to_owned(), 6)].into(),
    };
    let mut ends = HashMap::<&str, i64>::new();
    let mut deliver = |history: &mut History, number: u32| {
        let key = if number.is_multiple_of(2) { "even" } else { "odd" };
        let id =
            EventId { writer: 0, transaction: [0, 1, 2, 4][number as usize / 3], row: number % 3 };
        let end = ends.entry(key).or_default();
        history.records.push(record(id, key, u64::from(number / 2) + 1, *end));
        *end += 1;
    };
    for number in (0..12).chain([10, 11]) {
        deliver(&mut history, number);
    }
    // Both keys have a partition of their own.
    let at = |confirmed, events| {
        let mut high = vec![0; PARTITIONS as usize];
        for key in ["even", "odd"] {
            high[partition(key.as_bytes(), PARTITIONS) as usize] = events;
        }
        Sample { confirmed, high: HashMap::from([("t".to_owned(), high)]) }
    };
    history.samples = vec![at(0x100, 0), at(0x180, 2), at(0x900, 6)];
    history
}

fn judged(mut history: History) -> Judge {
    let mut judge = Judge::new(vec![Topic { name: "t".into(), partitions: PARTITIONS }]);
    history.samples.iter().for_each(|sample| judge.sample(sample));
    history.records.iter().for_each(|record| judge.record(record, Instant::now()));
    history.intents.resolve(&history.committed, &mut judge.defects);
    judge.finish(&history.intents, &history.versions);
    judge
}

#[track_caller]
fn planted(defect: &'static str, plant: impl FnOnce(&mut History)) {
    let mut history = sound();
    plant(&mut history);
    let judge = judged(history);
    assert!(judge.defects.count(&[defect]) > 0, "no {defect:?} in {:?}", judge.defects);
}

#[test]
fn a_sound_history_passes_and_its_repeats_are_counted() {
    let judge = judged(sound());
    assert!(judge.defects.counts.is_empty(), "{:?}", judge.defects);
    assert_eq!((judge.records, judge.repeats, judge.late), (14, 2, 0));
}

#[test]
fn the_keys_of_the_sound_history_do_not_share_a_partition() {
    assert_ne!(partition(b"even", PARTITIONS), partition(b"odd", PARTITIONS));
}

#[test]
fn a_lost_event_is_caught_in_the_middle_and_at_the_end() {
    planted("lost", |history| drop(history.records.remove(4)));
    planted("lost", |history| {
        history.records.retain(|record| record.header("id") != Some("0-4-2".into()))
    });
    planted("lost", |history| history.records.clear());
}

#[test]
fn a_whole_lost_transaction_is_caught() {
    planted("lost", |history| {
        // As if the outbox had never had it: the keys know nothing of it either.
        history.intents.0[0].push(Intent { rows: 1, outcome: Outcome::Committed });
        history.committed.insert((0, 5));
    });
}

#[test]
fn an_event_of_a_transaction_that_was_rolled_back_is_caught() {
    let phantom =
        |version| record(EventId { writer: 0, transaction: 3, row: 0 }, "even", version, 6);
    // With a version that another event has, and behind the last one.
    planted("phantom", |history| history.records.push(phantom(4)));
    planted("phantom", |history| history.records.push(phantom(7)));
    planted("phantom", |history| history.committed.retain(|id| *id != (0, 4)));
}

#[test]
fn an_event_of_a_savepoint_that_was_rolled_back_is_caught() {
    planted("phantom", |history| history.records[1].headers[0].1 = Some(b"0-0-1x".to_vec()));
}

#[test]
fn an_event_of_nobody_is_caught() {
    let nobody = EventId { writer: 7, transaction: 1, row: 0 };
    planted("phantom", |history| history.records.push(record(nobody, "even", 7, 6)));
    planted("phantom", |history| history.records.push(record(nobody, "no key", 1, 0)));
}

#[test]
fn swapped_events_of_a_key_are_caught() {
    planted("out of order", |history| history.records.swap(0, 2));
}

#[test]
fn positions_that_fall_are_caught() {
    planted("out of order", |history| {
        history.records[6].headers[2].1 = Some(b"0/1/0".to_vec());
    });
}

#[test]
fn changed_bytes_are_caught() {
    planted("wrong bytes", |history| {
        let payload = history.records[3].payload.as_mut().unwrap();
        let last = payload.len() - 3;
        payload[last] ^= 1;
    });
    planted("wrong bytes", |history| history.records[3].payload = None);
    planted("wrong bytes", |history| history.records[3].headers.swap(0, 1));
    planted("wrong bytes", |history| history.records[3].headers[1].1 = None);
}

#[test]
fn a_wrong_partition_and_a_wrong_topic_are_caught() {
    planted("wrong partition", |history| {
        let record = &mut history.records[3];
        record.partition = (record.partition + 1) % PARTITIONS;
    });
    planted("wrong topic", |history| history.records[3].topic = "u".into());
}

#[test]
fn a_confirmation_ahead_of_kafka_is_caught() {
    planted("confirmed too far", |history| history.samples[0].confirmed = 0x101);
    planted("confirmed too far", |history| {
        for mark in history.samples[2].high.get_mut("t").unwrap() {
            *mark -= 1;
        }
    });
}

#[test]
fn a_commit_that_the_database_has_forgotten_is_caught() {
    planted("outcome", |history| history.committed.retain(|id| *id != (0, 1)));
}

#[test]
fn ids_and_payloads_read_back() {
    let id = EventId { writer: 3, transaction: 70_000, row: 19_999 };
    assert_eq!(EventId::parse(&id.to_string()), Some(id));
    assert_eq!(EventId::unpacked(id.packed()), id);
    for wrong in ["", "1-2", "1-2-3x", "1-2-3-4", "256-1-1"] {
        assert_eq!(EventId::parse(wrong), None, "{wrong}");
    }
    assert_eq!(event::version(event::payload(id, "k", 42).as_bytes()), Some(42));
}

//! The checker's own tests: a sound history passes, and each planted defect is named.

use std::collections::HashMap;

use super::{
    checker::{History, Report, Row, Sample, check},
    murmur2,
    topics::Record,
};

/// Six events of two keys in three transactions, two rows each, all delivered, the fourth twice.
fn sound() -> History {
    let mut history = History::default();
    history.partitions.insert("t".into(), 4);
    let mut ends = vec![0; 4];
    for number in 0..6_i64 {
        let key = if number % 2 == 0 { "even" } else { "odd" };
        history.rows.push(Row {
            id: format!("id-{number}"),
            topic: "t".into(),
            key: Some(key.into()),
            event_type: Some("made".into()),
            payload: Some(format!("payload {number}").into_bytes()),
            seq: number,
            transaction: number / 2,
        });
    }
    for number in [0, 1, 2, 3, 3, 4, 5] {
        append(&mut history, &mut ends, number);
    }
    let at = |confirmed, high: &[i64]| Sample {
        confirmed,
        high: HashMap::from([("t".to_owned(), high.to_vec())]),
    };
    history.samples = vec![at(0x100, &[0, 0, 0, 0]), at(0x150, &ends), at(0x999, &ends)];
    history
}

fn append(history: &mut History, ends: &mut [i64], number: usize) {
    let row = &history.rows[number];
    let key = row.key.clone().unwrap().into_bytes();
    let partition = murmur2::partition(&key, 4);
    let header = |name: &str, value: String| (name.to_owned(), Some(value.into_bytes()));
    let position = format!("0/{:X}/{}", 0x100 + (number / 2) * 0x50, number % 2);
    history.records.push(Record {
        topic: "t".into(),
        partition,
        offset: ends[partition as usize],
        payload: row.payload.clone(),
        headers: vec![
            header("id", row.id.clone()),
            header("type", "made".into()),
            header("position", position),
        ],
        timestamp: None,
        key: Some(key),
    });
    ends[partition as usize] += 1;
}

#[track_caller]
fn assert_names(report: &Report, defect: &str) {
    let named = report.defects.iter().any(|line| line.starts_with(defect));
    assert!(named, "{defect:?} is not among {:?}", report.defects);
}

#[track_caller]
fn planted(defect: &str, plant: impl FnOnce(&mut History)) {
    let mut history = sound();
    plant(&mut history);
    assert_names(&check(&history), defect);
}

fn swap_bodies(history: &mut History, a: usize, b: usize) {
    let (first, second) = (history.records[a].clone(), history.records[b].clone());
    assert_eq!(first.partition, second.partition, "both of one key");
    for (to, from) in [(a, &second), (b, &first)] {
        let offset = history.records[to].offset;
        history.records[to] = Record { offset, ..from.clone() };
    }
}

#[test]
fn a_sound_history_with_a_repeat_has_no_defect() {
    let report = check(&sound());
    assert_eq!(report.assert_clean().repeats, 1);
}

#[test]
fn a_lost_event_is_caught() {
    planted("lost", |history| {
        history.records.remove(5);
    });
}

#[test]
fn a_phantom_is_caught() {
    planted("phantom", |history| {
        history.rows.remove(0);
    });
}

#[test]
fn two_swapped_events_of_a_key_are_caught() {
    planted("out of order", |history| swap_bodies(history, 0, 2));
}

#[test]
fn a_repeat_that_skips_an_event_is_caught() {
    planted("hole in a repeat", |history| {
        let mut ends = vec![100; 4];
        append(history, &mut ends, 0);
        append(history, &mut ends, 4);
    });
}

#[test]
fn changed_bytes_are_caught() {
    planted("wrong bytes", |history| history.records[1].payload.as_mut().unwrap()[0] ^= 1);
    planted("wrong bytes", |history| history.records[1].payload = None);
    planted("wrong bytes", |history| history.records[1].key = Some(Vec::new()));
}

#[test]
fn a_wrong_partition_is_caught() {
    planted("wrong partition", |history| {
        let record = &mut history.records[6];
        record.partition = (record.partition + 1) % 4;
    });
}

#[test]
fn wrong_headers_are_caught() {
    planted("wrong type", |history| history.records[1].headers[1].1 = Some(b"gone".to_vec()));
    planted("wrong headers", |history| history.records[1].headers.swap(0, 1));
    planted("no id", |history| drop(history.records[1].headers.remove(0)));
    planted("no position", |history| drop(history.records[1].headers.remove(2)));
}

#[test]
fn wrong_positions_are_caught() {
    let set = |history: &mut History, index: usize, position: &str| {
        history.records[index].headers[2].1 = Some(position.as_bytes().to_vec());
    };
    planted("position changed", |history| set(history, 4, "0/150/7"));
    planted("position taken twice", |history| set(history, 1, "0/100/0"));
    planted("position falls", |history| set(history, 5, "0/90/0"));
    planted("two commit positions", |history| set(history, 1, "0/101/1"));
    planted("ordinals do not count", |history| set(history, 1, "0/100/2"));
}

#[test]
fn a_confirmation_ahead_of_kafka_is_caught() {
    planted("confirmed too far", |history| history.samples[0].confirmed = 0x101);
    planted("confirmed too far", |history| {
        let high = history.samples[2].high.get_mut("t").unwrap();
        let last = high.iter().position(|mark| *mark > 0).unwrap();
        high[last] -= 1;
    });
}

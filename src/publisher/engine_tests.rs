//! The engine's rules, frame by frame.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::{
    fault::FaultKind,
    outbox::{Columns, Config, HeaderColumn, Route, TableName, Template},
    publisher::engine_frames::{self as frames, OUTBOX},
};

fn outbox() -> Config {
    Config {
        table: TableName { schema: "public".into(), name: "outbox".into() },
        columns: Columns::default(),
        route: Route {
            topic: Template::parse("outbox.event.{aggregatetype}").unwrap(),
            key: Template::parse("{aggregateid}").unwrap(),
            headers: vec![HeaderColumn { column: "id".into(), name: "id".into() }],
            position_header: true,
        },
    }
}

/// An engine's settings with this window.
pub(in crate::publisher) fn config(window: u32) -> EngineConfig {
    EngineConfig {
        outbox: outbox(),
        table: CatalogTable { oid: OUTBOX, ..CatalogTable::default() },
        window,
        window_bytes: 1 << 20,
        start: Lsn::new(100),
        acknowledged_before: None,
        timing: FeedbackTiming::for_server(Some(Duration::from_secs(60))),
        keeps_witness: false,
    }
}

/// An engine that has read `frames` and sent nothing.
fn engine_after(frames: &[Vec<u8>]) -> Engine {
    let mut engine = Engine::new(config(100), Instant::now());
    for frame in frames {
        assert!(matches!(engine.receive(frame, Instant::now()), Ok(Received::Nothing)));
    }
    engine
}

/// The position of the record that `frame` asks to be sent.
fn position(engine: &mut Engine, frame: &[u8]) -> Option<String> {
    match engine.receive(frame, Instant::now()).unwrap() {
        Received::Record(record) => Some(record.position.to_string()),
        Received::Nothing => None,
    }
}

fn in_transaction() -> Engine {
    engine_after(&[frames::begin(200), frames::relation(OUTBOX, "outbox", &[])])
}

#[test]
fn a_row_is_given_until_it_is_sent_and_the_next_has_the_next_place() {
    let mut engine = in_transaction();
    let row = frames::event("e1", "k");
    assert_eq!(position(&mut engine, &row).unwrap(), "0/C8/0");
    assert_eq!(position(&mut engine, &row).unwrap(), "0/C8/0");
    let _ticket = engine.sent(1);
    assert_eq!(position(&mut engine, &row).unwrap(), "0/C8/1");
}

#[test]
fn the_end_of_a_transaction_is_confirmed_when_its_last_row_is_acknowledged() {
    let mut engine = in_transaction();
    assert!(position(&mut engine, &frames::event("e1", "k")).is_some());
    let ticket = engine.sent(1);
    assert!(position(&mut engine, &frames::commit(200, 250)).is_none());
    assert_eq!(engine.confirmed().lsn(), Lsn::new(100));
    engine.acknowledge(ticket);
    assert_eq!(engine.confirmed().lsn(), Lsn::new(250));
    assert_eq!(engine.counts(), (1, 1));
}

#[test]
fn the_first_event_of_each_transaction_has_the_first_place() {
    let mut engine = in_transaction();
    for (commit, place) in [(200, "0/C8/0"), (300, "0/12C/0")] {
        assert_eq!(position(&mut engine, &frames::event("e1", "k")).unwrap(), place);
        let _ticket = engine.sent(1);
        assert!(position(&mut engine, &frames::commit(commit, commit + 50)).is_none());
        assert!(position(&mut engine, &frames::begin(commit + 100)).is_none());
    }
}

#[test]
fn a_transaction_without_events_is_confirmed_at_its_commit() {
    let mut engine = engine_after(&[frames::begin(200), frames::commit(200, 250)]);
    assert_eq!(engine.confirmed().lsn(), Lsn::new(250));
    assert_eq!(engine.counts(), (0, 1));
    assert!(engine.status_update(Instant::now() + Duration::from_secs(1)).is_some());
}

#[test]
fn rows_of_other_tables_and_deletes_are_passed_over_without_a_place() {
    let mut engine = in_transaction();
    assert!(position(&mut engine, &frames::relation(9, "orders", &["payload"])).is_none());
    assert!(position(&mut engine, &frames::insert(9, [None; 5])).is_none());
    assert!(position(&mut engine, &frames::delete(OUTBOX)).is_none());
    assert_eq!(position(&mut engine, &frames::event("e1", "k")).unwrap(), "0/C8/0");
}

#[test]
fn an_event_that_cannot_be_routed_stops_the_engine_as_often_as_it_comes() {
    let mut engine = in_transaction();
    let row = frames::insert(OUTBOX, [Some("e1"), None, Some("k"), Some("t"), Some("{}")]);
    for _ in 0..2 {
        let fault = engine.receive(&row, Instant::now()).unwrap_err().fault();
        assert_eq!(fault.kind, FaultKind::Unroutable);
        assert!(fault.sentence.contains("e1") && fault.sentence.contains("0/C8/0"), "{fault}");
    }
    assert_eq!(engine.counts().0, 0);
}

#[test]
fn a_table_that_lost_a_column_stops_the_engine_before_its_first_row() {
    let mut engine = engine_after(&[frames::begin(200)]);
    let relation = frames::relation(OUTBOX, "outbox", &["payload"]);
    let fault = engine.receive(&relation, Instant::now()).unwrap_err().fault();
    assert_eq!(fault.kind, FaultKind::Unroutable);
    assert!(fault.sentence.contains("payload"), "{fault}");
}

#[test]
fn a_column_goes_by_its_present_name_in_what_was_committed_before_the_catalog_was_read() {
    let names = ["id", "aggregatetype", "entity", "type", "payload"];
    let column =
        |(number, name): (i16, &str)| CatalogColumn { number, name: name.into(), type_id: 25 };
    let columns: Vec<_> = (1..).zip(names).map(column).collect();
    let mut config = config(100);
    config.outbox.route.key = Template::parse("{entity}").unwrap();
    config.table = CatalogTable { oid: OUTBOX, columns, as_of: Lsn::new(200) };
    let relation = frames::relation(OUTBOX, "outbox", &[]);
    for (commit, is_known) in [(199, true), (200, true), (201, false)] {
        let mut engine = Engine::new(config.clone(), Instant::now());
        engine.receive(&frames::begin(commit), Instant::now()).unwrap();
        assert_eq!(engine.receive(&relation, Instant::now()).is_ok(), is_known, "{commit}");
    }
    // Another table that had the name before has columns of its own.
    let mut engine = Engine::new(config, Instant::now());
    engine.receive(&frames::begin(199), Instant::now()).unwrap();
    let relation = frames::relation(OUTBOX + 1, "outbox", &[]);
    assert!(engine.receive(&relation, Instant::now()).is_err());
}

#[test]
fn a_table_that_is_renamed_in_the_stream_stops_the_engine() {
    let mut engine = in_transaction();
    let renamed = frames::relation(OUTBOX, "outbox_old", &[]);
    let fault = engine.receive(&renamed, Instant::now()).unwrap_err().fault();
    assert_eq!(fault.kind, FaultKind::Publication);
    assert!(fault.sentence.contains("outbox_old"), "{fault}");
}

#[test]
fn rows_written_before_the_table_got_its_present_name_are_events() {
    let mut engine = engine_after(&[frames::begin(200), frames::relation(OUTBOX, "old_name", &[])]);
    assert!(position(&mut engine, &frames::event("e1", "k")).is_some());
    assert!(position(&mut engine, &frames::relation(OUTBOX, "outbox", &[])).is_none());
    assert!(position(&mut engine, &frames::event("e2", "k")).is_some());
}

#[test]
fn rows_of_a_table_that_was_dropped_and_made_again_are_events_too() {
    let mut engine = in_transaction();
    assert!(position(&mut engine, &frames::relation(9, "outbox", &[])).is_none());
    let row = [Some("e1"), Some("order"), Some("k"), Some("paid"), None];
    assert!(position(&mut engine, &frames::insert(9, row)).is_some());
    assert!(position(&mut engine, &frames::insert(OUTBOX, row)).is_some());
}

#[test]
fn a_stream_out_of_order_is_an_error_and_no_panic() {
    let row = frames::event("e1", "k");
    let cases = [
        ("row", vec![], row),
        ("commit", vec![], frames::commit(200, 250)),
        ("nested", vec![frames::begin(200)], frames::begin(300)),
        ("other commit", vec![frames::begin(200)], frames::commit(201, 250)),
        ("end before commit", vec![frames::begin(200)], frames::commit(200, 200)),
        ("end before start", vec![frames::begin(40)], frames::commit(40, 50)),
        ("row of a table not described", vec![frames::begin(200)], frames::insert(9, [None; 5])),
    ];
    for (name, before, frame) in cases {
        let fault = engine_after(&before).receive(&frame, Instant::now()).unwrap_err().fault();
        assert_eq!(fault.kind, FaultKind::Protocol, "{name}");
    }
}

#[test]
fn a_commit_that_a_keepalive_has_overtaken_is_an_error_and_no_panic() {
    let mut engine = engine_after(&[frames::keepalive(500, false), frames::begin(200)]);
    assert!(engine.receive(&frames::commit(200, 250), Instant::now()).is_err());
    assert_eq!(engine.confirmed().lsn(), Lsn::new(500));
}

#[test]
fn events_known_to_be_acknowledged_are_counted_and_not_sent_again() {
    let first = "0/C8/2".parse().unwrap();
    let config = EngineConfig { acknowledged_before: Some(first), ..config(100) };
    let mut engine = Engine::new(config, Instant::now());
    for frame in [frames::begin(200), frames::relation(OUTBOX, "outbox", &[])] {
        assert!(position(&mut engine, &frame).is_none());
    }
    let row = frames::event("e1", "k");
    assert!(position(&mut engine, &row).is_none());
    assert!(position(&mut engine, &row).is_none());
    assert_eq!(position(&mut engine, &row).unwrap(), "0/C8/2");
    assert_eq!(engine.counts().0, 2);
}

#[test]
fn the_window_counts_from_the_oldest_unacknowledged_event() {
    let mut engine = Engine::new(config(3), Instant::now());
    for frame in [frames::begin(200), frames::relation(OUTBOX, "outbox", &[])] {
        assert!(position(&mut engine, &frame).is_none());
    }
    let slow = engine.sent(1);
    let quick = [engine.sent(1), engine.sent(1)];
    assert!(!engine.has_room());
    quick.into_iter().for_each(|ticket| engine.acknowledge(ticket));
    assert!(!engine.has_room(), "one slow record keeps the window closed");
    engine.acknowledge(slow);
    assert!(engine.has_room());
}

#[test]
fn a_reply_that_is_asked_for_is_due_within_the_gathering_time() {
    let now = Instant::now();
    let mut engine = Engine::new(config(3), now);
    let ms = Duration::from_millis;
    assert!(engine.status_update(now + ms(60)).is_some());
    assert!(engine.status_update(now + ms(500)).is_none());
    engine.receive(&frames::keepalive(100, true), now + ms(500)).unwrap();
    assert!(engine.status_update(now + ms(500)).is_some());
}

#[test]
fn the_server_is_told_what_a_witness_was_acknowledged_of() {
    let now = Instant::now();
    let mut engine = Engine::new(EngineConfig { keeps_witness: true, ..config(3) }, now);
    for frame in [frames::begin(200), frames::commit(200, 250)] {
        engine.receive(&frame, now).unwrap();
    }
    let later = now + Duration::from_secs(2);
    assert_eq!((engine.confirmed().lsn(), engine.told().lsn()), (Lsn::new(250), Lsn::new(100)));
    let due = engine.witness_due(later).unwrap();
    engine.witness_sent(due, later);
    assert_eq!(engine.final_update(later).confirmed.lsn(), Lsn::new(100));
    engine.witnessed();
    assert_eq!(engine.final_update(later).confirmed.lsn(), Lsn::new(250));
}

/// Any frame of this file's, and now and then bytes that are none.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (90u64..400).prop_map(frames::begin),
        (90u64..400, 0u64..60).prop_map(|(lsn, more)| frames::commit(lsn, lsn + more)),
        (0u64..500, any::<bool>()).prop_map(|(end, reply)| frames::keepalive(end, reply)),
        Just(frames::relation(OUTBOX, "outbox", &[])),
        Just(frames::event("e", "k")),
        Just(frames::delete(OUTBOX)),
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #[test]
    fn no_sequence_of_frames_panics_or_confirms_what_was_not_acknowledged(
        frames in prop::collection::vec(any_frame(), 0..60),
        acknowledge in any::<u64>(),
    ) {
        // The table is described from the start, or the first row would end most runs.
        let described =
            [frames::begin(95), frames::relation(OUTBOX, "outbox", &[]), frames::commit(95, 101)];
        let mut engine = engine_after(&described);
        let mut tickets = Vec::new();
        for (index, frame) in frames.iter().enumerate() {
            let before = engine.confirmed();
            match engine.receive(frame, Instant::now()) {
                Ok(Received::Record(_)) => tickets.push(engine.sent(1)),
                Ok(Received::Nothing) => {}
                Err(_) => break,
            }
            prop_assert!(tickets.is_empty() || engine.confirmed() == before);
            if acknowledge >> (index % 64) & 1 == 1 {
                tickets.pop().into_iter().for_each(|ticket| engine.acknowledge(ticket));
            }
            prop_assert!(engine.confirmed() >= before);
            prop_assert_eq!(engine.in_flight().0 as usize, tickets.len());
        }
    }
}

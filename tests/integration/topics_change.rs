//! Topics change under a running publisher: deleted and made again, or given more partitions.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::harness::{Load, Publisher, Record, Row, Stage, eventually, partition};

/// How long Kafka's client may believe that a topic will come back.
const NOTICED: Duration = Duration::from_secs(60);

fn stage_that_looks_often() -> Stage<'static> {
    let stage = Stage::heavy();
    stage.set(
        "kafka.options",
        "{ 'topic.metadata.refresh.interval.ms' = '1000', \
           'topic.metadata.propagation.max.ms' = '3000' }",
    );
    stage.set("refused.first_wait", "'500ms'");
    stage.set("refused.longest_wait", "'500ms'");
    stage.with_orders()
}

/// What is missing of each key was there before all that is present of it: what the old topic took
/// is gone with it, and everything after it is in the new one, in order.
#[track_caller]
fn only_the_beginning_is_missing(rows: &[Row], records: &[Record]) -> usize {
    let present: HashSet<String> =
        records.iter().filter_map(|record| record.header("id")).collect();
    let mut begun = HashSet::new();
    for row in rows {
        if present.contains(&row.id) {
            begun.insert(&row.key);
        } else {
            assert!(
                !begun.contains(&row.key),
                "{} is lost, though an earlier one is there",
                row.id
            );
        }
    }
    rows.iter().filter(|row| present.contains(&row.id)).count()
}

#[test]
fn a_topic_deleted_and_made_again_at_once_loses_nothing_that_was_not_acknowledged() {
    deleted_under_load(|_, _| {});
}

#[test]
fn a_topic_that_is_away_for_longer_is_named_and_loses_nothing_that_was_not_acknowledged() {
    deleted_under_load(|publisher, topic| {
        let reason = eventually("the topic is named", NOTICED, || {
            let (status, body) = publisher.get("/readyz")?;
            (status == 503 && body.contains(topic)).then_some(body)
        });
        assert!(reason.contains("does not exist") && reason.contains("hint: "), "{reason}");
        assert_eq!(publisher.metric("postrider_fault", "refused"), Some(1.0));
    });
}

fn deleted_under_load(while_away: impl FnOnce(&Publisher, &str)) {
    let stage = stage_that_looks_often();
    let topic = stage.topic_name("orders");
    let publisher = stage.run();
    publisher.allow_warnings().allow(&topic);
    let load = Load::start(&stage, 3, Duration::from_millis(4));
    load.goes_on(150);
    stage.topics.delete(&topic);
    let deleted = stage.rows();
    load.goes_on(150);
    while_away(&publisher, &topic);
    stage.topics.create(&topic, 4, &[]);
    load.goes_on(100);
    load.finish();
    stage.confirmed();
    publisher.ready();
    assert_eq!(publisher.terminate(), 0);

    // What was committed after the deletion is there, and in order; of what was before, an end.
    let (rows, records) = (stage.rows(), stage.records());
    let kept = only_the_beginning_is_missing(&rows, &records);
    assert!(kept >= rows.len() - deleted.len(), "{kept} of {} events are there", rows.len());
    let present: HashSet<String> =
        records.iter().filter_map(|record| record.header("id")).collect();
    let later: Vec<&Row> =
        rows.iter().filter(|row| !deleted.iter().any(|d| d.id == row.id)).collect();
    let lost: Vec<&str> =
        later.iter().filter(|row| !present.contains(&row.id)).map(|row| row.id.as_str()).collect();
    assert!(lost.is_empty(), "committed while the topic was away, and lost: {lost:?}");
    in_order_per_key(&rows, &records);
}

/// Records of one key in one partition are in the order of the rows, repeats dropped.
#[track_caller]
fn in_order_per_key(rows: &[Row], records: &[Record]) {
    let places: HashMap<&str, i64> = rows.iter().map(|row| (row.id.as_str(), row.seq)).collect();
    let mut last: HashMap<(Vec<u8>, i32), i64> = HashMap::new();
    let mut seen = HashSet::new();
    for record in records {
        let id = record.header("id").expect("an id");
        let place = places[id.as_str()];
        let key = (record.key.clone().expect("a key"), record.partition);
        if seen.insert(id.clone()) {
            let before = last.insert(key, place);
            assert!(before < Some(place), "{id} is out of order at {}", record.offset);
        }
    }
}

#[test]
fn a_topic_made_again_with_fewer_partitions_gets_everything() {
    let stage = stage_that_looks_often();
    let topic = stage.topic_name("orders");
    let publisher = stage.run();
    publisher.allow_warnings().allow(&topic);
    let insert = |name: &str| {
        let keys = 0..40;
        let each = keys.map(|n| stage.insert(&format!("{name}-{n:02}"), &format!("'{n}'"), "'{}'"));
        stage.sql().run(&each.collect::<String>());
    };
    insert("old");
    stage.records_when(&publisher, 40);
    stage.confirmed();
    stage.topics.delete(&topic);
    insert("away");
    stage.topics.create(&topic, 2, &[]);
    insert("new");
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    let rows = stage.rows().into_iter().filter(|row| !row.id.starts_with("old")).collect();
    stage.check(rows, Vec::new());
}

#[test]
fn partitions_added_under_load_are_used_as_javas_partitioner_would_and_nothing_is_lost() {
    let stage = stage_that_looks_often();
    let topic = stage.topic_name("orders");
    let publisher = stage.run();
    let load = Load::start(&stage, 3, Duration::from_millis(4));
    load.goes_on(150);
    stage.topics.grow(&topic, 7);
    publisher.eventually("a new partition is used", || {
        let marks = stage.topics.watermarks(&topic)?;
        marks[4..].iter().any(|mark| *mark > 0).then_some(())
    });
    // Whatever is inserted from here on meets a publisher that knows.
    load.goes_on(100);
    load.finish();
    let last = stage.rows().len();
    let each = (0..40).map(|n| stage.insert(&format!("known-{n}"), &format!("'new-{n}'"), "'{}'"));
    stage.sql().run(&each.collect::<String>());
    stage.records_when(&publisher, last + 40);
    stage.confirmed();
    assert_eq!(publisher.metric("postrider_sessions_ended_total", "").unwrap_or(0.0), 0.0);
    assert_eq!(publisher.terminate(), 0);

    let (rows, records) = (stage.rows(), stage.records());
    assert_eq!(only_the_beginning_is_missing(&rows, &records), rows.len(), "something is lost");
    in_order_per_key(&rows, &records);
    let mut moved = HashMap::<Vec<u8>, bool>::new();
    let places: HashMap<&str, i64> = rows.iter().map(|row| (row.id.as_str(), row.seq)).collect();
    let mut by_place: Vec<&Record> = records.iter().collect();
    by_place.sort_by_key(|record| places[record.header("id").unwrap().as_str()]);
    for record in by_place {
        let key = record.key.clone().expect("a key");
        let is_new = partition(&key, 7) == record.partition;
        let is_old = partition(&key, 4) == record.partition;
        assert!(is_new || is_old, "{} is in no right place", record.header("id").unwrap());
        if is_new != is_old {
            let has_moved = moved.entry(key).or_insert(false);
            assert!(!*has_moved || is_new, "a key goes back to its old partition");
            *has_moved |= is_new;
        }
        if record.header("id").unwrap().starts_with("known") {
            assert!(is_new, "a new key is placed by the old count");
        }
    }
}

#[test]
fn a_row_that_names_a_partition_which_was_just_added_is_delivered_without_a_hold() {
    let stage = Stage::new();
    stage.sql().run(crate::harness::TABLE);
    stage.sql().run("alter table outbox add place integer");
    stage.topic("orders", &[]);
    stage.set("outbox.columns", "{ partition = 'place' }");
    stage.init();
    let publisher = stage.run();
    let insert = |id: &str, place: i32| {
        let row = stage.insert(id, "'k'", "'{}'").replace("payload)", "payload, place)");
        stage.sql().run(&row.replace("'{}')", &format!("'{{}}', {place})")));
    };
    insert("old", 3);
    stage.records_when(&publisher, 1);
    stage.topics.grow(&stage.topic_name("orders"), 6);
    insert("new", 5);
    let records = stage.records_when(&publisher, 2);
    assert_eq!(records.iter().map(|record| record.partition).collect::<Vec<_>>(), [3, 5]);
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
}

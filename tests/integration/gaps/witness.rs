//! The witness topic: missing, empty, off, out of reach; what is written into it.

use std::time::Duration;

use super::{Written, goes_on, stage};
use crate::harness::{Stage, eventually};

fn records(stage: &Stage<'_>, topic: &str) -> Vec<(String, String)> {
    let ours = format!("{}/", stage.name);
    let all = stage.topics.read(&[topic.to_owned()]);
    let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default()).unwrap();
    let pairs = all.into_iter().map(|record| (text(record.key), text(record.payload)));
    pairs.filter(|(key, _)| key.starts_with(&ours)).collect()
}

#[test]
fn the_slot_never_stands_ahead_of_the_latest_witness() {
    let (stage, mut written) = (stage(), Written::default());
    let publisher = stage.run();
    for number in 0..20 {
        written.write(&stage, &format!("row-{number}"));
        let slot = stage.postgres.sql(&stage.name).text(&format!(
            "select confirmed_flush_lsn from pg_replication_slots where slot_name = '{}'",
            stage.name
        ));
        let witnessed =
            records(&stage, "postrider.witness").into_iter().filter_map(|(_, value)| {
                let value: serde_json::Value = serde_json::from_str(&value).ok()?;
                Some(crate::harness::lsn(value["confirmed"].as_str()?))
            });
        let slot = crate::harness::lsn(&slot.unwrap());
        assert!(witnessed.max() >= Some(slot), "the slot stands at {slot:X}");
    }
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_missing_topic_is_named_and_init_makes_it() {
    let (stage, mut written) = (stage(), Written::default());
    stage.set("kafka.witness_topic", &format!("'{}.lost'", stage.name));
    let publisher = stage.start(&[]);
    publisher.allow("does not exist");
    let words = publisher.holds("does not exist");
    assert!(words.contains("kafka.witness_topic") && words.contains("postrider init"), "{words}");
    let said = stage.says(&["init"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains(": created\n"), "{said:?}");
    goes_on(&stage, &publisher, &mut written);
    assert_eq!(publisher.terminate(), 0);
    let said = stage.says(&["init"]);
    assert!(said.out.contains("nothing is missing"), "{said:?}");
}

#[test]
fn an_empty_name_does_without() {
    let (stage, mut written) = (Stage::new(), Written::default());
    stage.set("kafka.witness_topic", "''");
    let stage = stage.with_orders();
    let publisher = stage.run();
    goes_on(&stage, &publisher, &mut written);
    assert_eq!(publisher.terminate(), 0);
    assert_eq!(records(&stage, "postrider.witness"), []);
    let said = stage.says(&["init"]);
    assert!(said.out.contains("kafka.witness_topic is empty"), "{said:?}");
}

#[test]
fn an_idle_publisher_writes_one_witness_a_second_at_most_and_restarts_clear_up() {
    let (stage, mut written) = (stage(), Written::default());
    for _ in 0..3 {
        let publisher = stage.run();
        written.write(&stage, &format!("row-{}", fastrand::u32(..)));
        stage.confirmed();
        assert_eq!(publisher.terminate(), 0);
    }
    let publisher = stage.run();
    goes_on(&stage, &publisher, &mut written);
    let before = records(&stage, "postrider.witness").len();
    let sql = stage.postgres.sql(&stage.name);
    sql.run("create table busy (n int)");
    for _ in 0..30 {
        sql.run("insert into busy values (1)");
        std::thread::sleep(Duration::from_millis(100));
    }
    let more = records(&stage, "postrider.witness").len() - before;
    assert!((1..=5).contains(&more), "{more} witnesses in three seconds of other tables' WAL");
    // Earlier sessions' records are erased once a later one is acknowledged.
    let left = eventually("one session's key is left", Duration::from_secs(5), || {
        let mut last = std::collections::BTreeMap::new();
        last.extend(records(&stage, "postrider.witness"));
        last.retain(|_, value| !value.is_empty());
        (last.len() == 1).then_some(last)
    });
    assert!(left.values().all(|value| !value.contains("\"spoiled\"")), "{left:?}");
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn init_accepts_nothing_while_a_publisher_streams() {
    let (stage, mut written) = (stage(), Written::default());
    let publisher = stage.run();
    let said = stage.says(&["init", "--accept-gap"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("kept by the publisher that runs"), "{said:?}");
    goes_on(&stage, &publisher, &mut written);
    assert_eq!(publisher.terminate(), 0);
}

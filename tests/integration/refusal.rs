//! Refusals: what Kafka will not take, and rows that cannot become records, hold the stream.

use crate::harness::{Publisher, Stage};

/// Waits short enough for a test.
fn with_short_waits(stage: Stage<'static>) -> Stage<'static> {
    stage.set("refused.first_wait", "'300ms'");
    stage.set("refused.longest_wait", "'1s'");
    stage
}

/// Every record a batch of its own: what is behind a refused one is on its way already and could
/// be appended. In larger batches chance would decide whether it shows.
fn with_small_batches(stage: Stage<'static>) -> Stage<'static> {
    stage.set("kafka.options", "{ 'batch.num.messages' = '1', 'linger.ms' = '0' }");
    stage
}

/// SQL for a JSON text of so many times 32 bytes that do not compress to nothing.
fn json_of(pieces: u32) -> String {
    format!("to_json((select string_agg(md5(i::text), '') from generate_series(1, {pieces}) i))")
}

fn ids(stage: &Stage<'_>) -> Vec<String> {
    let mut ids: Vec<_> = stage.records().iter().filter_map(|record| record.header("id")).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Waits until Kafka has refused `more` times from now on: long enough for anything that should
/// not be sent to show itself.
fn refused_again(publisher: &Publisher, more: f64) {
    let refusals = || publisher.metric("postrider_records_refused_total", "").unwrap_or(0.0);
    let goal = refusals() + more;
    publisher.eventually("Kafka refuses again", || (refusals() >= goal).then_some(()));
}

#[test]
fn an_unknown_topic_holds_everything_behind_it_until_the_topic_is_there() {
    let stage = with_short_waits(Stage::new()).with_orders();
    let publisher = stage.run();
    publisher.allow_warnings().allow(&stage.topic_name("ghost"));
    let sql = stage.sql();
    sql.run(&stage.insert("1-before", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);
    let orders = stage.aggregate("orders");
    sql.run(&stage.insert("2-ghost", "'k'", "'{}'").replace(&orders, &stage.aggregate("ghost")));
    let reason = publisher.holds(&stage.topic_name("ghost"));
    assert!(reason.contains("2-ghost"), "the event is not named: {reason}");
    assert!(reason.contains("hint: "), "no hint: {reason}");
    sql.run(&stage.insert("3-behind", "'other'", "'{}'"));
    refused_again(&publisher, 2.0);
    assert_eq!(ids(&stage), ["1-before"]);
    assert!(publisher.metric("postrider_fault", "refused") == Some(1.0), "the fault is shown");

    stage.topic("ghost", &[]);
    stage.records_when(&publisher, 3);
    publisher.ready();
    stage.confirmed();
    stage.check(stage.rows(), Vec::new());
    assert_eq!(publisher.metric("postrider_fault", "refused"), Some(0.0));
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_record_too_large_for_its_topic_in_the_middle_of_a_batch_is_overtaken_by_nothing() {
    overtaken_by_nothing(with_short_waits(Stage::new()).with_orders());
}

#[test]
fn a_record_too_large_for_its_topic_is_overtaken_by_no_later_batch() {
    overtaken_by_nothing(with_small_batches(with_short_waits(Stage::new())).with_orders());
}

fn overtaken_by_nothing(stage: Stage<'static>) {
    stage.topics.alter(&stage.topic_name("orders"), "max.message.bytes", "8000");
    let publisher = stage.run();
    publisher.allow_warnings().allow(&stage.topic_name("orders"));
    let sql = stage.sql();
    // The publisher's way to every partition is warm, as it is in the midst of work.
    let warm: String =
        (0..40).map(|n| stage.insert(&format!("warm-{n}"), &format!("'{n}'"), "'{}'")).collect();
    sql.run(&warm);
    stage.records_when(&publisher, 40);
    stage.confirmed();
    let mut transaction = "begin;".to_owned();
    for number in 0..800 {
        let (id, pieces) = match number {
            20 => ("large".to_owned(), 1000),
            _ => (format!("{number:03}"), 1),
        };
        let key = format!("'key-{}'", number % 5);
        transaction.push_str(&stage.insert(&id, &key, &json_of(pieces)));
    }
    sql.run(&(transaction + "commit"));

    let reason = publisher.holds(&stage.topic_name("orders"));
    assert!(reason.contains("large"), "the event is not named: {reason}");
    sql.run(&stage.insert("later", "'key-1'", "'{}'"));
    refused_again(&publisher, 2.0);
    let held = ids(&stage);
    for number in 0..20 {
        assert!(held.contains(&format!("{number:03}")), "{number} is before the refused one");
    }
    assert!(!held.contains(&"large".to_owned()) && !held.contains(&"later".to_owned()));
    for number in (25..800).step_by(5) {
        assert!(!held.contains(&format!("{number:03}")), "{number} overtook one of its key");
    }

    stage.topics.alter(&stage.topic_name("orders"), "max.message.bytes", "1000000");
    stage.records_when(&publisher, 841);
    publisher.ready();
    stage.confirmed();
    stage.check(stage.rows(), Vec::new());
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn the_first_record_of_a_new_publisher_refused_is_overtaken_by_nothing() {
    let stage = with_small_batches(with_short_waits(Stage::new())).with_orders();
    stage.topics.alter(&stage.topic_name("orders"), "max.message.bytes", "3000");
    let mut transaction = stage.insert("0", "'k'", &json_of(500));
    for number in 1..10 {
        transaction.push_str(&stage.insert(&number.to_string(), "'k'", "'{}'"));
    }
    stage.sql().run(&transaction);
    let publisher = stage.start(&[]);
    publisher.allow_warnings().allow(&stage.topic_name("orders"));
    publisher.holds(&stage.topic_name("orders"));
    refused_again(&publisher, 2.0);
    assert!(ids(&stage).is_empty(), "{:?} overtook the refused one", ids(&stage));

    stage.topics.alter(&stage.topic_name("orders"), "max.message.bytes", "1000000");
    stage.records_when(&publisher, 10);
    stage.confirmed();
    stage.check(stage.rows(), Vec::new());
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_refused_record_ends_the_process_with_79_when_asked_to() {
    let stage = Stage::new().with_orders();
    let orders = stage.aggregate("orders");
    let ghost = stage.insert("lost", "'k'", "'{}'").replace(&orders, &stage.aggregate("ghost"));
    stage.sql().run(&ghost);
    stage.run_and_leave().refuses(79, &[&stage.topic_name("ghost"), "lost"]);
}

/// A row that cannot be routed between two good ones: the first is delivered, nothing else.
fn holds_at(bad: &str, named: &str) {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    publisher.allow("bad-row");
    let bad = stage.insert("bad-row", "'k'", "'{}'").replace(&stage.aggregate("orders"), bad);
    let bad = bad.replace("'null'", "null");
    let good = stage.insert("1-before", "'k'", "'{}'");
    stage.sql().run(&format!("{good} {bad} {}", stage.insert("2-after", "'other'", "'{}'")));

    let reason = publisher.holds("bad-row");
    assert!(reason.contains(named), "{named:?} is not named: {reason}");
    stage.records_when(&publisher, 1);
    stage.sql().run(&stage.insert("3-later", "'other'", "'{}'"));
    assert_eq!(publisher.metric("postrider_fault", "unroutable"), Some(1.0));
    assert_eq!(publisher.get("/livez").map(|(status, _)| status), Some(200));
    assert_eq!(publisher.terminate(), 0);

    stage.run_and_leave().refuses(76, &["bad-row", named]);
    assert_eq!(ids(&stage), ["1-before"], "nothing behind the row is sent");
}

#[test]
fn a_row_without_a_topic_holds_and_is_named() {
    holds_at("null", "aggregatetype");
}

#[test]
fn a_row_whose_topic_kafka_could_not_have_holds_and_is_named() {
    holds_at("no such topic!", "no such topic!");
}

#[test]
fn a_column_that_goes_missing_while_it_runs_holds_at_the_first_row_without_it() {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    publisher.allow("payload");
    let sql = stage.sql();
    sql.run(&stage.insert("1-before", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);
    sql.run("alter table outbox rename payload to body");
    sql.run(&stage.insert("2-renamed", "'k'", "'{}'").replace("payload", "body"));
    let reason = publisher.holds("payload");
    assert!(reason.contains("public.outbox"), "the table is not named: {reason}");
    assert_eq!(publisher.terminate(), 0);
    stage.run_and_leave().refuses(76, &["payload"]);

    // The row's name for it, told by a setting, sets it free.
    stage.set("outbox.columns", "{ payload = 'body' }");
    let publisher = stage.run();
    assert_eq!(stage.records_when(&publisher, 2).len(), 2);
    assert_eq!(ids(&stage), ["1-before", "2-renamed"]);
    assert_eq!(publisher.terminate(), 0);
}

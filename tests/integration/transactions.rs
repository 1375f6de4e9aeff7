//! Transactions: committed rows are delivered in every form they can be written, others never.

use rdkafka::message::{Headers, Message};

use crate::harness::{Row, Stage};

#[test]
fn rows_of_copy_and_of_a_multi_row_insert_have_positions_of_their_own() {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    let aggregate = stage.aggregate("orders");
    let lines: String = (0..1000)
        .map(|n| format!("copy-{n}\t{aggregate}\tkey-{}\tmade\t{{\"n\": {n}}}\n", n % 7))
        .collect();
    let sql = stage.sql();
    sql.copy_in(
        "copy outbox (id, aggregatetype, aggregateid, type, payload) from stdin",
        lines.into_bytes(),
    );
    sql.run(&format!(
        "insert into outbox (id, aggregatetype, aggregateid, payload)
         select 'multi-' || n, '{aggregate}', 'key-' || n % 7, '{{}}' from generate_series(1, 1000) n"
    ));

    assert_eq!(stage.records_when(&publisher, 2000).len(), 2000);
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_row_that_its_own_transaction_deletes_is_delivered() {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    let deleted = stage.insert("deleted", "'k'", r#"'{"gone": true}'"#);
    let kept = stage.insert("kept", "'k'", "'{}'");
    let sql = stage.sql();
    sql.run(&format!("begin; {deleted} delete from outbox; {kept} commit"));
    sql.run("update outbox set type = 'changed'; update outbox set type = 'made'");

    assert_eq!(stage.records_when(&publisher, 2).len(), 2);
    let mut rows = stage.rows();
    assert_eq!(rows.len(), 1, "the table kept one");
    rows.push(Row {
        id: "deleted".into(),
        payload: Some(br#"{"gone": true}"#.to_vec()),
        seq: rows[0].seq - 1,
        ..rows[0].clone()
    });
    assert_eq!(stage.check(rows, Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn what_is_rolled_back_is_never_sent() {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    let row = |id: &str| stage.insert(id, "'k'", "'{}'");
    let sql = stage.sql();
    sql.run(&format!("begin; {} rollback", row("whole")));
    sql.run(&format!(
        "begin; {} savepoint a; {} savepoint b; {} release b; rollback to a; {} commit",
        row("before"),
        row("inner"),
        row("innermost"),
        row("after")
    ));
    sql.run(&row("last"));

    let records = stage.records_when(&publisher, 3);
    assert_eq!(records.len(), 3);
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn rows_written_to_a_partition_come_through_the_root() {
    let stage = Stage::new();
    stage.sql().run(
        "create table outbox (id text, aggregatetype text, aggregateid text, type text default 'made',
                              payload json, day int not null default 1)
         partition by list (day);
         create table outbox_1 partition of outbox for values in (1);
         create table outbox_2 partition of outbox for values in (2)",
    );
    stage.topic("orders", &[]);
    stage.init();
    let publisher = stage.run();
    let sql = stage.sql();
    sql.run(&stage.insert("first", "'k'", "'{}'"));
    sql.run("alter table outbox alter day set default 2");
    sql.run(&stage.insert("second", "'k'", "'{}'"));
    stage.records_when(&publisher, 2);

    // As partitions come and go.
    sql.run(
        "drop table outbox_1;
         create table outbox_3 partition of outbox for values in (3);
         alter table outbox alter day set default 3",
    );
    sql.run(&stage.insert("third", "'k'", "'{}'"));
    let ids: Vec<_> =
        stage.records_when(&publisher, 3).iter().map(|record| record.header("id")).collect();
    assert_eq!(ids, ["first", "second", "third"].map(|id| Some(id.to_owned())));
    assert_eq!(publisher.terminate(), 0);
}

/// Peak memory that a publisher may need, whatever the size of a transaction.
pub const MOST_MEMORY_KIB: u64 = if cfg!(debug_assertions) { 96 * 1024 } else { 64 * 1024 };

#[test]
fn a_transaction_of_a_million_rows_passes_in_constant_memory() {
    const ROWS: usize = 1_000_000;
    let stage = Stage::heavy();
    stage.sql().run(
        "create table outbox (id bigint, aggregatetype text, aggregateid text, type text,
                              payload text)",
    );
    stage.topic("orders", &[]);
    stage.init();
    let publisher = stage.run();
    stage.sql().run(&format!(
        "insert into outbox select n, '{}', 'key-' || n % 100, 't', n
         from generate_series(0, {}) n",
        stage.aggregate("orders"),
        ROWS - 1
    ));
    stage.confirmed();
    let peak = publisher.peak_memory_kib();
    assert_eq!(publisher.terminate(), 0);

    // Too many for the checker: every number once, rising within its key.
    let mut last = vec![None; 100];
    let mut count = 0;
    let mut commits = std::collections::HashSet::new();
    stage.topics.each(&stage.topic_names(), |message| {
        let number: usize =
            std::str::from_utf8(message.payload().unwrap()).unwrap().parse().unwrap();
        assert_eq!(message.key(), Some(format!("key-{}", number % 100).as_bytes()));
        assert!(last[number % 100] < Some(number), "{number} comes late or twice");
        last[number % 100] = Some(number);
        let header = message.headers().unwrap().iter().find(|header| header.key == "position");
        let position = std::str::from_utf8(header.unwrap().value.unwrap()).unwrap().to_owned();
        let (commit, ordinal) = position.rsplit_once('/').unwrap();
        assert_eq!(ordinal.parse(), Ok(number));
        commits.insert(commit.to_owned());
        count += 1;
    });
    assert_eq!(count, ROWS);
    assert_eq!(commits.len(), 1, "one transaction has one commit position");
    println!("peak memory with one transaction of {ROWS} rows: {peak} KiB");
    assert!(peak <= MOST_MEMORY_KIB, "peak memory {peak} KiB is over {MOST_MEMORY_KIB} KiB");
}

#[test]
fn a_transaction_that_stays_open_keeps_no_other_from_being_delivered_and_follows_when_it_commits() {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    let open = stage.sql();
    open.run(&format!("begin; {}", stage.insert("open-1", "'open'", "'{}'")));
    let sql = stage.sql();
    for number in 0..50 {
        sql.run(&stage.insert(&format!("short-{number}"), "'short'", "'{}'"));
    }
    stage.records_when(&publisher, 50);
    stage.confirmed();
    open.run(&format!("{} commit", stage.insert("open-2", "'open'", "'{}'")));
    stage.records_when(&publisher, 52);
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);

    let publisher = stage.run();
    stage.confirmed();
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn logical_messages_of_others_neither_arrive_nor_disturb() {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    let sql = stage.sql();
    let message = |transactional: bool| {
        format!("select pg_logical_emit_message({transactional}, 'other', repeat('x', 5000));")
    };
    sql.run(&message(false));
    sql.run(&format!(
        "begin; {} {} {} commit",
        stage.insert("one", "'k'", "'{}'"),
        message(true),
        stage.insert("two", "'k'", "'{}'")
    ));
    sql.run(&format!("begin; {} {} rollback", message(true), message(false)));
    stage.records_when(&publisher, 2);
    stage.confirmed();
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

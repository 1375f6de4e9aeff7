//! Renames: rows belong to the outbox by the name it had when they were written, or has today.

use std::time::Duration;

use crate::harness::{Row, Stage, TABLE};

fn ids(stage: &Stage<'_>) -> Vec<String> {
    stage.records().iter().filter_map(|record| record.header("id")).collect()
}

#[test]
fn rows_written_before_a_rename_are_delivered_under_the_new_name() {
    let stage = Stage::new().with_orders();
    let row = |id: &str| stage.insert(id, "'k'", "'{}'");
    let sql = stage.sql();
    sql.run(&(row("1-old") + &row("2-old")));
    sql.run(&format!(
        "begin; {} alter table outbox rename to events; {} commit",
        row("3-during"),
        row("4-during").replace("into outbox", "into events"),
    ));
    sql.run(&row("5-new").replace("into outbox", "into events"));
    stage.set("outbox.table", "'public.events'");
    let publisher = stage.run();
    sql.run(&row("6-live").replace("into outbox", "into events"));

    stage.records_when(&publisher, 6);
    assert_eq!(ids(&stage), ["1-old", "2-old", "3-during", "4-during", "5-new", "6-live"]);
    sql.run("create view outbox as select * from events");
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn rows_of_a_table_dropped_and_made_again_are_delivered_with_those_of_its_successor() {
    let stage = Stage::new();
    let all = format!("create publication {} for all tables", stage.name);
    stage.postgres.sql(&stage.name).run(&all);
    // That another table has the name is a gap for a witness, see `gaps`.
    stage.set("kafka.witness_topic", "''");
    let stage = stage.with_orders();
    let row = |id: &str| stage.insert(id, "'k'", "'{}'");
    let sql = stage.sql();
    sql.run(&(row("1-first") + &row("2-first")));
    let mut rows: Vec<Row> = stage.rows();
    sql.run("drop table outbox");
    sql.run(&TABLE.replace("payload json", "added int, payload text"));
    sql.run(&(row("3-second") + &row("4-second")));
    let publisher = stage.run();
    sql.run(&row("5-live"));

    stage.records_when(&publisher, 5);
    assert_eq!(ids(&stage), ["1-first", "2-first", "3-second", "4-second", "5-live"]);
    // The new table counts from 1 again.
    rows.extend(stage.rows().into_iter().map(|row| Row { seq: row.seq + 1000, ..row }));
    assert_eq!(stage.check(rows, Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_rename_while_streaming_holds_until_the_old_name_or_the_setting_is_back() {
    for mend_by_setting in [false, true] {
        let stage = Stage::new();
        stage.set("refused.first_wait", "'2s'");
        let stage = stage.with_orders();
        let publisher = stage.run();
        publisher.allow("renamed").allow("does not exist");
        let sql = stage.sql();
        sql.run(&stage.insert("1-before", "'k'", "'{}'"));
        stage.records_when(&publisher, 1);
        sql.run("alter table outbox rename to events");
        sql.run(&stage.insert("2-after", "'k'", "'{}'").replace("into outbox", "into events"));
        let reason = publisher.holds("renamed");
        assert!(reason.contains("public.outbox") && reason.contains("public.events"), "{reason}");
        assert!(reason.contains("hint: rename it back, or set [outbox] table"), "{reason}");
        assert_eq!(ids(&stage), ["1-before"]);

        let publisher = if mend_by_setting {
            assert_eq!(publisher.terminate(), 0);
            stage.set("outbox.table", "'public.events'");
            stage.run()
        } else {
            sql.run("alter table events rename to outbox");
            publisher
        };
        stage.records_when(&publisher, 2);
        publisher.ready();
        assert_eq!(ids(&stage), ["1-before", "2-after"]);
        assert_eq!(publisher.terminate(), 0);
    }
}

#[test]
fn a_rename_while_streaming_ends_the_process_with_76_when_asked_to() {
    let stage = Stage::new().with_orders();
    let publisher = stage.start(&["--exit-on-fault"]);
    publisher.ready();
    publisher.allow("renamed");
    let sql = stage.sql();
    sql.run(&stage.insert("1-before", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);
    sql.run("alter table outbox rename to events");
    sql.run(&stage.insert("2-after", "'k'", "'{}'").replace("into outbox", "into events"));
    assert_eq!(publisher.exit_code(Duration::from_secs(15)), 76);
    assert!(publisher.log().contains("public.events"), "{}", publisher.log());
    assert_eq!(ids(&stage), ["1-before"]);
}

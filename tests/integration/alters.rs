//! ALTER TABLE while rows stream: what no setting names may change as it likes, the rest is held and
//! named, and goes on once it is mended.

use crate::harness::{Publisher, Stage};

/// The usual insert without a payload of its own, so that any type of payload takes it.
fn row(stage: &Stage<'_>, id: &str) -> String {
    stage.insert(id, "'k'", r#"'{"of":1}'"#)
}

#[test]
fn columns_that_no_setting_names_and_types_change_amid_a_transaction() {
    let stage = Stage::new();
    stage.sql().run(
        "create table outbox (
             id bigint, aggregatetype varchar(200), aggregateid text, type varchar(9) default 'made',
             payload json, tenant text default 'north', note int)",
    );
    stage.topic("orders", &[]);
    stage.init();
    let publisher = stage.run();
    let sql = stage.sql();
    let changes = [
        "add column plain text",
        "add column constant int not null default 7",
        // These write the whole table anew.
        "add column volatile timestamptz default clock_timestamp()",
        "alter payload type jsonb",
        "alter id type text",
        "alter type type text, alter aggregatetype type text",
        "drop column note",
        "rename column tenant to site",
        "drop column plain, drop column constant, add column constant text",
        "alter aggregateid set storage external, alter site set not null",
        "add constraint short check (length(id) < 9)",
        "replica identity full",
    ];
    let mut expected = Vec::new();
    for change in changes {
        let next = expected.len();
        let rows: Vec<_> = (next..next + 4).map(|n| row(&stage, &n.to_string())).collect();
        sql.run(&format!(
            "begin; {} savepoint s; alter table outbox add column gone int; {} rollback to s;
             {} alter table outbox {change}; {} commit; {}",
            rows[0],
            row(&stage, "7777777"),
            rows[1],
            rows[2],
            rows[3],
        ));
        expected.extend((next..next + 4).map(|n| n.to_string()));
    }

    let records = stage.records_when(&publisher, expected.len());
    assert_eq!(stage.first_ids(), expected);
    for record in &records {
        let number: usize = record.header("id").unwrap().parse().unwrap();
        // The payload as the type of its time writes it: jsonb has a space.
        let written: &[u8] = if number < 14 { br#"{"of":1}"# } else { br#"{"of": 1}"# };
        assert_eq!(record.payload.as_deref(), Some(written), "event {number}");
        assert_eq!(record.header("type").as_deref(), Some("made"));
    }
    assert_eq!(publisher.terminate(), 0);
}

fn streaming_and_impatient() -> (Stage<'static>, Publisher) {
    let stage = Stage::new();
    stage.set("refused.first_wait", "'500ms'");
    stage.set("refused.longest_wait", "'500ms'");
    let stage = stage.with_orders();
    let publisher = stage.run();
    stage.sql().run(&row(&stage, "1-before"));
    stage.records_when(&publisher, 1);
    (stage, publisher)
}

#[test]
fn a_dropped_column_that_a_setting_names_holds_until_no_setting_does() {
    let (stage, publisher) = streaming_and_impatient();
    publisher.allow("has no column");
    let sql = stage.sql();
    sql.run(&format!(
        "begin; {} alter table outbox drop column type; {} commit",
        row(&stage, "2-same-transaction"),
        row(&stage, "3-without")
    ));
    let reason = publisher.holds("has no column \"type\" (needed by route.headers");
    assert!(reason.contains("public.outbox") && reason.contains("[route]"), "{reason}");
    assert!(reason.contains("before it was added"), "{reason}");
    assert_eq!(stage.first_ids(), ["1-before", "2-same-transaction"]);
    // A new column of that name does not help rows that were written without one.
    sql.run("alter table outbox add column type text default 'made'");
    sql.run(&row(&stage, "4-with"));
    publisher.holds("has no column \"type\"");
    assert_eq!(publisher.terminate(), 0);

    stage.set("route.headers", "['id']");
    let publisher = stage.run();
    stage.confirmed();
    assert_eq!(stage.first_ids(), ["1-before", "2-same-transaction", "3-without", "4-with"]);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_renamed_column_that_a_setting_names_holds_until_the_name_or_the_setting_is_back() {
    for mend_by_setting in [false, true] {
        let (stage, publisher) = streaming_and_impatient();
        publisher.allow("has no column");
        let sql = stage.sql();
        let renamed = |id: &str| row(&stage, id).replace("aggregateid,", "\"order\",");
        sql.run(&format!(
            "begin; {} alter table outbox rename column aggregateid to \"order\"; {} commit; {}",
            row(&stage, "2-same-transaction"),
            renamed("3-renamed"),
            renamed("4-renamed"),
        ));
        let reason = publisher.holds("has no column \"aggregateid\" (needed by route.key");
        assert!(reason.contains("public.outbox"), "{reason}");
        assert_eq!(stage.first_ids(), ["1-before", "2-same-transaction"]);

        let publisher = if mend_by_setting {
            assert_eq!(publisher.terminate(), 0);
            // Rows before the rename, should they have to be read again, have the old name.
            stage.set("outbox.columns", "{ key = 'order' }");
            sql.run(&renamed("5-mended"));
            stage.run()
        } else {
            sql.run("alter table outbox rename column \"order\" to aggregateid");
            sql.run(&row(&stage, "5-mended"));
            publisher
        };
        stage.confirmed();
        publisher.ready();
        let expected = ["1-before", "2-same-transaction", "3-renamed", "4-renamed", "5-mended"];
        assert_eq!(stage.first_ids(), expected);
        assert!(stage.records().iter().all(|record| record.key.as_deref() == Some(b"k")));
        assert_eq!(publisher.terminate(), 0);
    }
}

#[test]
fn rows_written_before_a_column_got_its_present_name_are_read_by_that_name() {
    let stage = Stage::new().with_orders();
    let sql = stage.sql();
    sql.run(&row(&stage, "1-old"));
    sql.run(
        "alter table outbox rename column aggregateid to entity;
         alter table outbox add column added int",
    );
    let renamed = |id: &str| row(&stage, id).replace("aggregateid,", "entity,");
    sql.run(&renamed("2-new"));
    stage.set("outbox.columns", "{ key = 'entity' }");
    let publisher = stage.run();
    sql.run(&renamed("3-live"));

    let records = stage.records_when(&publisher, 3);
    assert_eq!(stage.first_ids(), ["1-old", "2-new", "3-live"]);
    assert!(records.iter().all(|record| record.key.as_deref() == Some(b"k")));
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn columns_that_changed_places_are_not_guessed_at() {
    let stage = Stage::new().with_orders();
    let sql = stage.sql();
    sql.run(&row(&stage, "1-old"));
    // What was the key may be anything now.
    sql.run(
        "alter table outbox drop column aggregateid;
         alter table outbox add column entity text",
    );
    stage.set("outbox.columns", "{ key = 'entity' }");
    stage.run_and_leave().refuses(76, &["public.outbox", "\"entity\"", "route.key"]);
    assert_eq!(stage.first_ids(), Vec::<String>::new());
}

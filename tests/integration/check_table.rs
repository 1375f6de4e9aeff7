//! `postrider check`: the outbox table, good and bad.

use crate::{
    check_postgres::{GOOD_TABLE, good},
    facts::PARTITIONED,
    harness::{Stage, preflight},
};

/// The statement in the hint mends it.
const BY_ITS_HINT: &str = "";

/// What stands after "run", up to what follows it.
fn statement(hint: &str) -> &str {
    let (_, rest) = hint.split_once("run ").expect("the hint has a statement");
    rest.split(", unless").next().unwrap()
}

#[test]
fn each_trouble_of_the_table_is_told_and_ends_with_its_remedy() {
    let stage = good(Stage::new());
    let sql = stage.sql();
    let steps = [
        (
            "alter table outbox drop constraint outbox_pkey;
             create index on outbox (id);
             create unique index on outbox (id) where seq > 1;
             create unique index on outbox (id, type)",
            BY_ITS_HINT,
            ("id_unique", "warning", "nothing keeps column \"id\" unique"),
        ),
        (
            "alter table outbox drop constraint outbox_payload_check",
            BY_ITS_HINT,
            ("payload_limit", "warning", "no limit:"),
        ),
        (
            "alter table outbox rename column payload to pay_load",
            "alter table outbox rename column pay_load to payload",
            ("columns", "fault", "\"payload\" (needed by outbox.columns.payload"),
        ),
        (
            "alter table outbox alter column payload type xml using '<a/>'",
            "alter table outbox alter column payload type json using '{}'",
            ("columns", "fault", "\"payload\" of xml"),
        ),
        (
            "alter table outbox drop column aggregateid;
             alter table outbox add aggregateid text generated always as ('k') stored",
            "alter table outbox alter column aggregateid drop expression",
            ("columns", "fault", "\"aggregateid\" is generated"),
        ),
        (
            "create rule swallow as on insert to outbox do instead nothing",
            BY_ITS_HINT,
            ("inserts", "warning", "rule swallow"),
        ),
        (
            "alter table outbox alter column seq drop identity;
             alter table outbox set unlogged",
            "alter table outbox set logged",
            ("table", "fault", "unlogged"),
        ),
        (
            "create table child () inherits (outbox)",
            "drop table child",
            ("table", "fault", "public.child"),
        ),
    ];
    for (harm, mend, (name, state, part)) in steps {
        if harm.contains("type xml") {
            // The constraint calls a function of the old type.
            sql.run("alter table outbox drop constraint payload_fits_kafka");
        }
        if harm.contains("unlogged") {
            // A table of a publication cannot become unlogged.
            sql.run(&format!("drop publication {}", stage.name));
        }
        sql.run(harm);
        let check = preflight(&stage, &[]);
        let hint = check.shows(name, state, part);
        assert_eq!(check.code, i32::from(state == "fault" || harm.contains("unlogged")), "{harm}");
        sql.run(if mend == BY_ITS_HINT { statement(&hint) } else { mend });
        preflight(&stage, &[]).shows(name, "ok", "");
    }
}

#[test]
fn a_trigger_is_mentioned_and_a_missing_table_is_a_fault() {
    let stage = good(Stage::new());
    stage.sql().run(
        "create function stamp() returns trigger language plpgsql as 'begin return new; end';
         create trigger stamp before insert on outbox for each row execute function stamp()",
    );
    preflight(&stage, &[]).shows("inserts", "ok", "trigger stamp");
    stage.set("outbox.table", "'public.out_box'");
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 1);
    check.shows("table", "fault", "public.out_box does not exist");
    assert!(!check.has("columns"));
    check.shows("routes", "warning", "none to look at");
}

#[test]
fn a_partitioned_outbox_is_fine_until_a_partition_is_unlogged() {
    let stage = Stage::new();
    stage.sql().run(PARTITIONED);
    stage.sql().run("alter table outbox add primary key (id, day)");
    stage.init();
    let check = preflight(&stage, &[]);
    check.shows("table", "ok", "its 3 partitions write rows to the WAL");
    check.shows("id_unique", "ok", "together with the partition key");
    assert_eq!(check.code, 0);
    stage.sql().run("alter table outbox_2 set unlogged");
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 1);
    check.shows("table", "fault", "outbox_2");
}

#[test]
fn an_id_beside_another_primary_key_is_made_unique_by_the_hint() {
    let stage = good(Stage::new());
    stage.sql().run(
        "alter table outbox drop constraint outbox_pkey, add primary key (seq);
         alter table outbox alter column id set not null",
    );
    let hint = preflight(&stage, &[]).shows("id_unique", "warning", "nothing keeps column \"id\"");
    stage.sql().run(statement(&hint));
    preflight(&stage, &[]).shows("id_unique", "ok", "\"id\" is unique");
}

#[test]
fn an_id_that_may_be_null_is_warned_of() {
    let stage = Stage::new();
    stage.sql().run(&GOOD_TABLE.replace("id text primary key", "id text unique"));
    stage.init();
    let hint = preflight(&stage, &[]).shows("id_unique", "warning", "may be NULL");
    stage.sql().run(statement(&hint));
    preflight(&stage, &[]).shows("id_unique", "ok", "is unique");
}

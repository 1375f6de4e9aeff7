//! Leaves and children of the outbox, and a slot of prepared transactions: what keeps rows from the
//! stream in silence is refused at the start, and the hint mends it.

use crate::{
    facts::{PARTITIONED, Refused, as_superuser, impatient, refused},
    harness::Stage,
};

/// A stage with a partitioned outbox whose second leaf is gone.
fn partitioned() -> Stage<'static> {
    let stage = impatient();
    stage.sql().run(PARTITIONED);
    stage.sql().run("drop table outbox_2");
    stage.topic("orders", &[]);
    stage
}

/// Refused by `init` before anything is there and after, and by `run`.
#[track_caller]
fn leaf_refused(stage: &Stage<'_>, create: &str, parts: &[&str]) -> Refused {
    as_superuser(stage, create);
    stage.says(&["init"]).refuses(76, parts);
    as_superuser(stage, "alter table outbox detach partition outbox_2");
    stage.init();
    as_superuser(stage, "alter table outbox attach partition outbox_2 for values in (2)");
    if stage.postgres.major() == 14 {
        // It wants to hear of what was attached, too.
        as_superuser(stage, &notice(stage));
    }
    stage.says(&["init"]).refuses(76, parts);
    refused(stage, parts)
}

/// The statement that makes PostgreSQL 14 notice what was attached or detached.
pub fn notice(stage: &Stage<'_>) -> String {
    format!("alter publication {} set (publish_via_partition_root = true);", stage.name)
}

#[test]
fn a_partition_that_was_a_table_before_is_seen_or_refused_until_the_hint_is_followed() {
    let stage = partitioned();
    stage.init();
    let publisher = stage.run();
    let sql = stage.sql();
    sql.run("create table outbox_2 (like outbox including defaults)");
    sql.run(&stage.insert("not-ours", "'k'", "'{}'").replace("into outbox", "into outbox_2"));
    sql.run("delete from outbox_2");
    stage.confirmed();
    sql.run("alter table outbox attach partition outbox_2 for values in (2)");
    if stage.postgres.major() == 14 {
        let sentence = "partition public.outbox_2 was attached to table public.outbox";
        publisher.allow(sentence);
        let reason = publisher.holds(sentence);
        let (_, hint) = reason.split_once("run ").unwrap();
        sql.run(hint.split_once(", next time").unwrap().0);
        publisher.ready();
    }
    // One that is made as a partition needs nothing.
    sql.run("create table outbox_4 partition of outbox for values in (4)");
    for day in [2, 4] {
        sql.run(&format!("alter table outbox alter day set default {day}"));
        sql.run(&stage.insert(&format!("day-{day}"), "'k'", "'{}'"));
    }
    stage.confirmed();
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn an_unlogged_leaf_at_any_depth_is_refused_until_its_hint_is_followed() {
    for (leaf, create) in [
        ("outbox_2", "create unlogged table outbox_2 partition of outbox for values in (2)"),
        (
            "\"Rest\"",
            "create table outbox_2 partition of outbox for values in (2) partition by list (id);
             create unlogged table \"Rest\" partition of outbox_2 default",
        ),
    ] {
        let stage = partitioned();
        let leaf = format!("public.{leaf} ");
        let refused = leaf_refused(&stage, create, &[&leaf, "public.outbox ", "unlogged"]);
        as_superuser(&stage, "alter table outbox alter day set default 2");
        refused.mended_by_its_hint(&stage);
        assert_eq!(stage.sql().one::<i64>("select count(*) from outbox where day = 2"), 2);
    }
}

#[test]
fn a_foreign_leaf_is_refused_until_it_is_detached() {
    let stage = partitioned();
    as_superuser(
        &stage,
        "create foreign data wrapper elsewhere; create server elsewhere
         foreign data wrapper elsewhere",
    );
    let create = "create foreign table outbox_2 partition of outbox for values in (2)
                  server elsewhere";
    let parts = ["public.outbox_2 ", "public.outbox ", "foreign"];
    leaf_refused(&stage, create, &parts).mended_by_its_hint(&stage);
}

#[test]
fn a_table_that_inherits_from_the_outbox_is_refused_until_it_does_not() {
    let stage = impatient().with_orders();
    stage.sql().run(
        "create table outbox_kept () inherits (outbox);
         create table below_it () inherits (outbox_kept)",
    );
    let parts = ["public.outbox_kept ", "public.outbox", "inherits"];
    stage.says(&["init"]).refuses(76, &parts);
    refused(&stage, &parts).mended_by_its_hint(&stage);
}

#[test]
fn a_leaf_that_is_published_as_its_root_is_refused_until_either_half_of_its_hint_is_followed() {
    let stage = partitioned();
    stage.init();
    stage.set("outbox.table", "'public.outbox_1'");
    let parts = ["public.outbox_1 ", "rows of public.outbox"];
    stage.says(&["init"]).refuses(76, &parts);
    let first = refused(&stage, &parts);
    assert!(first.hint.contains("set outbox.table to public.outbox, or "), "{}", first.hint);
    assert_eq!(first.publisher.terminate(), 0);
    stage.set("outbox.table", "'public.outbox'");
    assert_eq!(stage.run().terminate(), 0);

    stage.set("outbox.table", "'public.outbox_1'");
    refused(&stage, &parts).mended_by_its_hint(&stage);
}

#[test]
fn a_slot_that_decodes_prepared_transactions_is_refused_until_it_is_made_anew() {
    let stage = impatient().with_orders();
    let slot = &stage.name;
    stage.sql().run(&format!(
        "select pg_drop_replication_slot('{slot}');
         select pg_create_logical_replication_slot('{slot}', 'pgoutput', false, true)"
    ));
    let parts = [slot.as_str(), "two_phase"];
    stage.says(&["init"]).refuses(76, &parts);
    let refused = refused(&stage, &parts);
    refused.publisher.allow("does not exist");
    as_superuser(&stage, refused.statement());
    refused.publisher.holds("does not exist");
    stage.init();
    refused.goes_on(&stage);
}

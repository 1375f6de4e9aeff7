//! Rows that other servers wrote first: what arrives in the outbox by replication is an event too.

use crate::harness::{PATIENCE, Stage, TABLE, eventually};

#[test]
fn rows_of_a_subscription_and_of_a_named_origin_are_published() {
    let stage = Stage::new().with_orders();
    let (name, upstream) = (&stage.name, format!("{}_upstream", stage.name));
    let superuser = stage.postgres.sql("postgres");
    superuser.run(&format!("create database {upstream}"));
    let there = stage.postgres.sql(&upstream);
    there.run(TABLE);
    there.run(&stage.insert("copied", "'k'", "'{}'"));
    there.run(&format!("create publication {upstream} for table outbox"));
    there.run(&format!("select pg_create_logical_replication_slot('{upstream}', 'pgoutput')"));
    let publisher = stage.run();
    let here = stage.postgres.sql(name);
    // The same server, which would wait for itself if it made the slot.
    here.run(&format!(
        "create subscription {upstream} connection '{}' publication {upstream}
         with (create_slot = false)",
        stage.postgres.address("postgres", &upstream)
    ));
    stage.records_when(&publisher, 1);
    eventually("the subscription streams", PATIENCE, || {
        let ready = "select count(*) = 1 from pg_subscription_rel where srsubstate = 'r'";
        here.one::<bool>(ready).then_some(())
    });
    there.run(&format!(
        "begin; {} savepoint s; {} rollback to s; {} commit",
        stage.insert("streamed-1", "'k'", "'{}'"),
        stage.insert("never", "'k'", "'{}'"),
        stage.insert("streamed-2", "'k'", "'{}'"),
    ));
    stage.records_when(&publisher, 3);

    // As replication tools of others do it.
    here.run(&format!(
        "select pg_replication_origin_create('{name}');
         select pg_replication_origin_session_setup('{name}');
         begin; select pg_replication_origin_xact_setup('0/ABCDEF', now()); {} commit;
         select pg_replication_origin_session_reset()",
        stage.insert("of-an-origin", "'k'", "'{}'"),
    ));
    here.run(&stage.insert("of-our-own", "'k'", "'{}'"));
    stage.confirmed();
    let ids: Vec<_> = stage.records().iter().filter_map(|record| record.header("id")).collect();
    assert_eq!(ids, ["copied", "streamed-1", "streamed-2", "of-an-origin", "of-our-own"]);
    assert_eq!(publisher.terminate(), 0);

    here.run(&format!(
        "alter subscription {upstream} disable;
         alter subscription {upstream} set (slot_name = none); drop subscription {upstream}"
    ));
    here.run(&format!("select pg_replication_origin_drop('{name}')"));
    drop(there);
    eventually("the upstream is gone", PATIENCE, || {
        let slots = format!("from pg_replication_slots where database = '{upstream}'");
        let dropped = format!("select pg_drop_replication_slot(slot_name) {slots}");
        superuser.try_run(&dropped).ok()?;
        superuser.try_run(&format!("drop database {upstream} with (force)")).ok()
    });
}

//! A partitioned outbox: partitions come and go under load, and only what is written through the
//! root or to one of its partitions is an event.

use std::time::Duration;

use crate::{
    harness::{Load, Sampler, Stage, eventually},
    leaves::notice,
};

/// The usual table, partitioned by the order of writing.
const ROOT: &str = "create sequence places;
    create table outbox (
        id text, aggregatetype text, aggregateid text, type text default 'made', payload json,
        seq bigint not null default nextval('places'), tx bigint not null default txid_current())
    partition by range (seq);
    create table rest partition of outbox default;
    create table first partition of outbox for values from (0) to (200);
    create table archive (like outbox);";

/// A row that is written to a partition by its own name.
fn directly(stage: &Stage<'_>, partition: &str, id: &str) -> String {
    let place = format!("(select max(seq) from {partition})");
    stage
        .insert(id, "'direct'", "'{}'")
        .replace("into outbox (", &format!("into {partition} (seq, "))
        .replace("values (", &format!("values ({place}, "))
}

/// Waits until the writers have come to this place.
fn reaches(stage: &Stage<'_>, place: i64) {
    let sql = stage.sql();
    eventually("the writers get there", Duration::from_secs(60), || {
        (sql.one::<i64>("select last_value from places") >= place).then_some(())
    });
}

/// What PostgreSQL 14 needs to hear in or after a change of partitions.
fn news(stage: &Stage<'_>) -> String {
    if stage.postgres.major() == 14 { notice(stage) } else { String::new() }
}

/// What an old partition held stays known; what is written to it once it is no partition is not ours.
fn archive(stage: &Stage<'_>, detached: &str, last: &str) {
    let sql = stage.sql();
    sql.run(&format!("{} insert into archive select * from {detached}", news(stage)));
    sql.run(&directly(stage, detached, &format!("not-ours-{detached}")));
    sql.run(&format!("{last} {detached}"));
}

#[test]
fn partitions_are_attached_detached_and_dropped_under_load_without_a_loss() {
    let stage = Stage::heavy();
    let sql = stage.sql();
    sql.run(ROOT);
    stage.topic("orders", &[]);
    stage.init();
    let publisher = stage.run();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(2));
    reaches(&stage, 250);
    sql.run(&directly(&stage, "first", "written-to-a-partition"));

    // A new one, one with partitions of its own, and one that had a life before.
    let place = sql.one::<i64>("select last_value from places") + 300;
    let (made, nested, attached, end) = (place, place + 200, place + 400, place + 600);
    sql.run(&format!(
        "create table made partition of outbox for values from ({made}) to ({nested});
         create table nested partition of outbox for values from ({nested}) to ({attached})
             partition by list (type);
         create table leaf partition of nested default;
         create table attached (like outbox including defaults);"
    ));
    sql.run(&stage.insert("not-yet", "'early'", "'{}'").replace("into outbox", "into attached"));
    sql.run("delete from attached; alter table attached add constraint places check (true)");
    sql.run(&format!(
        "begin; alter table outbox attach partition attached for values from ({attached}) to ({end});
         {} commit",
        news(&stage)
    ));
    sql.run("alter table outbox detach partition first");
    archive(&stage, "first", "drop table");

    // The default is emptied into a partition in one transaction: rows that move are no new events.
    reaches(&stage, made + 10);
    sql.run(&format!(
        "begin; alter table outbox detach partition rest;
         create table later partition of outbox for values from ({end}) to (maxvalue); commit"
    ));
    archive(&stage, "rest", "truncate");

    // Detaching concurrently needs two transactions and waits for others.
    reaches(&stage, attached + 10);
    sql.run("alter table outbox detach partition made concurrently");
    archive(&stage, "made", "drop table");
    sql.run("alter table outbox detach partition nested");
    archive(&stage, "nested", "drop table");
    reaches(&stage, end + 50);
    load.finish();

    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    sql.run(
        "alter table outbox rename to root;
         create view outbox as select * from root union all select * from archive",
    );
    let rows = stage.rows();
    let count = |name: &str| sql.one::<i64>(&format!("select count(*) from {name}"));
    assert!(count("attached") > 0 && count("later") > 0 && count("archive") > 600);
    assert!(rows.iter().any(|row| row.id == "written-to-a-partition"));
    let report = stage.check(rows, sampler.finish());
    assert_eq!(report.repeats, 0);
}

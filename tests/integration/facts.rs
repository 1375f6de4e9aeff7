//! Facts: what keeps rows from the slot is refused at the start, and the hint's statement mends it.

use std::{collections::BTreeSet, time::Duration};

use crate::harness::{Postgres, Publisher, Stage, TABLE, Turn, eventually, kafka, toml_text};

/// A partitioned outbox. The last leaf has its columns in another order, and one dropped.
pub const PARTITIONED: &str = "
    create sequence seq;
    create table outbox (
        id text, aggregatetype text, aggregateid text, type text default 'made', payload json,
        seq bigint default nextval('seq'), tx bigint not null default txid_current(),
        day int not null default 1) partition by list (day);
    create table outbox_1 partition of outbox for values in (1);
    create table outbox_2 partition of outbox for values in (2);
    create table outbox_3 (
        gone int, day int not null default 3, payload json, tx bigint not null default txid_current(),
        type text default 'made', seq bigint default nextval('seq'), aggregateid text, id text,
        aggregatetype text);
    alter table outbox_3 drop column gone;
    alter table outbox attach partition outbox_3 for values in (3)";

/// A stage whose held publisher looks again soon.
pub fn impatient() -> Stage<'static> {
    let stage = Stage::new();
    stage.set("refused.first_wait", "'300ms'");
    stage.set("refused.longest_wait", "'500ms'");
    // What a witness makes of a change that is mended is shown in `gaps`.
    stage.set("kafka.witness_topic", "''");
    stage
}

/// Runs what only a superuser may.
#[track_caller]
pub fn as_superuser(stage: &Stage<'_>, sql: &str) {
    stage.postgres.sql(&stage.name).run(sql);
}

/// Runs as a superuser what spoils a publication; false where the server is too old to know how.
#[track_caller]
pub fn spoils(stage: &Stage<'_>, sql: &str) -> bool {
    // Row filters, column lists and schemas in publications came with 15.
    if stage.postgres.major() >= 15 {
        as_superuser(stage, sql);
        return true;
    }
    match stage.postgres.sql(&stage.name).try_run(sql) {
        Ok(()) => true,
        Err(error) => {
            let code = error.code().map(|code| code.code());
            assert_eq!(code, Some("42601"), "not a syntax error: {error}");
            false
        }
    }
}

/// A start refused with 76, and a publisher that holds for the same reason.
pub struct Refused {
    pub publisher: Publisher,
    pub hint: String,
}

/// `run --exit-on-fault` leaves with 76 and a sentence with all of `parts`; plain `run` holds with
/// the same sentence and hint.
#[track_caller]
pub fn refused(stage: &Stage<'_>, parts: &[&str]) -> Refused {
    let said = stage.run_and_leave();
    said.refuses(76, parts);
    let mut last = said.err.lines().rev();
    let hint = last.next().unwrap().trim_start_matches("hint: ").to_owned();
    let sentence = last.next().unwrap().trim_start_matches("postrider: ").to_owned();

    let publisher = stage.start(&[]);
    publisher.allow(&sentence);
    let reason = publisher.holds(&sentence);
    assert_eq!(reason, format!("{sentence}\nhint: {hint}\n"));
    assert_eq!(publisher.get("/livez").map(|(status, _)| status), Some(200));
    Refused { publisher, hint }
}

impl Refused {
    /// The statement in the hint: what stands after "run", up to what follows it.
    #[track_caller]
    pub fn statement(&self) -> &str {
        let (_, rest) = self.hint.split_once("run ").expect("the hint has a statement");
        let end = ["; rows", ", then"].iter().filter_map(|end| rest.find(end)).min();
        &rest[..end.unwrap_or(rest.len())]
    }

    /// The hint's statement makes the held publisher go on, and rows from then on are delivered.
    #[track_caller]
    pub fn mended_by_its_hint(&self, stage: &Stage<'_>) {
        as_superuser(stage, self.statement());
        self.goes_on(stage);
    }

    #[track_caller]
    pub fn goes_on(&self, stage: &Stage<'_>) {
        self.publisher.ready();
        one_more(stage, &self.publisher);
    }
}

/// Rows written now are delivered whole, and nothing else is; then the publisher leaves.
#[track_caller]
fn one_more(stage: &Stage<'_>, publisher: &Publisher) {
    let row = |id: &str, key: &str| stage.insert(id, key, r#"'{"a":  1}'"#);
    stage.sql().run(&(row("mended-1", "'k'") + &row("mended-2", "'left out'")));
    stage.records_when(publisher, 2);
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

/// Each statement spoils the publication `@` of a fresh stage, which has a table `other` too.
#[track_caller]
fn publication_faults(names: &str, cases: &[&str]) {
    for (number, spoil) in cases.iter().enumerate() {
        let stage = impatient();
        let mut quoted = stage.name.clone();
        if number == 0 {
            stage.set("postgres.publication", r#"'Mixed "Case'"#);
            quoted = r#""Mixed ""Case""#.to_owned();
        }
        let stage = stage.with_orders();
        as_superuser(&stage, "create schema elsewhere; create table other (id int)");
        if spoils(&stage, &spoil.replace('@', &quoted)) {
            refused(&stage, &["public.outbox", names]).mended_by_its_hint(&stage);
        }
    }
}

#[test]
fn a_row_filter_is_refused_until_its_hint_is_followed() {
    publication_faults(
        "row filter",
        &[
            "alter publication @ set table outbox where (aggregateid <> 'left out')",
            "alter publication @ set table other, outbox where (id is null)",
        ],
    );
}

#[test]
fn a_column_list_is_refused_until_its_hint_is_followed() {
    publication_faults(
        "column list",
        &[
            "alter publication @ set table outbox (id, aggregatetype, aggregateid)",
            "alter publication @ set table outbox (id, aggregatetype, aggregateid, type, payload)",
            "alter publication @ set table other, outbox (payload, id)",
        ],
    );
}

#[test]
fn a_publication_without_inserts_is_refused_until_its_hint_is_followed() {
    publication_faults(
        "inserts",
        &[
            "alter publication @ set (publish = 'update, delete, truncate')",
            "alter publication @ set (publish = '')",
        ],
    );
}

#[test]
fn a_publication_without_the_table_is_refused_until_its_hint_is_followed() {
    publication_faults(
        "not in it",
        &[
            "alter publication @ drop table outbox",
            "alter publication @ set table other",
            "alter publication @ set tables in schema elsewhere",
            "drop table outbox; create table outbox (id text primary key, aggregatetype text,
             aggregateid text, type text default 'made', payload json,
             seq bigint generated always as identity, tx bigint not null default txid_current());
             alter table outbox owner to postrider",
        ],
    );
}

#[test]
fn partitions_under_their_own_names_are_refused_until_they_come_through_the_root() {
    let stage = impatient();
    stage.sql().run(PARTITIONED);
    stage.topic("orders", &[]);
    stage.init();
    let sql = stage.sql();
    let name = &stage.name;
    sql.run(&format!("alter publication {name} set (publish_via_partition_root = false)"));
    let refused = refused(&stage, &["public.outbox", "partitions"]);
    as_superuser(&stage, refused.statement());
    refused.publisher.ready();

    let row = |id: &str| stage.insert(id, &format!("'key-{}'", id.len() % 3), "'{}'");
    let into = |id: &str, leaf: &str| row(id).replace("into outbox", &format!("into {leaf}"));
    for round in 0..20 {
        let mut transaction = "begin;".to_owned();
        for day in 1..4 {
            transaction.push_str(&format!("alter table outbox alter day set default {day};"));
            transaction.push_str(&row(&format!("root-{day}-{round}")));
            transaction.push_str(&format!("alter table outbox_{day} alter day set default {day};"));
            transaction
                .push_str(&into(&format!("leaf-of-{day}-{round}"), &format!("outbox_{day}")));
        }
        sql.run(&(transaction + "commit"));
    }
    assert_eq!(stage.records_when(&refused.publisher, 120).len(), 120);
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    for day in 1..4 {
        let count = format!("select count(*) from outbox_{day}");
        assert_eq!(sql.one::<i64>(&count), 40, "the leaf {day} has its rows");
    }
    assert_eq!(refused.publisher.terminate(), 0);
}

#[test]
fn an_unlogged_outbox_is_refused_until_its_hint_is_followed() {
    let stage = impatient();
    as_superuser(&stage, &format!("create publication {} for all tables", stage.name));
    stage.sql().run(TABLE);
    stage.topic("orders", &[]);
    stage.init();
    stage.sql().run("drop table outbox");
    stage.sql().run(&TABLE.replace("create table", "create unlogged table"));
    stage.says(&["init"]).refuses(76, &["public.outbox", "unlogged"]);
    refused(&stage, &["public.outbox", "unlogged"]).mended_by_its_hint(&stage);
}

#[test]
fn a_view_is_a_wrong_setting() {
    let stage = Stage::new().with_orders();
    stage.sql().run("create view events as select * from outbox");
    stage.set("outbox.table", "'public.events'");
    for arguments in [&["init"][..], &["run"], &["run", "--exit-on-fault"]] {
        stage.says(arguments).refuses(78, &["public.events", "view"]);
    }
    stage.set("outbox.table", "'public.outbox'");
    one_more(&stage, &stage.run());
}

/// Settings with a slot of its own, as the hint says, make the stream begin.
#[track_caller]
fn mended_by_a_slot_of_its_own(stage: &Stage<'_>, why: &str) {
    let refused = refused(stage, &[why]);
    assert!(refused.hint.contains("postgres.slot"), "the setting is not named: {}", refused.hint);
    assert_eq!(refused.publisher.terminate(), 0);
    stage.says(&["init"]).refuses(76, &[why]);
    stage.set("postgres.slot", &toml_text(&format!("{}_own", stage.name)));
    stage.init();
    one_more(stage, &stage.run());
}

#[test]
fn a_slot_of_another_plugin_is_refused() {
    let stage = Stage::new().with_orders();
    let slot = &stage.name;
    stage.sql().run(&format!(
        "select pg_drop_replication_slot('{slot}');
         select pg_create_logical_replication_slot('{slot}', 'test_decoding')"
    ));
    mended_by_a_slot_of_its_own(&stage, "test_decoding");
}

#[test]
fn a_physical_slot_is_refused() {
    let stage = Stage::new().with_orders();
    let slot = &stage.name;
    let sql = stage.sql();
    sql.run(&format!(
        "select pg_drop_replication_slot('{slot}');
         select pg_create_physical_replication_slot('{slot}')"
    ));
    mended_by_a_slot_of_its_own(&stage, "physical");
    sql.run(&format!("select pg_drop_replication_slot('{slot}')"));
}

#[test]
fn a_slot_of_another_database_is_refused() {
    let other = Stage::new().with_orders();
    let stage = Stage::new().with_orders();
    stage.set("postgres.slot", &toml_text(&other.name));
    mended_by_a_slot_of_its_own(&stage, &format!("{:?}", other.name));
}

#[test]
fn a_lost_slot_is_refused_until_it_is_made_anew() {
    let turn = Turn::heavy();
    let postgres = Postgres::start_new(&[("max_slot_wal_keep_size", "'1MB'")]);
    let stage = Stage::on(&postgres, kafka(), turn);
    stage.set("refused.first_wait", "'300ms'");
    stage.set("refused.longest_wait", "'500ms'");
    stage.set("kafka.witness_topic", "''");
    let stage = stage.with_orders();
    let sql = stage.postgres.sql(&stage.name);
    let lost = "select wal_status = 'lost' from pg_replication_slots";
    eventually("the slot is lost", Duration::from_secs(60), || {
        sql.run("select pg_logical_emit_message(false, 'fills', repeat('x', 100000))");
        sql.run("select pg_switch_wal()");
        sql.run("checkpoint");
        sql.one::<bool>(lost).then_some(())
    });
    stage.says(&["init"]).refuses(76, &[&stage.name]);
    let refused = refused(&stage, &[&stage.name]);
    assert!(refused.hint.contains("max_slot_wal_keep_size"), "no setting in {}", refused.hint);
    assert_eq!(stage.says(&["init", "--accept-gap"]).code, 0);
    refused.goes_on(&stage);
}

/// Tables beside the outbox, with names much like its own, that change in the same transactions.
#[test]
fn of_a_publication_of_all_tables_only_outbox_rows_are_delivered() {
    let stage = Stage::new();
    as_superuser(&stage, &format!("create publication {} for all tables", stage.name));
    let sql = stage.sql();
    sql.run(TABLE);
    sql.run(
        r#"create schema audit;
           create table audit.outbox (like public.outbox including all);
           create table "Outbox" (like public.outbox including all);
           create table outbox_archive (like public.outbox including all);
           create table orders (id int primary key, state text)"#,
    );
    stage.topic("orders", &[]);
    let said = stage.says(&["init"]);
    assert!(said.code == 0 && said.out.contains("differs"), "{said:?}");
    let publisher = stage.run();
    for n in 0..100 {
        let row = |part: &str| stage.insert(&format!("{n}-{part}"), "'k'", "'{}'");
        let into =
            |part: &str, other: &str| row(part).replace("into outbox", &format!("into {other}"));
        sql.run(&format!(
            "begin; insert into orders values ({n}, 'new'); {} {} {} {} {}
             update orders set state = 'paid'; {} delete from orders where id % 3 = 0;
             update outbox set type = 'made' where id = '{n}-a'; {} truncate orders; commit",
            into("x", "audit.outbox"),
            row("a"),
            into("y", r#""Outbox""#),
            into("z", "outbox_archive"),
            row("b"),
            into("w", "audit.outbox"),
            row("c"),
        ));
        sql.run(&format!("insert into orders values ({n}, 'alone')"));
    }
    assert_eq!(stage.records_when(&publisher, 300).len(), 300);
    stage.confirmed();
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
    assert_eq!(publisher.metric("postrider_events_received_total", ""), Some(300.0));
    assert_eq!(publisher.terminate(), 0);
}

/// Objects as `init` lists them, and what became of each.
fn outcomes(stage: &Stage<'_>, arguments: &[&str]) -> BTreeSet<(String, String)> {
    let said = stage.says(arguments);
    assert_eq!(said.code, 0, "{said:?}");
    let line = |line: &str| {
        let (object, state) = line.rsplit_once(": ").expect("an object and its fate");
        (object.split(' ').next().unwrap().to_owned(), state.to_owned())
    };
    said.out.lines().filter(|line| !line.starts_with("witness")).map(line).collect()
}

#[test]
fn init_with_an_existing_debezium_table_leaves_it_alone_and_says_so_again_and_again() {
    const THERE: &str = "already there";
    let stage = Stage::new();
    let sql = stage.sql();
    sql.run(
        "create table outbox (
             id uuid not null primary key, aggregatetype varchar(255) not null,
             aggregateid varchar(255) not null, type varchar(255) not null, payload jsonb);
         insert into outbox values (gen_random_uuid(), 'kept', 'k', 't', '{}')",
    );
    stage.topic("orders", &[]);
    let table = "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ',')
                 from pg_attribute where attrelid = 'outbox'::regclass and attnum > 0";
    let before = sql.text(table);
    let fates = |publication: &str, slot: &str| {
        [("table", THERE), ("publication", publication), ("replication", slot)]
            .map(|(object, fate)| (object.to_owned(), fate.to_owned()))
            .into()
    };
    assert_eq!(outcomes(&stage, &["init", "--create-table"]), fates("created", "created"));
    assert_eq!(outcomes(&stage, &["init", "--create-table"]), fates(THERE, THERE));
    assert_eq!(outcomes(&stage, &["init"]), fates(THERE, THERE));
    assert_eq!(sql.text(table), before, "the table is as it was");
    assert_eq!(sql.one::<i64>("select count(*) from outbox"), 1);

    let publisher = stage.run();
    sql.run(&format!(
        "insert into outbox values (gen_random_uuid(), '{}', 'k', 't', '{{}}')",
        stage.aggregate("orders")
    ));
    assert_eq!(stage.records_when(&publisher, 1).len(), 1);
    assert_eq!(publisher.terminate(), 0);
}

//! Every way to write: what was committed as an INSERT is an event once, and nothing else is.

use crate::harness::{Row, Stage};

/// Rows of the outbox from what stands between `select` and `from`: id, key, and what follows it.
fn insert_select(stage: &Stage<'_>, id: &str, from: &str) -> String {
    format!(
        "insert into outbox (id, aggregatetype, aggregateid, payload)
         select {id}, '{}', 'k', '{{}}' {from}",
        stage.aggregate("orders")
    )
}

fn ids(stage: &Stage<'_>) -> Vec<String> {
    stage.records().iter().filter_map(|record| record.header("id")).collect()
}

#[test]
fn on_conflict_sends_what_was_inserted_and_neither_updates_nor_rows_that_lost() {
    let stage = Stage::heavy().with_orders();
    let publisher = stage.run();
    let sql = stage.sql();
    let row = |id: &str| insert_select(&stage, &format!("'{id}'"), "");
    let update = "on conflict (id) do update set payload = '{\"changed\": true}', type = 'changed'";
    sql.run(&format!("{}; {} on conflict do nothing", row("1"), row("1")));
    sql.run(&format!("{} {update}; {} {update}", row("2"), row("3")));
    let sent = stage.rows();
    sql.run(&format!("begin; {} {update}; {}; {} {update}; commit", row("1"), row("4"), row("4")));

    // Sessions that insert the same rows at once: the tentative row of each but one is taken back.
    let race = insert_select(&stage, "'race-' || n", "");
    let race = format!(
        "do $$ begin for n in 1..300 loop {race} on conflict do nothing; commit; end loop; end $$"
    );
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (session, race) = (stage.sql(), &race);
            scope.spawn(move || session.run(race));
        }
    });
    sql.run(&row("last"));

    stage.confirmed();
    let mut rows = stage.rows();
    assert_eq!(rows.len(), 4 + 300 + 1);
    for row in &mut rows {
        // Of 1 to 4 the table has what they became; their events say what was inserted.
        let first = sent.iter().find(|first| first.id == row.id);
        row.event_type = Some("made".into());
        row.payload = first.map_or(Some(b"{}".to_vec()), |first| first.payload.clone());
    }
    assert_eq!(stage.check(rows, Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn triggers_merges_ctes_and_moves_write_events_like_any_insert() {
    let stage = Stage::new().with_orders();
    let sql = stage.sql();
    let insert = |id: &str| insert_select(&stage, id, "");
    let returning = insert_select(&stage, "'cte-' || id", "from made");
    sql.run(&format!(
        "create table orders (id int primary key);
         create function each_row() returns trigger language plpgsql as
             $$ begin {}; return null; end $$;
         create function at_commit() returns trigger language plpgsql as
             $$ begin {}; return null; end $$;
         create trigger a after insert on orders for each row execute function each_row();
         create constraint trigger b after insert on orders deferrable initially deferred
             for each row execute function at_commit();
         create table archive (like outbox)",
        insert("'row-' || new.id"),
        insert("'commit-' || new.id"),
    ));
    let publisher = stage.run();
    sql.run("begin; insert into orders values (1), (2); insert into orders values (3); commit");
    sql.run(&format!("with made as (insert into orders values (4) returning id) {returning}"));
    sql.run(
        "with moved as (delete from outbox where id = 'row-1' returning *)
         insert into archive select * from moved",
    );
    // Messages in the WAL that nobody asked for, and a commit that does not wait.
    sql.run(&format!(
        "begin; select pg_logical_emit_message(true, 'app', 'with its transaction');
         select pg_logical_emit_message(false, 'app', 'at once'); {}; commit",
        insert("'message'")
    ));
    sql.run(&format!(
        "begin; set local synchronous_commit = off; {}; commit",
        insert("'asynchronous'")
    ));
    // Emptied before the commit, and filled again; the frozen rows of a COPY, too.
    sql.run(&format!("begin; {}; truncate outbox; {}; commit", insert("'gone'"), insert("'kept'")));
    sql.run("begin; truncate outbox");
    let line = format!("frozen\t{}\tk\t{{}}\n", stage.aggregate("orders"));
    let copy = "copy outbox (id, aggregatetype, aggregateid, payload) from stdin with (freeze)";
    sql.copy_in(copy, line.into_bytes());
    sql.run("commit");
    if stage.postgres.major() >= 15 {
        sql.run(&format!(
            "merge into outbox using (values ('frozen'), ('merged')) as v (id) on outbox.id = v.id
             when matched then update set type = 'changed'
             when not matched then insert (id, aggregatetype, aggregateid, payload)
                 values (v.id, '{}', 'k', '{{}}')",
            stage.aggregate("orders")
        ));
    } else {
        sql.run(&insert("'merged'"));
    }

    stage.confirmed();
    let expected = "row-1 row-2 row-3 commit-1 commit-2 commit-3 cte-4 row-4 commit-4 message \
                    asynchronous gone kept frozen merged";
    assert_eq!(ids(&stage).join(" "), expected);
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn ten_thousand_subtransactions_keep_order_and_memory() {
    const ROWS: usize = 10_000;
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    let row = insert_select(&stage, "'event-' || n", "");
    let nested = insert_select(&stage, "'deep-' || depth", "");
    // A subtransaction for each row, every tenth taken back; then a hundred inside each other, of which
    // those below the fiftieth are taken back.
    stage.sql().run(&format!(
        "create function deep(depth int) returns void language plpgsql as $$ begin
             {nested};
             if depth < 100 then perform deep(depth + 1); end if;
             if depth = 51 then raise exception 'taken back'; end if;
         exception when raise_exception then null; end $$;
         do $$ begin
             for n in 1..{ROWS} loop
                 begin
                     {row};
                     if n % 10 = 0 then raise exception 'taken back'; end if;
                 exception when raise_exception then null; end;
             end loop;
             perform deep(1);
         end $$"
    ));
    stage.confirmed();

    let peak = publisher.peak_memory_kib();
    let rows: Vec<Row> = stage.rows();
    assert_eq!(rows.len(), ROWS / 10 * 9 + 50);
    assert!(rows.iter().all(|row| row.transaction == rows[0].transaction));
    assert_eq!(stage.check(rows, Vec::new()).repeats, 0);
    assert!(peak <= crate::transactions::MOST_MEMORY_KIB, "peak memory: {peak} KiB");
    assert_eq!(publisher.terminate(), 0);
}

//! A backlog: an outbox that was filled while nobody read its slot.

use std::{cell::Cell, time::Instant};

use crate::harness::{
    postgres::{Postgres, ROLE},
    sql::Sql,
};

/// The value of `aggregatetype` in every row.
pub const AGGREGATE: &str = "order";

/// One event; `n` is its number. 10,000 keys; the payload has about 350 bytes.
const INSERT: &str = r#"
insert into outbox (aggregatetype, aggregateid, type, payload)
select 'order', 'customer-' || n % 10000 * 7919 % 10000, 'OrderPlaced', format(
    '{"order": %s, "customer": {"id": %s, "email": "customer-%s@example.com"}, "lines": [
      {"sku": "sku-%s", "quantity": %s, "price": "%s.99"},
      {"sku": "sku-%s", "quantity": 1, "price": "24.50"}],
      "currency": "EUR", "shipping": "standard", "token": "%s",
      "placed_at": "2024-05-06T07:08:09.%sZ", "note": "Leave the parcel with the neighbours"}',
    n, n % 10000 * 7919 % 10000, n % 10000 * 7919 % 10000, n % 977, n % 9 + 1, n % 100, n % 3571, md5(n::text),
    100 + n % 900)::jsonb"#;

/// How rows are spread over transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One row each.
    Single,
    /// This many rows each.
    Batches(u64),
    /// All rows in one.
    Whole,
}

/// A filled outbox in a database of its own, its publication, and its slot from before the fill.
pub struct Backlog<'a> {
    pub postgres: &'a Postgres,
    /// Also the name of the slot and of the publication.
    pub name: &'static str,
    pub rows: u64,
    /// Behind the last commit of the load.
    pub end: String,
    sql: Sql,
    copies: Cell<u32>,
}

impl<'a> Backlog<'a> {
    /// Makes slot and publication, and then the load.
    pub fn fill(postgres: &'a Postgres, name: &'static str, shape: Shape, rows: u64) -> Self {
        let start = Instant::now();
        postgres.sql("postgres").run(&format!("create database {name} owner {ROLE}"));
        let owner = Sql::connect(&postgres.address(ROLE, name)).expect("the role may log in");
        owner.run(&format!(
            "create table outbox (
                 id uuid primary key default gen_random_uuid(), aggregatetype text not null,
                 aggregateid text not null, type text not null, payload jsonb not null);
             create publication {name} for table outbox with (publish = 'insert')"
        ));
        owner.run(&format!("select pg_create_logical_replication_slot('{name}', 'pgoutput')"));
        owner.run(&shape.statement(rows));
        let sql = postgres.sql(name);
        let end = sql.text("select pg_current_wal_insert_lsn()").expect("a position");
        // Also writes all WAL out, so that nothing of it is left to do during a drain.
        sql.run("checkpoint");
        eprintln!("{name}: {rows} rows in {:.0} s", start.elapsed().as_secs_f64());
        Backlog { postgres, name, rows, end, sql, copies: Cell::new(0) }
    }

    /// A fresh copy of the slot, so that each reader decodes the same WAL.
    pub fn copy_slot(&self) -> String {
        let number = self.copies.replace(self.copies.get() + 1);
        let copy = format!("{}_{number}", self.name);
        self.sql
            .run(&format!("select pg_copy_logical_replication_slot('{}', '{copy}')", self.name));
        copy
    }

    /// The process that streams from this slot, while one does.
    pub fn walsender(&self, slot: &str) -> Option<u32> {
        let query =
            format!("select active_pid from pg_replication_slots where slot_name = '{slot}'");
        self.sql.text(&query).map(|pid| pid.parse().expect("a pid is a number"))
    }

    /// Whether everything of the load is confirmed to this slot.
    pub fn is_confirmed(&self, slot: &str) -> bool {
        self.sql.one(&format!(
            "select confirmed_flush_lsn >= '{}' from pg_replication_slots where slot_name = '{slot}'",
            self.end
        ))
    }

    /// Removes a copy that nobody reads any more.
    pub fn drop_slot(&self, slot: &str) {
        self.sql.run(&format!("select pg_drop_replication_slot('{slot}')"));
    }
}

impl Drop for Backlog<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.drop_slot(self.name);
        let admin = self.postgres.sql("postgres");
        admin.run(&format!("drop database {} with (force)", self.name));
    }
}

impl Shape {
    /// One statement that makes `rows` rows in transactions of this shape.
    fn statement(self, rows: u64) -> String {
        let size = match self {
            Shape::Single => 1,
            Shape::Batches(size) => size,
            Shape::Whole => return format!("{INSERT} from generate_series(1, {rows}) n"),
        };
        format!(
            "do $do$ begin
                 for batch in 0..{} loop
                     {INSERT} from generate_series(batch * {size} + 1, (batch + 1) * {size}) n;
                     commit;
                 end loop;
             end $do$",
            rows / size - 1
        )
    }
}

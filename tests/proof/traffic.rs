//! Traffic: writers with long and short transactions interleaved, savepoints, rollbacks, many keys.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    event::payload_sql,
    harness::{ROLE, Sql, Stage},
    intent::{Intent, Intents, Outcome},
    random::Random,
};

/// The tables: events, each key's last version, and each committed transaction.
pub const TABLES: &str = "
    create table outbox (
        id text, aggregatetype text, aggregateid text, type text default 'made', payload json);
    create table keys (key text primary key, version bigint not null) with (fillfactor = 10);
    create table outcomes (writer int, transaction int, primary key (writer, transaction));
    alter table keys set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)";

/// Keys that all short writers share, and keys of the writer with the long transactions.
const SHARED: u64 = 192;
const OWN: u64 = 64;

/// Where a key's events go.
fn aggregate_of(aggregates: &[String], key: u64) -> &str {
    &aggregates[(key % 8 == 7) as usize * (aggregates.len() - 1)]
}

/// Gives each key its version 0.
pub fn fill_keys(stage: &Stage<'_>) {
    let last = SHARED + OWN - 1;
    stage
        .sql()
        .run(&format!("insert into keys select 'key-' || n, 0 from generate_series(0, {last}) n"));
}

/// Writers at work.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    events: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Vec<Intent>>>,
}

impl Traffic {
    /// Fills the tables' keys and starts `writers`, the last of which has long transactions;
    /// together they aim at `rate` events a second. Every eighth key belongs to the last aggregate.
    pub fn start(
        stage: &Stage<'_>,
        seed: u64,
        (writers, rate): (u8, u64),
        aggregates: &[String],
    ) -> Traffic {
        fill_keys(stage);
        let stop = Arc::new(AtomicBool::new(false));
        let events = Arc::new(AtomicU64::new(0));
        let writer = |number: u8| {
            let mut writer = Writer {
                address: stage.postgres.address(ROLE, &stage.name),
                aggregates: aggregates.to_vec(),
                number,
                is_slow: number + 1 == writers,
                random: Random::new(seed, u64::from(number) + 1),
                intents: Vec::new(),
            };
            let (stop, events) = (stop.clone(), events.clone());
            let rate = rate / u64::from(writers);
            std::thread::spawn(move || {
                writer.work(&stop, &events, rate);
                writer.intents
            })
        };
        let writers = (0..writers).map(writer).collect();
        Traffic { stop, events, writers }
    }

    /// Events committed so far, as far as the writers know.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Stops the writers; what they meant to do.
    pub fn finish(mut self) -> Intents {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.writers.drain(..).map(|w| w.join().expect("a writer must not panic"));
        Intents(ended.collect())
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Writer {
    address: String,
    aggregates: Vec<String>,
    number: u8,
    is_slow: bool,
    random: Random,
    intents: Vec<Intent>,
}

impl Writer {
    fn work(&mut self, stop: &AtomicBool, events: &AtomicU64, rate: u64) {
        let begun = Instant::now();
        let mut session: Option<Sql> = None;
        let mut written = 0;
        while !stop.load(Ordering::Relaxed) {
            let Some(sql) = session.take().or_else(|| Sql::connect(&self.address).ok()) else {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            };
            let (statements, rows, commits) = self.next_transaction();
            let outcome = match (sql.try_run(&statements), commits) {
                (Err(_), _) => Outcome::Unknown,
                (Ok(()), true) => Outcome::Committed,
                (Ok(()), false) => Outcome::RolledBack,
            };
            self.intents.push(Intent { rows, outcome });
            if outcome != Outcome::Unknown {
                session = Some(sql);
            }
            written += u64::from(rows);
            if outcome == Outcome::Committed {
                events.fetch_add(u64::from(rows), Ordering::Relaxed);
            }
            // Not caught up on after an outage: a burst would hide the faults behind it.
            let due = Duration::from_secs_f64(written as f64 / rate as f64);
            let ahead = due.saturating_sub(begun.elapsed());
            std::thread::sleep(ahead.min(Duration::from_secs(1)));
            written = written.max((begun.elapsed().as_secs_f64() * rate as f64) as u64);
        }
    }

    /// Statements, rows that stay if it commits, and whether it does.
    fn next_transaction(&mut self) -> (String, u32, bool) {
        let number = self.intents.len() as u32;
        let mut sql = format!("begin; insert into outcomes values ({}, {number});", self.number);
        let mut rows = 0;
        // In this order: two writers never wait for each other.
        let mut keys: Vec<u64> = (0..self.random.between(1, 4)).map(|_| self.key()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in &keys {
            let count = self.rows();
            self.insert(&mut sql, *key, (rows, count), "");
            rows += count;
            if self.is_slow && count < 100 {
                sql.push_str(&format!("select pg_sleep(0.0{});", self.random.between(10, 99)));
            }
        }
        if self.random.once_in(5) {
            sql.push_str("savepoint s;");
            self.insert(&mut sql, keys[0], (rows, 2), "x");
            sql.push_str("rollback to s;");
            self.insert(&mut sql, keys[0], (rows, 1), "");
            rows += 1;
        }
        let commits = !self.random.once_in(8);
        sql.push_str(if commits { "commit" } else { "rollback" });
        (sql, rows, commits)
    }

    fn key(&mut self) -> u64 {
        if self.is_slow { SHARED + self.random.below(OWN) } else { self.random.below(SHARED) }
    }

    /// Few; seldom, and only where no other writer waits, many.
    fn rows(&mut self) -> u32 {
        let many = self.is_slow && self.random.once_in(40);
        (if many { self.random.between(2000, 20_000) } else { self.random.between(1, 8) }) as u32
    }

    fn insert(&self, sql: &mut String, key: u64, rows: (u32, u32), mark: &str) {
        let place = (self.number, self.intents.len() as u32);
        sql.push_str(&insert(&self.aggregates, place, key, rows, mark));
    }
}

/// INSERTs `count` events of a key from the row number `first` on, of a writer's transaction; `mark`
/// goes behind the ids.
pub fn insert(
    aggregates: &[String],
    (writer, transaction): (u8, u32),
    key: u64,
    (first, count): (u32, u32),
    mark: &str,
) -> String {
    let aggregate = aggregate_of(aggregates, key);
    let key = format!("key-{key}");
    let (row, version) = (format!("(n + {first})"), "(version - more + n + 1)");
    let payload = payload_sql((writer, transaction), &key, &row, version);
    format!(
        "with v as (update keys set version = version + {count} where key = '{key}'
             returning version, {count} as more)
         insert into outbox (id, aggregatetype, aggregateid, payload)
         select '{writer}-{transaction}-' || {row} || '{mark}', '{aggregate}', '{key}', ({payload})::json
         from v, generate_series(0, {count} - 1) n order by n;"
    )
}

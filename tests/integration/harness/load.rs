//! Load: writers that share keys, mix commits with rollbacks, and outlive a server's absence.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{postgres::ROLE, sql::Sql, stage::Stage};

const KEYS: u64 = 40;

/// Writers at work. What they commit is in the table; nothing else counts.
pub struct Load {
    stop: Arc<AtomicBool>,
    committed: Arc<AtomicU64>,
    writers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts `writers` that pause for `pause` between transactions, on the usual table.
    pub fn start(stage: &Stage<'_>, writers: u64, pause: Duration) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let committed = Arc::new(AtomicU64::new(0));
        let writers = (0..writers)
            .map(|number| {
                let mut writer = Writer {
                    address: stage.postgres.address(ROLE, &stage.name),
                    aggregate: stage.aggregate("orders"),
                    number,
                    transaction: 0,
                    random: 0x9E37_79B9_7F4A_7C15 ^ (number + 1),
                };
                let (stop, committed) = (stop.clone(), committed.clone());
                std::thread::spawn(move || writer.work(&stop, &committed, pause))
            })
            .collect();
        Load { stop, committed, writers }
    }

    /// Transactions committed so far, as far as the writers know.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Waits until `more` further transactions are committed.
    #[track_caller]
    pub fn goes_on(&self, more: u64) {
        let goal = self.committed() + more;
        super::process::eventually("the writers go on", Duration::from_secs(60), || {
            (self.committed() >= goal).then_some(())
        });
    }

    /// Stops the writers.
    pub fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers.drain(..) {
            writer.join().expect("a writer must not panic");
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Writer {
    address: String,
    aggregate: String,
    number: u64,
    transaction: u64,
    random: u64,
}

impl Writer {
    fn work(&mut self, stop: &AtomicBool, committed: &AtomicU64, pause: Duration) {
        let mut session: Option<Sql> = None;
        while !stop.load(Ordering::Relaxed) {
            let Some(sql) = session.take().or_else(|| Sql::connect(&self.address).ok()) else {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            };
            let (statements, commits) = self.next_transaction();
            // A server that goes away leaves the outcome open; the table will tell.
            if sql.try_run(&statements).is_ok() {
                committed.fetch_add(u64::from(commits), Ordering::Relaxed);
                session = Some(sql);
            }
            std::thread::sleep(pause);
        }
    }

    /// One to four rows, sometimes a savepoint rolled back, sometimes all rolled back. A lock per
    /// key until the commit is what makes a key's commit order known: that of `seq`.
    fn next_transaction(&mut self) -> (String, bool) {
        self.transaction += 1;
        let mut keys: Vec<u64> = (0..1 + self.below(4)).map(|_| self.below(KEYS)).collect();
        keys.sort_unstable();
        let mut sql = "begin;".to_owned();
        for key in &keys {
            sql.push_str(&format!("select pg_advisory_xact_lock({key});"));
        }
        for (row, key) in keys.iter().enumerate() {
            self.insert(&mut sql, &format!("kept-{row}"), *key);
        }
        if self.below(5) == 0 {
            sql.push_str("savepoint s;");
            self.insert(&mut sql, "rolled-back", keys[0]);
            sql.push_str("rollback to s;");
            self.insert(&mut sql, "after", keys[0]);
        }
        let commits = self.below(8) != 0;
        sql.push_str(if commits { "commit" } else { "rollback" });
        (sql, commits)
    }

    fn insert(&mut self, sql: &mut String, name: &str, key: u64) {
        let id = format!("{}-{}-{name}", self.number, self.transaction);
        let filler = "x".repeat(self.below(300) as usize);
        sql.push_str(&format!(
            "insert into outbox (id, aggregatetype, aggregateid, payload)
             values ('{id}', '{}', 'key-{key}', '{{\"of\": \"{id}\", \"filler\": \"{filler}\"}}');",
            self.aggregate
        ));
    }

    /// A number below `bound` (xorshift; the same in each run).
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }
}

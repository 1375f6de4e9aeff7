//! Drain: how fast a backlog leaves PostgreSQL, and what that costs. `make bench` runs it.
//!
//! Two readers drain the same WAL, each from a fresh copy of one slot, in turns: `pg_recvlogical`
//! writes it to nowhere and is the yardstick; `postrider run` carries it to librdkafka's mock
//! cluster in another process. All share the machine's cores, so ratios carry over to other
//! machines, absolute rates do not.
//!
//! Time and CPU count from the moment the slot copy is seen in use, so that nobody's start-up
//! counts, to the end: `pg_recvlogical` has left at the end position; Kafka has acknowledged the
//! last row to `postrider`, as its metrics tell. Both moments are polled, every 1 ms and 5 ms.
//! Each drain of ours is checked: every row received once and acknowledged once, all confirmed.
//! Memory counts from birth. Start-up is timed apart, from the process to its first record.
//!
//! `BENCH_RUNS` (5) is the number of drains of each kind, `BENCH_ROWS` (1000000) the rows of a
//! load; the one-row load has a fifth of them. `BENCH_OPTIONS`, a TOML inline table, goes to
//! `kafka.options`, to try librdkafka's settings out. Targets missed are printed, never an error.

#![allow(unreachable_pub, reason = "a benchmark has no outside")]

mod backlog;
mod broker;
mod harness;
mod reader;
mod report;
mod startup;
mod usage;

use backlog::{Backlog, Shape};
use broker::Broker;
use harness::postgres::Postgres;
use reader::{Drain, Socket};
use report::Comparison;

/// Room for all loads in memory, and no checkpoint or vacuum during a drain.
const SERVER: &[(&str, &str)] = &[
    ("autovacuum", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "'512MB'"),
    ("max_wal_size", "'32GB'"),
    ("checkpoint_timeout", "'1d'"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, first, topic] = arguments.as_slice()
        && first == broker::ARGUMENT
    {
        return broker::serve(topic);
    }
    let can_measure = usage::cpu_seconds(std::process::id()).is_some();
    assert!(can_measure, "the benchmark reads /proc and so needs Linux");
    let (runs, rows) = (number("BENCH_RUNS", 5), number("BENCH_ROWS", 1_000_000));
    assert!(runs > 0 && rows >= 5000, "BENCH_RUNS is at least 1, BENCH_ROWS at least 5000");
    let rows = rows - rows % 5000;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, load average {:.1} at the start", usage::load_average());
    let postgres = Postgres::start_new(SERVER);
    println!("{}", postgres.sql("postgres").text("select version()").unwrap_or_default());
    let broker = Broker::start(&reader::topic());
    let both = [Socket::Unix, Socket::Tcp];
    let bench = Bench { postgres, broker, runs };
    let starts = bench.starts();
    let mut comparisons = bench.compare("one_row", Shape::Single, rows / 5, &both);
    comparisons.extend(bench.compare("thousand_rows", Shape::Batches(1000), rows, &both));
    comparisons.push(bench.large(rows));
    report::print(&comparisons);
    report::print_starts(&starts);
    println!("\nload average {:.1} at the end", usage::load_average());
}

struct Bench {
    postgres: Postgres,
    broker: Broker,
    runs: u64,
}

impl Bench {
    /// Starts with a backlog of a thousand one-row transactions; the first, a warm-up, is left out.
    fn starts(&self) -> Vec<f64> {
        let backlog = Backlog::fill(&self.postgres, "start", Shape::Single, 1000);
        let start = |_| startup::first_record(&backlog, &self.broker.address);
        (0..=self.runs).map(start).skip(1).collect()
    }

    /// Both readers in turns, over each socket.
    fn compare(
        &self,
        load: &'static str,
        shape: Shape,
        rows: u64,
        sockets: &[Socket],
    ) -> Vec<Comparison> {
        let backlog = Backlog::fill(&self.postgres, load, shape, rows);
        let over = |socket: &Socket| {
            let socket = *socket;
            let (mut theirs, mut ours) = (Vec::new(), Vec::new());
            for run in 1..=self.runs {
                theirs.push(reader::pg_recvlogical(&backlog, socket));
                ours.push(reader::postrider(&backlog, socket, &self.broker.address));
                eprintln!("{load} {socket:?} {run}/{}: {}", self.runs, progress(&theirs, &ours));
            }
            Comparison { load, shape, socket, rows, theirs, ours }
        };
        sockets.iter().map(over).collect()
    }

    /// One transaction of all rows, for our memory.
    fn large(&self, rows: u64) -> Comparison {
        let (load, shape, socket) = ("one_transaction", Shape::Whole, Socket::Unix);
        let backlog = Backlog::fill(&self.postgres, load, shape, rows);
        let ours = vec![reader::postrider(&backlog, socket, &self.broker.address)];
        Comparison { load, shape, socket, rows, theirs: Vec::new(), ours }
    }
}

fn progress(theirs: &[Drain], ours: &[Drain]) -> String {
    let last = |drains: &[Drain]| drains.last().map_or(f64::NAN, |drain| drain.seconds);
    format!("pg_recvlogical {:.2} s, postrider {:.2} s", last(theirs), last(ours))
}

/// A whole number from the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is to be a whole number, not {text:?}"))
    })
}

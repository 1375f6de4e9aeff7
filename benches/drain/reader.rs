//! The two readers: each drains one copy of a backlog's slot, and is measured in the same way.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    backlog::{AGGREGATE, Backlog},
    harness::{
        postgres::{PASSWORD, ROLE},
        process::{self, Process, eventually},
        publisher::get,
    },
    usage,
};

/// How often a running drain is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// No drain takes this long.
const LIMIT: Duration = Duration::from_secs(600);

const ACKNOWLEDGED: &str = "postrider_records_acknowledged_total";
const RECEIVED: &str = "postrider_events_received_total";

/// How the reader reaches PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    Unix,
    Tcp,
}

/// What one drain took.
#[derive(Debug, Clone)]
pub struct Drain {
    pub seconds: f64,
    /// CPU seconds of the reader.
    pub cpu: f64,
    /// CPU seconds of PostgreSQL's walsender.
    pub walsender_cpu: f64,
    /// The reader's peak memory in MiB, from its birth.
    pub peak: f64,
    /// CPU seconds of the reader's threads by name, from its birth.
    pub threads: BTreeMap<String, f64>,
}

/// The name of the topic that all rows go to.
pub fn topic() -> String {
    format!("outbox.event.{AGGREGATE}")
}

/// Drains by `pg_recvlogical` to nowhere.
pub fn pg_recvlogical(backlog: &Backlog<'_>, socket: Socket) -> Drain {
    let slot = backlog.copy_slot();
    let mut command = Command::new(backlog.postgres.program("pg_recvlogical"));
    command.args(["--start", "--no-loop", "-f", "/dev/null", "-o", "proto_version=1"]);
    command.arg("-o").arg(format!("publication_names={}", backlog.name));
    command.arg("--endpos").arg(&backlog.end).arg("--slot").arg(&slot);
    command.arg("--dbname").arg(address(backlog, socket)).env("PGPASSWORD", PASSWORD);
    let log = process::directory("recvlogical").join("log");
    let mut meter = Meter::start(backlog, &slot, command, log);
    while meter.process.exited().is_none() {
        meter.look();
    }
    let drain = meter.end();
    assert!(meter.process.exited().is_some_and(|status| status.success()), "{}", meter.log());
    backlog.drop_slot(&slot);
    drain
}

/// Drains by `postrider run` to this Kafka.
pub fn postrider(backlog: &Backlog<'_>, socket: Socket, brokers: &str) -> Drain {
    let slot = backlog.copy_slot();
    let (command, directory, port) = publisher(backlog, &slot, socket, brokers);
    let mut meter = Meter::start(backlog, &slot, command, directory.join("log"));
    let mut next_poll = Instant::now();
    loop {
        meter.look();
        assert!(meter.process.exited().is_none(), "it ended before the end:\n{}", meter.log());
        if Instant::now() < next_poll {
            continue;
        }
        let done = metric(port, ACKNOWLEDGED).unwrap_or(0);
        if done >= backlog.rows {
            break;
        }
        next_poll = Instant::now() + meter.next_poll(done);
    }
    let drain = meter.end();
    let count = |name, metric_of: fn(u16, &str) -> Option<u64>| {
        eventually("the metric tells all rows", Duration::from_secs(5), || {
            metric_of(port, name).filter(|count| *count >= backlog.rows)
        })
    };
    let (received, acknowledged) = (count(RECEIVED, metric), count(ACKNOWLEDGED, metric));
    assert_eq!((received, acknowledged), (backlog.rows, backlog.rows), "each event goes once");
    meter.process.signal("TERM");
    let status = meter.process.wait(Duration::from_secs(15));
    assert!(status.is_some_and(|status| status.success()), "{status:?}\n{}", meter.log());
    assert!(backlog.is_confirmed(&slot), "not all is confirmed:\n{}", meter.log());
    backlog.drop_slot(&slot);
    drain
}

/// `postrider run` with nothing but what the environment says; its directory and HTTP port.
pub fn publisher(
    backlog: &Backlog<'_>,
    slot: &str,
    socket: Socket,
    brokers: &str,
) -> (Command, PathBuf, u16) {
    let directory = process::directory("postrider");
    let port = process::free_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
    command.env_clear().env("HOME", &directory).current_dir(&directory);
    command.env("POSTRIDER_POSTGRES__URL", address(backlog, socket)).env("PGPASSWORD", PASSWORD);
    command.env("POSTRIDER_POSTGRES__SLOT", slot);
    command.env("POSTRIDER_POSTGRES__PUBLICATION", backlog.name);
    command.env("POSTRIDER_KAFKA__BROKERS", brokers);
    if let Ok(options) = std::env::var("BENCH_OPTIONS") {
        command.env("POSTRIDER_KAFKA__OPTIONS", options);
    }
    command.env("POSTRIDER_HTTP__LISTEN", format!("127.0.0.1:{port}"));
    command.args(["run", "--exit-on-fault"]);
    (command, directory, port)
}

/// Both take the same key=value text.
fn address(backlog: &Backlog<'_>, socket: Socket) -> String {
    match socket {
        Socket::Unix => backlog.postgres.address(ROLE, backlog.name),
        Socket::Tcp => format!(
            "host=127.0.0.1 port={} user={ROLE} dbname={} sslmode=disable",
            backlog.postgres.port, backlog.name
        ),
    }
}

/// The sum of a counter over its labels.
fn metric(port: u16, name: &str) -> Option<u64> {
    let (_, text) = get(port, "/metrics")?;
    let values = text.lines().filter_map(|line| {
        let value = line.strip_prefix(name)?.rsplit_once(' ')?.1;
        value.trim().parse::<u64>().ok()
    });
    values.reduce(|a, b| a + b)
}

/// A reader at work, and what it and its walsender have used since the stream began.
struct Meter<'a> {
    process: Process,
    log: PathBuf,
    rows: u64,
    backlog: &'a Backlog<'a>,
    walsender: u32,
    start: Instant,
    /// CPU seconds of reader and walsender when the stream began.
    before: [f64; 2],
    last: Drain,
}

impl<'a> Meter<'a> {
    /// Starts the reader and waits until the server streams to it.
    fn start(backlog: &'a Backlog<'a>, slot: &str, mut command: Command, log: PathBuf) -> Self {
        let mut process = Process::start(&mut command, &log);
        let deadline = Instant::now() + Duration::from_secs(30);
        let walsender = loop {
            if let Some(pid) = backlog.walsender(slot) {
                break pid;
            }
            let text = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(
                process.exited().is_none(),
                "it ended before it was seen to start:\n{}",
                text()
            );
            assert!(Instant::now() < deadline, "it does not start:\n{}", text());
            std::thread::sleep(Duration::from_millis(1));
        };
        let cpu = |pid| usage::cpu_seconds(pid).unwrap_or(0.0);
        Meter {
            before: [cpu(process.pid()), cpu(walsender)],
            start: Instant::now(),
            last: Drain {
                seconds: 0.0,
                cpu: 0.0,
                walsender_cpu: 0.0,
                peak: 0.0,
                threads: BTreeMap::new(),
            },
            rows: backlog.rows,
            process,
            log,
            backlog,
            walsender,
        }
    }

    /// Notes what was used so far. At the end of a process it is too late to ask.
    fn look(&mut self) {
        std::thread::sleep(LOOK);
        assert!(self.start.elapsed() < LIMIT, "{} takes too long", self.backlog.name);
        self.note();
    }

    fn note(&mut self) {
        let pid = self.process.pid();
        if let Some(seconds) = usage::cpu_seconds(pid) {
            self.last.cpu = seconds - self.before[0];
        }
        if let Some(seconds) = usage::cpu_seconds(self.walsender) {
            self.last.walsender_cpu = seconds - self.before[1];
        }
        if let Some(peak) = usage::peak_mebibytes(pid) {
            self.last.peak = peak;
        }
    }

    /// When to ask again: seldom at first, often near the end. To ask costs the reader time.
    fn next_poll(&self, done: u64) -> Duration {
        let elapsed = self.start.elapsed();
        let left = elapsed.mul_f64((self.rows - done) as f64 / done.max(1) as f64);
        (left / 4).min(elapsed / 10).clamp(LOOK, Duration::from_millis(250))
    }

    /// The drain is over now.
    fn end(&mut self) -> Drain {
        self.last.seconds = self.start.elapsed().as_secs_f64();
        self.note();
        self.last.threads = usage::cpu_by_thread(self.process.pid());
        self.last.clone()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

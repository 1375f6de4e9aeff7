//! A test's stage: a database, a slot, a publication, topics, settings and publishers of its own.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use super::{
    checker::{History, Report, Row, Sample, check},
    kafka::Kafka,
    postgres::{Postgres, ROLE},
    process::{self, eventually},
    publisher::{PATIENCE, Publisher},
    said::{Said, said},
    servers::{self, Turn},
    sql::{Sql, quoted},
    topics::{Record, Topics},
};

/// The table of most tests: Debezium's columns, and two that only the checker reads.
pub const TABLE: &str = "create table outbox (
    id text primary key,
    aggregatetype text, aggregateid text, type text default 'made', payload json,
    seq bigint generated always as identity, tx bigint not null default txid_current())";

/// See the module.
pub struct Stage<'a> {
    pub postgres: &'a Postgres,
    pub kafka: &'a Kafka,
    pub topics: Topics,
    /// Also the database, the slot, and the prefix of the topics.
    pub name: String,
    pub directory: PathBuf,
    settings: RefCell<BTreeMap<String, BTreeMap<String, String>>>,
    environment: RefCell<Vec<(String, String)>>,
    program: RefCell<PathBuf>,
    created: RefCell<Vec<String>>,
    starts: Cell<u32>,
    _turn: Turn,
}

impl Stage<'static> {
    /// A stage on the shared servers for a test without load.
    pub fn new() -> Stage<'static> {
        let turn = Turn::light();
        Stage::on(servers::postgres(), servers::kafka(), turn)
    }

    /// A stage on the shared servers for a test with load.
    pub fn heavy() -> Stage<'static> {
        let turn = Turn::heavy();
        Stage::on(servers::postgres(), servers::kafka(), turn)
    }
}

impl<'a> Stage<'a> {
    /// A stage on these servers.
    pub fn on(postgres: &'a Postgres, kafka: &'a Kafka, turn: Turn) -> Stage<'a> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let sql = postgres.sql("postgres");
        sql.run(&format!("create database {name} owner {ROLE}"));
        let stage = Stage {
            postgres,
            kafka,
            topics: Topics::of(&kafka.brokers()),
            directory: process::directory(&name),
            settings: RefCell::default(),
            environment: RefCell::default(),
            program: RefCell::new(env!("CARGO_BIN_EXE_postrider").into()),
            created: RefCell::default(),
            starts: Cell::new(0),
            name,
            _turn: turn,
        };
        let address = postgres.address(ROLE, &stage.name);
        stage.set("postgres.url", &toml_text(&address));
        stage.set("postgres.slot", &toml_text(&stage.name));
        stage.set("postgres.publication", &toml_text(&stage.name));
        stage.set("outbox.table", "'public.outbox'");
        stage.set("kafka.brokers", &toml_text(&kafka.brokers()));
        stage.listen();
        stage
    }

    /// The usual beginning: table, topic `orders` with four partitions, `init`.
    pub fn with_orders(self) -> Self {
        self.sql().run(TABLE);
        self.topic("orders", &[]);
        self.init();
        self
    }

    /// Changes a setting, `section.key`; `value` is TOML.
    pub fn set(&self, name: &str, value: &str) {
        let (section, key) = name.split_once('.').expect("section.key");
        let mut settings = self.settings.borrow_mut();
        settings.entry(section.into()).or_default().insert(key.into(), value.into());
    }

    /// Switches to TCP, where the server asks for a password.
    pub fn over_tcp(&self, port: u16) {
        let url = format!("postgres://{ROLE}@127.0.0.1:{port}/{}?sslmode=disable", self.name);
        self.set("postgres.url", &toml_text(&url));
    }

    /// Sets a variable of the environment of every command from here on.
    pub fn set_environment(&self, name: &str, value: &str) {
        self.environment.borrow_mut().push((name.into(), value.into()));
    }

    /// A session of the role that owns the database.
    pub fn sql(&self) -> Sql {
        Sql::connect(&self.postgres.address(ROLE, &self.name)).expect("a session")
    }

    /// Runs another program than the shipped one from here on, and returns the one before.
    pub fn use_program(&self, program: PathBuf) -> PathBuf {
        self.program.replace(program)
    }

    /// The `aggregatetype` whose events go to this test's topic `name`.
    pub fn aggregate(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// The topic of this test's aggregate `name`.
    pub fn topic_name(&self, name: &str) -> String {
        format!("outbox.event.{}", self.aggregate(name))
    }

    /// Creates a topic with four partitions for the aggregate `name`.
    pub fn topic(&self, name: &str, settings: &[(&str, &str)]) {
        let topic = self.topic_name(name);
        self.topics.create(&topic, 4, settings);
        self.created.borrow_mut().push(topic);
    }

    /// Counts another topic among this test's, whoever creates it.
    pub fn watch(&self, topic: &str) {
        self.created.borrow_mut().push(topic.to_owned());
    }

    /// Names of this test's topics.
    pub fn topic_names(&self) -> Vec<String> {
        self.created.borrow().clone()
    }

    /// Writes the settings file and returns the command with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let file = self.directory.join("postrider.toml");
        let mut text = String::new();
        for (section, keys) in &*self.settings.borrow() {
            text.push_str(&format!("[{section}]\n"));
            for (key, value) in keys {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        fs::write(&file, text).unwrap();
        let mut command = Command::new(&*self.program.borrow());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("PG") || text.starts_with("POSTRIDER_") {
                command.env_remove(&name);
            }
        }
        command.envs(self.environment.borrow().iter().cloned());
        command.env("HOME", &self.directory).current_dir(&self.directory);
        command.arg("--config").arg(file).args(arguments);
        command
    }

    /// Runs a command that must end by itself.
    #[track_caller]
    pub fn says(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments))
    }

    /// `postrider init`, which must succeed.
    #[track_caller]
    pub fn init(&self) {
        let said = self.says(&["init"]);
        assert_eq!(said.code, 0, "init failed: {said:?}");
    }

    /// `postrider run --exit-on-fault`, which must leave by itself.
    #[track_caller]
    pub fn run_and_leave(&self) -> Said {
        self.listen();
        self.says(&["run", "--exit-on-fault"])
    }

    /// Starts a publisher and waits until it is ready.
    #[track_caller]
    pub fn run(&self) -> Publisher {
        let publisher = self.start(&[]);
        publisher.ready();
        publisher
    }

    /// Starts a publisher with further arguments and does not wait.
    pub fn start(&self, arguments: &[&str]) -> Publisher {
        self.start_as(&[&["run"], arguments].concat(), &[])
    }

    /// Starts a publisher with further variables of the environment and does not wait.
    pub fn start_with(&self, variables: &[(&str, String)]) -> Publisher {
        self.start_as(&["run"], variables)
    }

    fn start_as(&self, arguments: &[&str], variables: &[(&str, String)]) -> Publisher {
        let port = self.listen();
        let number = self.starts.get() + 1;
        self.starts.set(number);
        let mut command = self.command(arguments);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Publisher::start(command, self.log(number), port)
    }

    /// A port of its own for the next command.
    fn listen(&self) -> u16 {
        let port = process::free_port();
        self.set("http.listen", &toml_text(&format!("127.0.0.1:{port}")));
        port
    }

    fn log(&self, number: u32) -> PathBuf {
        self.directory.join(format!("publisher-{number}.log"))
    }

    /// An INSERT into the usual table for the topic `orders`; key and payload are SQL.
    pub fn insert(&self, id: &str, key: &str, payload: &str) -> String {
        let aggregate = self.aggregate("orders");
        format!(
            "insert into outbox (id, aggregatetype, aggregateid, payload)
             values ({}, '{aggregate}', {key}, {payload});",
            quoted(id)
        )
    }

    /// Committed rows of `outbox` in insertion order; `payload` is an SQL expression of bytea.
    pub fn rows_with(&self, payload: &str) -> Vec<Row> {
        let rows = self.sql().rows(&format!(
            "select id::text, aggregatetype, aggregateid, type, {payload}, seq, tx
             from outbox order by seq"
        ));
        let row = |row: &tokio_postgres::Row| Row {
            id: row.get(0),
            topic: format!("outbox.event.{}", row.get::<_, String>(1)),
            key: row.get(2),
            event_type: row.get(3),
            payload: row.get(4),
            seq: row.get(5),
            transaction: row.get(6),
        };
        rows.iter().map(row).collect()
    }

    /// Committed rows of the usual table.
    pub fn rows(&self) -> Vec<Row> {
        self.rows_with("convert_to(payload::text, 'UTF8')")
    }

    /// Everything in this test's topics.
    pub fn records(&self) -> Vec<Record> {
        self.topics.read(&self.topic_names())
    }

    /// Each event's id once, in the order of their first records: a restart may repeat some.
    pub fn first_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for id in self.records().iter().filter_map(|record| record.header("id")) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    /// Waits until the topics hold at least `count` records, and returns them all.
    #[track_caller]
    pub fn records_when(&self, publisher: &Publisher, count: usize) -> Vec<Record> {
        publisher.eventually(&format!("{count} records are in Kafka"), || {
            let found: i64 = self.topic_names().iter().map(|name| self.topics.count(name)).sum();
            (found >= count as i64).then_some(())
        });
        self.records()
    }

    /// Waits until the slot is confirmed past everything written so far.
    #[track_caller]
    pub fn confirmed(&self) {
        let sql = self.postgres.sql(&self.name);
        let end = sql.text("select pg_current_wal_flush_lsn()").unwrap();
        eventually("all that was written is confirmed", PATIENCE * 3, || {
            let past = sql.one::<bool>(&format!(
                "select confirmed_flush_lsn >= '{end}' from pg_replication_slots
                 where slot_name = '{}'",
                self.name
            ));
            past.then_some(())
        });
    }

    /// Bytes of WAL between the slot's confirmed position and the end.
    pub fn unconfirmed_bytes(&self) -> i64 {
        self.postgres.sql(&self.name).one(&format!(
            "select (pg_current_wal_lsn() - confirmed_flush_lsn)::bigint
             from pg_replication_slots where slot_name = '{}'",
            self.name
        ))
    }

    /// Compares `rows` with all that is in the topics.
    #[track_caller]
    pub fn check(&self, rows: Vec<Row>, samples: Vec<Sample>) -> Report {
        let names = self.topic_names();
        let count = |name: &String| Some((name.clone(), self.topics.partitions(name)?));
        let partitions: HashMap<String, i32> = names.iter().filter_map(count).collect();
        let report = check(&History { rows, records: self.records(), partitions, samples });
        report.assert_clean();
        report
    }
}

impl Stage<'_> {
    /// Gives the slots, of which a server has few, and the disk back. As far as it goes: a test
    /// may have stopped the server.
    fn clear(&self) {
        let Some(sql) = self.postgres.try_sql("postgres") else { return };
        let slots = format!("from pg_replication_slots where database = '{}'", self.name);
        for _ in 0..50 {
            let _ = sql.try_run(&format!("select pg_terminate_backend(active_pid) {slots}"));
            if sql.try_run(&format!("select pg_drop_replication_slot(slot_name) {slots}")).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = sql.try_run(&format!("drop database {} with (force)", self.name));
    }

    fn show_logs(&self) {
        // The last ones tell; a story of kills has hundreds.
        let last = self.starts.get();
        for number in last.saturating_sub(4).max(1)..=last {
            let text = fs::read_to_string(self.log(number)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let end = &lines[lines.len().saturating_sub(30)..];
            eprintln!("--- {} publisher {number}\n{}", self.name, end.join("\n"));
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
        self.clear();
    }
}

/// A TOML string.
pub fn toml_text(text: &str) -> String {
    format!("'{text}'")
}

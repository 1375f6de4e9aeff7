//! The field: servers, stage and publisher of one slice, and what has been done to them.

use std::{
    cell::RefCell,
    fmt::Display,
    fs,
    io::Write as _,
    path::PathBuf,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use rdkafka::admin::TopicReplication;

use crate::{
    failpoints::Pointed,
    harness::{
        self, Cluster, PASSWORD, PATIENCE, Postgres, Proxy, Publisher, Stage, Turn, toml_text,
    },
    random::Random,
    traffic,
    watch::Watch,
};

/// What was done, counted.
#[derive(Debug, Default, Clone)]
pub struct Counts {
    /// kill -9 of a publisher, those at a failpoint among them.
    pub publisher_kills: u64,
    pub failpoint_kills: u64,
    pub postgres_crashes: u64,
    pub walsender_kills: u64,
    pub broker_crashes: u64,
    pub network_faults: u64,
    /// SIGSTOP and later SIGCONT, of whatever it was.
    pub stops: u64,
}

/// The servers of a slice.
pub struct Servers {
    pub postgres: Postgres,
    /// `None`: the run's single node.
    pub cluster: Option<Cluster>,
}

impl Servers {
    /// A PostgreSQL of its own, and so many Kafka nodes of its own.
    pub fn start_new(nodes: usize) -> Servers {
        let settings = [
            // A connection that hangs is given up soon, so that many can hang in a slice.
            ("wal_sender_timeout", "'5s'"),
            ("max_wal_size", "'1GB'"),
        ];
        let cluster = (nodes > 0).then(|| Cluster::start_new(nodes));
        Servers { postgres: Postgres::start_new(&settings), cluster }
    }
}

/// See the module.
pub struct Field<'a> {
    pub stage: Stage<'a>,
    pub cluster: Option<&'a Cluster>,
    /// Between publisher and PostgreSQL.
    pub proxy: Proxy,
    pub aggregates: Vec<String>,
    pub random: RefCell<Random>,
    pub counts: RefCell<Counts>,
    pub publisher: RefCell<Option<Publisher>>,
    pub watch: RefCell<Option<Watch>>,
    /// What the judge found, in words.
    pub defects: RefCell<Vec<String>>,
    /// Of the slice, with its seed.
    name: String,
    log: RefCell<fs::File>,
    begun: Instant,
}

impl<'a> Field<'a> {
    /// Tables, topics and settings; nothing runs yet.
    pub fn prepare(servers: &'a Servers, (name, seed): (&str, u64), turn: Turn) -> Field<'a> {
        let node = match &servers.cluster {
            Some(cluster) => &cluster.nodes[0],
            None => harness::kafka(),
        };
        let stage = Stage::on(&servers.postgres, node, turn);
        stage.sql().run(traffic::TABLES);
        let proxy = Proxy::to(servers.postgres.port);
        stage.over_tcp(proxy.port);
        stage.set_environment("PGPASSWORD", PASSWORD);
        stage.set("kafka.stall_timeout", "'5s'");
        let mut aggregates = vec![stage.aggregate("orders")];
        match &servers.cluster {
            Some(cluster) => {
                stage.set("kafka.brokers", &toml_text(&cluster.proxied()));
                aggregates.extend(on_cluster(&stage, cluster));
            }
            None => stage.topic("orders", &[]),
        }
        stage.init();
        let log = fs::File::create(stage.directory.join("faults.log")).unwrap();
        Field {
            stage,
            cluster: servers.cluster.as_ref(),
            proxy,
            aggregates,
            random: RefCell::new(Random::new(seed, 0)),
            counts: RefCell::default(),
            publisher: RefCell::default(),
            watch: RefCell::default(),
            defects: RefCell::default(),
            name: name.to_owned(),
            log: RefCell::new(log),
            begun: Instant::now(),
        }
    }

    /// `host:port` for the checker.
    pub fn brokers(&self) -> String {
        self.cluster.map_or_else(|| self.stage.kafka.brokers(), Cluster::brokers)
    }

    /// A line in the fault log, with the time since the beginning.
    pub fn note(&self, what: impl Display) {
        let at = self.begun.elapsed().as_secs_f64();
        let _ = writeln!(self.log.borrow_mut(), "{at:9.3} {what}");
    }

    /// One more of something.
    pub fn count(&self, one_more: impl FnOnce(&mut Counts)) {
        one_more(&mut self.counts.borrow_mut());
    }

    /// Sleeps for `low` to `high` milliseconds and returns how long.
    pub fn sleep(&self, low: u64, high: u64) -> u64 {
        let pause = self.random.borrow_mut().between(low, high);
        std::thread::sleep(Duration::from_millis(pause));
        pause
    }

    /// Said before a crash and once more when it is over: in between, and from then on, the confirmed
    /// position may be an older one.
    pub fn another_life(&self) {
        if let Some(watch) = &*self.watch.borrow() {
            watch.seen.lives.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the judge has found something: then the rest is of no interest.
    pub fn is_condemned(&self) -> bool {
        let watch = self.watch.borrow();
        watch.as_ref().is_some_and(|watch| watch.seen.defects.load(Ordering::Relaxed) > 0)
    }

    /// Starts the shipped program.
    pub fn start_publisher(&self) {
        let publisher = self.stage.start(&[]);
        // A broker that dies at our first word looks like one that speaks TLS, until the next answers.
        publisher.allow_warnings().allow("closes the connection at our first word");
        *self.publisher.borrow_mut() = Some(publisher);
    }

    /// Kills the publisher and starts another.
    pub fn kill_publisher(&self) {
        self.note("kill -9 of the publisher");
        if let Some(publisher) = self.publisher.take() {
            publisher.kill();
        }
        self.count(|counts| counts.publisher_kills += 1);
        self.start_publisher();
    }

    /// Kills a publisher that stands at a failpoint, in the place of the one that runs.
    pub fn kill_at(&self, failpoint: &str, count: u64) {
        if let Some(publisher) = self.publisher.take() {
            publisher.kill();
        }
        let pointed = Pointed::start(&self.stage, failpoint, count);
        pointed.publisher.allow_warnings().allow("closes the connection at our first word");
        if failpoint.starts_with("drain") {
            self.sleep(400, 1500);
            pointed.publisher.signal("TERM");
        } else if failpoint.starts_with("session") {
            self.sleep(400, 1500);
            self.proxy.cut();
        }
        let begun = Instant::now();
        while !pointed.is_reached() && begun.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let reached = pointed.is_reached();
        pointed.publisher.kill();
        self.note(format!("kill -9 of the publisher at {failpoint}:{count}, reached: {reached}"));
        self.count(|counts| {
            // Two were killed: the one that ran, and this.
            counts.publisher_kills += 2;
            counts.failpoint_kills += u64::from(reached);
        });
        self.start_publisher();
    }

    /// A quiet phase: no faults, and the publisher has to be well within it.
    pub fn quiet(&self) {
        self.note("quiet");
        let publisher = self.publisher.borrow();
        let publisher = publisher.as_ref().expect("a publisher runs");
        publisher.ready();
        let before = publisher.metric("postrider_records_acknowledged_total", "").unwrap_or(0.0);
        publisher.eventually("records are acknowledged in a quiet phase", || {
            let now = publisher.metric("postrider_records_acknowledged_total", "")?;
            (now > before).then_some(())
        });
    }

    /// The end of the fire: everything is confirmed, and the publisher leaves in peace.
    pub fn quiet_at_last(&self) {
        self.note("the end");
        let publisher = self.publisher.take().expect("a publisher runs");
        publisher.ready();
        self.stage.confirmed();
        assert_eq!(publisher.terminate(), 0);
    }

    /// Keeps logs, faults and defects for a person to read; returns where.
    fn keep(&self) -> std::io::Result<PathBuf> {
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&self.name);
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place)?;
        fs::write(place.join("defects.txt"), self.defects.borrow().join("\n"))?;
        let mut logs = vec![("postgres".to_owned(), self.stage.postgres.log())];
        for (number, node) in self.cluster.iter().flat_map(|cluster| &cluster.nodes).enumerate() {
            logs.push((format!("kafka-{}", number + 1), node.log()));
        }
        for (name, log) in logs {
            fs::copy(log, place.join(name + ".log"))?;
        }
        for file in fs::read_dir(&self.stage.directory)?.flatten() {
            if file.path().is_file() {
                fs::copy(file.path(), place.join(file.file_name()))?;
            }
        }
        Ok(place)
    }

    /// Waits until PostgreSQL takes sessions again.
    pub fn postgres_answers(&self) {
        harness::eventually("PostgreSQL accepts sessions", PATIENCE, || {
            let sql = self.stage.postgres.try_sql("postgres")?;
            sql.try_text("select 1").ok().map(drop)
        });
    }
}

impl Drop for Field<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            match self.keep() {
                Ok(place) => eprintln!("all about {} is in {}", self.name, place.display()),
                Err(error) => eprintln!("the logs of {} cannot be kept: {error}", self.name),
            }
        }
    }
}

/// `orders` on all nodes, and with three nodes `lonely`, whose partitions have one replica each: a
/// broker that is gone takes one partition away from among healthy ones.
fn on_cluster(stage: &Stage<'_>, cluster: &Cluster) -> Option<String> {
    let count = cluster.nodes.len() as i32;
    let least = (count / 2 + 1).to_string();
    let orders = stage.topic_name("orders");
    let settings = [("min.insync.replicas", least.as_str())];
    stage.topics.create_on(&orders, 4, TopicReplication::Fixed(count), &settings);
    stage.watch(&orders);
    if count < 3 {
        return None;
    }
    let lonely = stage.topic_name("lonely");
    let places: [&[i32]; 3] = [&[1], &[2], &[3]];
    stage.topics.create_on(&lonely, 3, TopicReplication::Variable(&places), &[]);
    stage.watch(&lonely);
    Some(stage.aggregate("lonely"))
}

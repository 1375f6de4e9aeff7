//! Play: a scripted walsender before a real Kafka, with transactions that everybody can count.
//!
//! Transaction `n` has two events, `n-0` and `n-1`, and lies at [`commit_lsn`] to [`end`].

use std::ops::Range;

use super::{
    Judge, Line, PASSWORD, Publisher, Role, Stage, Topics, Walsender,
    frames::{self, COLUMNS},
};

/// Beyond everything that the real server's catalog knows of.
pub const BASE: u64 = 1 << 40;

/// Where transaction `number` is committed.
pub fn commit_lsn(number: u64) -> u64 {
    BASE + number * 256
}

/// The first byte behind it.
pub fn end(number: u64) -> u64 {
    commit_lsn(number) + 48
}

/// See the module.
pub struct Play {
    pub stage: Stage<'static>,
    pub walsender: Walsender,
    topic: String,
}

/// What a script sends events with.
#[derive(Clone)]
pub struct Author {
    pub oid: u32,
    aggregate: String,
}

impl Author {
    /// An author who needs no server: for a table with this oid.
    pub fn new(oid: u32, aggregate: &str) -> Author {
        Author { oid, aggregate: aggregate.to_owned() }
    }

    /// The `aggregatetype` of its events.
    pub fn aggregate(&self) -> &str {
        &self.aggregate
    }

    /// The outbox as it is.
    pub fn relation(&self) -> Vec<u8> {
        frames::relation(self.oid, b'd', &COLUMNS)
    }

    /// An event's row, in this table's columns.
    pub fn row(&self, number: u64, ordinal: u64) -> Vec<u8> {
        let id = format!("{number}-{ordinal}");
        let values = [Some(&id[..]), Some(&self.aggregate), Some("k"), Some("made"), Some("{}")];
        let rest = [Some("1"), Some("1")];
        frames::insert(self.oid, commit_lsn(number) - 16, &[&values[..], &rest].concat())
    }

    /// Transaction `number` whole, with the table's description at its place.
    pub fn transaction(&self, number: u64) -> Vec<Vec<u8>> {
        vec![
            frames::begin(commit_lsn(number)),
            self.relation(),
            self.row(number, 0),
            self.row(number, 1),
            frames::commit(commit_lsn(number), end(number)),
        ]
    }

    /// Sends those of these transactions that the stream has not begun behind.
    pub fn serve(&self, line: &Line, mut numbers: Range<u64>) {
        numbers.start = numbers.clone().find(|n| end(*n) > line.start).unwrap_or(numbers.end);
        for number in numbers {
            for frame in self.transaction(number) {
                line.frame(&frame);
            }
        }
    }
}

impl Play {
    /// Sets the stage; the script is told in which words to speak.
    pub fn with(script: impl Fn(&mut Line, &Author) + Send + Sync + 'static) -> Play {
        let stage = Stage::new();
        // The script's positions are beyond all that the server behind it has.
        stage.set("kafka.witness_topic", "''");
        let stage = stage.with_orders();
        stage.set("refused.first_wait", "'300ms'");
        stage.set("refused.longest_wait", "'300ms'");
        Play::on(stage, script)
    }

    /// The same on a stage that is set already.
    pub fn on(
        stage: Stage<'static>,
        script: impl Fn(&mut Line, &Author) + Send + Sync + 'static,
    ) -> Play {
        let topic = stage.topic_name("orders");
        let judge = acknowledged_prefix(&stage.kafka.brokers(), &topic);
        let walsender = Walsender::that_plays(role(&stage, judge, script));
        stage.over_tcp(walsender.port);
        stage.set_environment("PGPASSWORD", PASSWORD);
        Play { stage, walsender, topic }
    }

    /// Waits until transaction `number` is confirmed.
    #[track_caller]
    pub fn confirmed(&self, publisher: &Publisher, number: u64) {
        let what = format!("transaction {number} is confirmed");
        publisher.eventually(&what, || (self.walsender.confirmed() >= end(number)).then_some(()));
    }

    /// Ends the publisher, and compares all that was said and sent with `count` transactions.
    #[track_caller]
    pub fn ends_well(&self, publisher: &Publisher, count: u64) {
        self.confirmed(publisher, count - 1);
        assert_eq!(publisher.terminate(), 0);
        self.is_sound();
        let expected: Vec<String> = (0..count).flat_map(ids).collect();
        assert_eq!(self.stage.first_ids(), expected);
        assert!(self.walsender.confirmed() >= end(count - 1));
    }

    /// No status update said what it must not.
    #[track_caller]
    pub fn is_sound(&self) {
        let (violations, count) =
            self.walsender.heard(|heard| (heard.violations.clone(), heard.statuses.len()));
        assert!(violations.is_empty(), "{violations:#?}");
        assert!(count > 0, "no status update came");
    }

    /// How many records are in the topic.
    pub fn records(&self) -> i64 {
        self.stage.topics.count(&self.topic)
    }
}

/// A walsender's role before this stage's real server.
pub fn role(
    stage: &Stage<'_>,
    judge: Judge,
    script: impl Fn(&mut Line, &Author) + Send + Sync + 'static,
) -> Role {
    let sql = stage.postgres.sql(&stage.name);
    let ask = |what: &str| sql.text(&format!("select {what}")).expect("a value");
    let oid = ask("'public.outbox'::regclass::oid").parse().unwrap();
    let author = Author::new(oid, &stage.aggregate("orders"));
    Role {
        sql: stage.postgres.port,
        system_identifier: ask("system_identifier from pg_control_system()"),
        timeline: ask("timeline_id from pg_control_checkpoint()"),
        judge,
        script: Box::new(move |line| script(line, &author)),
    }
}

/// The ids of a transaction's events.
pub fn ids(number: u64) -> [String; 2] {
    [0, 1].map(|ordinal| format!("{number}-{ordinal}"))
}

/// Kafka holds every event up to a confirmed position when it is confirmed.
fn acknowledged_prefix(brokers: &str, topic: &str) -> Judge {
    let (topics, topic) = (Topics::of(brokers), topic.to_owned());
    Box::new(move |confirmed| {
        let transactions = (0..).take_while(|number| end(*number) <= confirmed).count();
        if transactions == 0 {
            return None;
        }
        let held = topics.count(&topic);
        (held < 2 * transactions as i64)
            .then(|| format!("{confirmed:X} was confirmed while Kafka held {held} records"))
    })
}

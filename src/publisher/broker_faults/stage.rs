//! Stage: an outbox of a few transactions that is carried to a broker, session after session, as the
//! supervisor does it; and the check that what arrived is what was committed.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::log::Entry;
use crate::{
    fault::FaultKind,
    kafka::{self, OptionValue, Producer, Refusal},
    observe::{Health, Metrics},
    publisher::{
        board::Board,
        carrier::{Carrier, Taken},
        ending::Ended,
        engine::{Engine, EngineConfig, tests::config},
        engine_frames::{self as frames, OUTBOX},
        memory::{History, Memory},
    },
    wal::Lsn,
};

/// The topic that every event of the stage goes to.
pub(super) const TOPIC: &str = "outbox.event.order";

const PATIENCE: Duration = Duration::from_secs(30);

/// Events in one transaction.
const TRANSACTION: usize = 3;

/// Waits that are shorter than librdkafka's defaults; nothing else depends on them.
const SWIFT: [(&str, &str); 9] = [
    ("compression.type", "none"),
    ("linger.ms", "0"),
    ("reconnect.backoff.ms", "10"),
    ("reconnect.backoff.max.ms", "50"),
    ("retry.backoff.ms", "10"),
    ("retry.backoff.max.ms", "50"),
    ("topic.metadata.refresh.fast.interval.ms", "20"),
    // How long a request may go without an answer.
    ("socket.timeout.ms", "1000"),
    ("request.timeout.ms", "1000"),
];

/// Where events are carried to.
pub(super) trait Broker {
    /// All records that are there, each partition's in order.
    fn arrived(&self) -> Vec<Entry>;

    /// The same, while events are carried; `None` when it cannot be told then.
    fn arrived_so_far(&self) -> Option<Vec<Entry>> {
        Some(self.arrived())
    }

    /// An event is sent next; what is to go wrong from here on may begin.
    fn before(&self, _number: usize) {}

    /// Time passes while something is waited for.
    fn turn(&self) {}
}

/// How events follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Each waits until the one before is acknowledged.
    Alone,
    /// The first warms its partition, the others follow at once, each in a request of its own.
    Together,
}

/// How a session ended that was not the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    BatchRefused(Refusal),
    Held(FaultKind),
    NewProducer,
    Stalled,
}

impl From<&Ended> for End {
    fn from(ended: &Ended) -> End {
        match ended {
            Ended::BatchRefused(refusal) => End::BatchRefused(*refusal),
            Ended::Held(fault, _) => End::Held(fault.kind),
            Ended::ProducerBroken(_) => End::NewProducer,
            Ended::Stalled(_) => End::Stalled,
            other => panic!("no session of a stage ends like this: {other:?}"),
        }
    }
}

/// What is carried, and how.
pub(super) struct Stage {
    kafka: kafka::Config,
    /// The key of each event; its payload is its number.
    keys: Vec<String>,
    pace: Pace,
    stall_timeout: Duration,
}

impl Stage {
    pub(super) fn new(brokers: String, keys: Vec<String>, pace: Pace) -> Stage {
        let mut kafka = kafka::Config { brokers, window: 100_000, ..Default::default() };
        for (name, value) in SWIFT {
            kafka.options.insert(name.into(), OptionValue::new(value.into()));
        }
        if pace == Pace::Together {
            kafka.options.insert("batch.num.messages".into(), OptionValue::new("1".into()));
        }
        Stage { kafka, keys, pace, stall_timeout: PATIENCE }
    }

    /// How long nothing may be acknowledged.
    pub(super) fn stall_timeout(self, stall_timeout: Duration) -> Stage {
        Stage { stall_timeout, ..self }
    }

    pub(super) fn option(mut self, name: &str, value: &str) -> Stage {
        self.kafka.options.insert(name.into(), OptionValue::new(value.into()));
        self
    }

    /// The end of transaction `number` in the WAL.
    fn end(number: usize) -> u64 {
        200 + 100 * number as u64 + 50
    }

    /// How many events are certain to be in Kafka when `confirmed` is confirmed.
    fn covered(&self, confirmed: Lsn) -> usize {
        let transactions = self.keys.chunks(TRANSACTION).enumerate();
        transactions
            .filter(|(number, _)| Lsn::new(Stage::end(*number)) <= confirmed)
            .map(|(_, events)| events.len())
            .sum()
    }

    /// Carries all events; how sessions ended in between. The broker is
    /// asked for what it has whenever the confirmed position may have moved.
    pub(super) fn play(&self, broker: &impl Broker) -> Vec<End> {
        let mut kafka = self.kafka.clone();
        let mut memory = Memory::default();
        let here = History { system_identifier: 1, timeline: 1, table_oid: OUTBOX };
        let mut slot = Lsn::new(100);
        let mut ends = Vec::new();
        loop {
            assert!(memory.enter(here, Lsn::new(u64::MAX)));
            let start = memory.start(slot);
            let acknowledged_before = memory.acknowledged_before;
            let now = Instant::now();
            let engine = EngineConfig { start, acknowledged_before, ..config(100_000) };
            let board = Board::new(Metrics::new(), Health::new(), false, now);
            let suspects = std::mem::take(&mut memory.suspects);
            let producer = Producer::start(&kafka).unwrap();
            let engine = Engine::new(engine, now);
            let mut carrier = Carrier::new(engine, producer, board, suspects, self.stall_timeout);
            let ended = self.session(&mut carrier, start, broker);
            self.confirmed(&carrier, broker);
            let confirmed = carrier.engine.confirmed().lsn();
            assert!(confirmed >= slot, "the confirmed position went back");
            slot = confirmed;
            let first = carrier.first_unacknowledged();
            memory.leave(confirmed, carrier.engine.received_lsn(), first);
            memory.suspects = carrier.abandon();
            let Err(ended) = ended else { return ends };
            match &ended {
                Ended::BatchRefused(Refusal::TooLarge) => drop(kafka.halve_batches()),
                Ended::Held(_, Some(at)) => {
                    memory.acknowledged_before = Some(*at);
                    memory.suspects.insert(*at);
                }
                _ => {}
            }
            ends.push(End::from(&ended));
            assert!(ends.len() < 20, "it never comes to an end: {ends:?}");
        }
    }

    /// One session, from `start` to the end of the outbox.
    fn session(
        &self,
        carrier: &mut Carrier,
        start: Lsn,
        broker: &impl Broker,
    ) -> Result<(), Ended> {
        self.take(carrier, broker, &frames::relation(OUTBOX, "outbox", &[]))?;
        for (number, keys) in self.keys.chunks(TRANSACTION).enumerate() {
            let end = Stage::end(number);
            if Lsn::new(end) <= start {
                continue;
            }
            self.take(carrier, broker, &frames::begin(end - 50))?;
            for (place, key) in keys.iter().enumerate() {
                broker.before(number * TRANSACTION + place);
                let payload = (number * TRANSACTION + place).to_string();
                let row =
                    [Some(&*payload), Some("order"), Some(key), Some("paid"), Some(&*payload)];
                self.take(carrier, broker, &frames::insert(OUTBOX, row))?;
                let is_first = (number, place) == (0, 0);
                if self.pace == Pace::Alone || is_first {
                    self.land(carrier, broker)?;
                    self.confirmed(carrier, broker);
                }
            }
            self.take(carrier, broker, &frames::commit(end - 50, end))?;
            self.confirmed(carrier, broker);
        }
        self.land(carrier, broker)
    }

    fn take(&self, carrier: &mut Carrier, broker: &impl Broker, frame: &[u8]) -> Result<(), Ended> {
        let deadline = Instant::now() + PATIENCE;
        while carrier.take(frame, Instant::now())? == Taken::NotNow {
            assert!(Instant::now() < deadline, "the frame is never taken");
            broker.turn();
            carrier.wait_for_kafka(Duration::from_millis(1));
            carrier.collect(Instant::now())?;
            carrier.check(Instant::now())?;
        }
        Ok(())
    }

    fn land(&self, carrier: &mut Carrier, broker: &impl Broker) -> Result<(), Ended> {
        let deadline = Instant::now() + PATIENCE;
        while carrier.in_flight() > 0 {
            assert!(Instant::now() < deadline, "records do not come back");
            broker.turn();
            carrier.wait_for_kafka(Duration::from_millis(1));
            carrier.collect(Instant::now())?;
            carrier.check(Instant::now())?;
        }
        carrier.collect(Instant::now()).map(drop)
    }

    /// Nothing is confirmed that Kafka does not have.
    fn confirmed(&self, carrier: &Carrier, broker: &impl Broker) {
        let covered = self.covered(carrier.engine.confirmed().lsn());
        if covered == 0 {
            return;
        }
        let Some(there) = broker.arrived_so_far() else { return };
        for number in 0..covered {
            let payload = number.to_string();
            let is_there = there.iter().any(|(_, found)| *found == payload);
            assert!(is_there, "event {number} is confirmed and not in Kafka: {there:?}");
        }
    }

    /// Nothing is lost, nothing is there that was not committed, and after dropping repeats each key's
    /// events are in order. How many repeats there are.
    pub(super) fn check(&self, arrived: &[Entry]) -> usize {
        let mut firsts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut repeats = 0;
        for (key, payload) in arrived {
            let number: usize = payload.parse().unwrap();
            assert_eq!(self.keys.get(number), Some(key), "event {number} was never committed");
            let seen = firsts.entry(key).or_default();
            match seen.contains(&number) {
                true => repeats += 1,
                false => seen.push(number),
            }
        }
        for (key, numbers) in &firsts {
            assert!(numbers.is_sorted(), "key {key} is out of order: {numbers:?}");
        }
        let found: usize = firsts.values().map(Vec::len).sum();
        assert_eq!(found, self.keys.len(), "events are lost: {firsts:?}");
        repeats
    }
}

//! Producer: hands records to librdkafka and brings their fate back.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    error::RDKafkaErrorCode,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _, PurgeConfig},
};

use super::{
    Config, Error,
    client::{client_config, creation_error, metadata_refresh},
    credentials::Credentials,
    flights::{Flight, Flights},
    murmur2::partition_of,
    refusal::{Outcome, Refusal},
    reports::{Callbacks, NOBODY, News, Report},
    shut_out::ShutOut,
    topics::{Known, TopicId, Topics},
};
use crate::{
    ack::Ticket,
    fault::Fault,
    outbox::{Position, Record},
};

/// Records without key go to one partition in runs of this length, so that batches fill.
const KEYLESS_RUN: u64 = 100;

/// The number of a witness, which no record in flight can have: they count from 0.
const WITNESS: usize = usize::MAX;

/// The partition of witnesses. One is enough for all slots of a cluster.
const WITNESSES: i32 = 0;

/// What librdkafka may say in one turn beside what became of records.
const MOST_REMARKS: usize = 1000;

/// What became of an offered record.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a record that was not sent has to be offered again"]
pub enum Offer {
    /// librdkafka has it. Its ticket is attached next.
    Sent(FlightId),
    /// Not now: offer the same record again, and no other, after [`Producer::serve`].
    NotNow,
    /// Kafka will not have it. It was not sent, and so not in anybody's batch.
    Refused(Refusal),
    /// The producer cannot go on; a new one begins at the last confirmed position.
    Broken(String),
}

/// Names a record that was just sent.
#[derive(Debug, PartialEq, Eq)]
pub struct FlightId(pub(crate) usize);

/// A record's fate.
#[derive(Debug)]
pub struct Delivery {
    /// What the tracker wants back when it is acknowledged.
    pub ticket: Ticket,
    /// What became of it.
    pub outcome: Outcome,
    /// Which event it was.
    pub position: Position,
    /// Its topic.
    pub topic: TopicId,
    /// Key, payload and headers.
    pub bytes: u64,
    /// When its transaction was committed, by PostgreSQL's clock: µs since the Unix epoch.
    pub committed_at: i64,
}

/// One librdkafka producer, from birth to purge. Not shared: one thread offers and serves.
///
/// Born and purged with a session, so that no ticket outlives its tracker.
pub struct Producer {
    inner: Arc<BaseProducer<Callbacks>>,
    reports: Receiver<Report>,
    news: Receiver<News>,
    shut_out: ShutOut,
    flights: Flights,
    topics: Topics,
    /// Counts records without key, to place them in runs.
    keyless: u64,
    /// What became of the witness that was sent last.
    witness: Option<Outcome>,
}

impl Producer {
    /// Makes a producer; does not wait for a broker.
    ///
    /// # Errors
    /// When librdkafka does not accept the options.
    pub fn start(config: &Config) -> Result<Producer, Error> {
        // Before they are read: a file that changes in between is noticed later.
        let credentials = Credentials::of(config);
        Producer::of_client(client_config(config)?, config, credentials)
    }

    fn of_client(
        client: ClientConfig,
        config: &Config,
        credentials: Credentials,
    ) -> Result<Producer, Error> {
        let refresh = metadata_refresh(&client);
        // The window counts events from the oldest in flight: no more can be unreported, but for a
        // witness.
        let (sender, reports) = sync_channel(config.window as usize + 2);
        let (tell, news) = sync_channel(64);
        let callbacks = Callbacks::new(sender, tell);
        let inner: BaseProducer<Callbacks> =
            client.create_with_context(callbacks).map_err(creation_error)?;
        Ok(Producer {
            inner: Arc::new(inner),
            reports,
            news,
            shut_out: ShutOut::new(credentials),
            flights: Flights::default(),
            topics: Topics::new(config.create_topics.map(|shape| (shape, client)), refresh),
            keyless: 0,
            witness: None,
        })
    }

    /// Offers a record of a transaction that was committed at `committed_at`, in µs since the Unix
    /// epoch. It is copied when it is sent.
    pub fn offer(&mut self, record: &Record<'_>, committed_at: i64, now: Instant) -> Offer {
        let topic = self.topics.id(record.topic, now);
        let gate = match self.topics.known(topic, &self.inner, now) {
            Known::Gate(gate) => gate,
            Known::NotYet => return Offer::NotNow,
            Known::Refused(refusal) => return Offer::Refused(refusal),
        };
        let partition = match (record.partition, record.key) {
            (Some(number), _) => number.max(0) as u32,
            (None, Some(key)) => partition_of(key, gate.partitions()),
            (None, None) => (self.keyless / KEYLESS_RUN % u64::from(gate.partitions())) as u32,
        };
        if partition >= gate.partitions() {
            return self.lacks_partition(topic, now);
        }
        if !gate.admits(partition, now) {
            return Offer::NotNow;
        }
        let number = self.flights.next_number();
        match self.produce(record, partition, number) {
            Ok(()) => {}
            Err(RDKafkaErrorCode::QueueFull) => return Offer::NotNow,
            // librdkafka knows of fewer than we: the topic was made again.
            Err(RDKafkaErrorCode::UnknownPartition) => return self.lacks_partition(topic, now),
            Err(code) => {
                return match Outcome::of_code(Some(code)) {
                    Outcome::Refused(refusal) => Offer::Refused(refusal),
                    Outcome::Broken(reason) => Offer::Broken(reason),
                    Outcome::Acknowledged => unreachable!("a code is never an acknowledgement"),
                };
            }
        }
        self.keyless += u64::from(record.key.is_none() && record.partition.is_none());
        if let Some(gate) = self.topics.gate_mut(topic) {
            gate.sent(partition, now);
        }
        let (bytes, position) = (record.bytes() as u64, record.position);
        self.flights.depart(Flight {
            ticket: None,
            topic,
            partition,
            bytes,
            position,
            sent_at: now,
            committed_at,
        });
        Offer::Sent(FlightId(number))
    }

    /// Attaches what the tracker gave for the record that was just sent.
    ///
    /// # Panics
    /// If the record is not in flight: reports are read after this call, by the same thread.
    pub fn attach(&mut self, flight: FlightId, ticket: Ticket) {
        let flight = self.flights.get_mut(flight.0).expect("the record was just sent");
        flight.ticket = Some(ticket);
    }

    /// Runs librdkafka's callbacks after `wait`.
    ///
    /// Sleeps and then polls without waiting: a poll that waits never returns early, and spins
    /// through the last millisecond.
    pub fn serve(&mut self, wait: Duration) {
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        // A poll serves one thing, and with librdkafka's option `debug` it says a thousand a second:
        // they must not keep acknowledgements waiting.
        for _ in 0..MOST_REMARKS {
            let before = self.inner.context().remarks();
            self.inner.poll(Duration::ZERO);
            if self.inner.context().remarks() == before {
                break;
            }
        }
        for news in self.news.try_iter() {
            match news {
                News::Trouble(line) => self.shut_out.hear(line, Instant::now()),
                News::Connected(broker) => self.shut_out.connected(&broker),
            }
        }
    }

    /// The next record that came back, as far as callbacks were served.
    pub fn next_delivery(&mut self, now: Instant) -> Option<Delivery> {
        loop {
            let report = self.reports.try_recv().ok()?;
            if report.number == WITNESS {
                self.witness_came_back(report.outcome);
                continue;
            }
            // A number that is not in flight was reported twice; the first report counted.
            let Some(flight) = self.flights.arrive(report.number) else { continue };
            if let Some(gate) = self.topics.gate_mut(flight.topic) {
                gate.returned(flight.partition, report.partition, now);
            }
            let Flight { ticket, topic, bytes, position, committed_at, .. } = flight;
            let ticket = ticket.expect("a ticket is attached before reports are read");
            let outcome = report.outcome;
            if outcome == Outcome::Acknowledged {
                self.shut_out.acknowledged(self.flights.oldest().map(|flight| flight.sent_at));
            }
            return Some(Delivery { ticket, outcome, position, topic, bytes, committed_at });
        }
    }

    /// Sends a witness to a topic that is known to exist. One at a time: its fate is told by
    /// [`witness_outcome`](Self::witness_outcome). False when librdkafka has no room now.
    ///
    /// # Errors
    /// What librdkafka refuses it for.
    pub fn send_witness(&self, topic: &str, key: &str, value: &[u8]) -> Result<bool, Outcome> {
        let record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord { payload: Some(value), ..beside(topic, key, WITNESS) };
        match self.inner.send(record) {
            Ok(()) => Ok(true),
            Err((error, _)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => Ok(false),
                code => Err(Outcome::of_code(code.or(Some(RDKafkaErrorCode::Unknown)))),
            },
        }
    }

    /// Lets compaction remove a witness that a later one replaces. Nobody waits for it.
    pub fn erase_witness(&self, topic: &str, key: &str) {
        let _ = self.inner.send(beside(topic, key, NOBODY));
    }

    /// What became of the witness that was sent, once it is known: told once.
    pub fn witness_outcome(&mut self) -> Option<Outcome> {
        self.witness.take()
    }

    fn witness_came_back(&mut self, outcome: Outcome) {
        if outcome == Outcome::Acknowledged {
            self.shut_out.acknowledged(self.flights.oldest().map(|flight| flight.sent_at));
        }
        self.witness = Some(outcome);
    }

    /// Which event the oldest record on its way is.
    pub fn oldest_position(&self) -> Option<Position> {
        self.flights.oldest().map(|flight| flight.position)
    }

    /// What librdkafka complained of last, unless something was acknowledged since: for people.
    pub fn trouble(&self) -> Option<&str> {
        self.shut_out.trouble()
    }

    /// Why Kafka does not let us in, when that keeps records from it: the oldest has waited for
    /// `waiting`. librdkafka goes on trying.
    pub fn shut_out(&self, waiting: Duration, now: Instant) -> Option<Fault> {
        self.shut_out.fault(self.brokers_down(), waiting, now)
    }

    /// Whether a password, key or certificate was changed in its file while Kafka does not let us
    /// in: only a new producer reads it.
    pub fn has_new_credentials(&mut self, now: Instant) -> bool {
        self.shut_out.has_new_credentials(now)
    }

    /// The fatal error that broke this producer, if one did.
    pub fn fatal(&self) -> Option<(Outcome, String)> {
        let (code, words) = self.inner.client().fatal_error()?;
        Some((Outcome::of_code(Some(code)), format!("{code}: {words}")))
    }

    /// Records on their way.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// When the oldest record on its way was sent.
    pub fn oldest_sent_at(&self) -> Option<Instant> {
        self.flights.oldest().map(|flight| flight.sent_at)
    }

    /// The topic's name.
    pub fn topic_name(&self, topic: TopicId) -> &str {
        self.topics.name(topic)
    }

    /// The topics used so far, in the order of their numbers.
    pub fn topic_names(&self) -> impl Iterator<Item = &str> {
        self.topics.names()
    }

    /// Whether no broker can be reached.
    pub fn brokers_down(&self) -> bool {
        self.inner.context().brokers_down()
    }

    /// Retries of produce requests so far, as librdkafka's statistics tell them.
    pub fn retries(&self) -> u64 {
        self.inner.context().retries()
    }

    /// Takes back what can be taken back: nothing of the queue is sent any more. What is on the
    /// wire may still arrive; that is a repeat, never a loss.
    pub fn purge(&self) {
        self.inner.purge(PurgeConfig::default().queue().inflight());
    }

    /// The brokers are asked before a record is refused for its partition: it may be a new one.
    fn lacks_partition(&mut self, topic: TopicId, now: Instant) -> Offer {
        match self.topics.lacks_partition(topic, now) {
            true => Offer::Refused(Refusal::UnknownPartition),
            false => Offer::NotNow,
        }
    }

    fn produce(
        &self,
        record: &Record<'_>,
        partition: u32,
        number: usize,
    ) -> Result<(), RDKafkaErrorCode> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in record.headers.iter() {
            headers = headers.insert(Header { key, value });
        }
        let message: BaseRecord<'_, [u8], [u8], usize> = BaseRecord {
            topic: record.topic,
            // Never left to librdkafka, which would place keys by a count of its own.
            partition: Some(partition as i32),
            payload: record.payload,
            key: record.key,
            timestamp: Some(record.timestamp),
            headers: Some(headers),
            delivery_opaque: number,
        };
        self.inner
            .send(message)
            .map_err(|(error, _)| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown))
    }
}

/// A record that is none of the outbox's, without a value yet.
fn beside<'a>(topic: &'a str, key: &'a str, number: usize) -> BaseRecord<'a, [u8], [u8], usize> {
    BaseRecord {
        topic,
        partition: Some(WITNESSES),
        payload: None,
        key: Some(key.as_bytes()),
        timestamp: None,
        headers: None,
        delivery_opaque: number,
    }
}

#[cfg(test)]
#[path = "producer_tests.rs"]
mod tests;

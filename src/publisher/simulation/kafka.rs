//! Kafka as the carrier meets it: a producer on the modelled cluster, in the place of librdkafka.
//!
//! Follows `kafka/producer.rs`: the same order of questions, the same gate, the same flights.

use std::time::{Duration, Instant};

use super::{
    chronicle::Chronicle,
    cluster::{Report, Shared},
    coverage::Rare,
    lane::Sent,
    mutation::Mutation,
    truth::Truth,
};
pub(super) use crate::kafka::{Delivery, FlightId, Offer, Outcome, Refusal};
use crate::{
    ack::Ticket,
    fault::Fault,
    kafka::{Flight, Flights, Gate, TopicId, WitnessTopic, partition_of},
    outbox::{Position, Record},
};

/// What the carrier's keeper needs of the settings.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) witness: Option<WitnessTopic>,
    pub(super) cluster: Shared,
    /// How often a broker shows less of the witnesses than it has acknowledged.
    pub(super) shows_less: u32,
}

/// The witness topic, read from the model.
pub(super) mod witnesses {
    use std::time::Duration;

    use super::Config;
    pub(in super::super) use crate::kafka::witnesses::{Records, WitnessError};

    /// A reading under way. It takes as long as the dice say.
    pub(in super::super) struct Reading {
        config: Config,
        topic: String,
        is_first: bool,
    }

    impl Reading {
        pub(in super::super) fn start(config: &Config, topic: &str, wait: Duration) -> Reading {
            let (config, topic) = (config.clone(), topic.to_owned());
            Reading { config, topic, is_first: wait.is_zero() }
        }

        pub(in super::super) fn answer(&self) -> Option<Result<Records, WitnessError>> {
            let mut cluster = self.config.cluster.borrow_mut();
            if cluster.dice.one_in(2) {
                return None;
            }
            let is_troubled = !cluster.brokers.is_healed;
            if is_troubled && cluster.dice.one_in(10) {
                let (topic, reason) = (self.topic.clone(), "nobody answers".to_owned());
                return Some(Err(WitnessError::NotNow { topic, reason }));
            }
            let rate = self.config.shows_less;
            let is_behind = is_troubled && self.is_first && cluster.dice.one_in(rate);
            Some(Ok(cluster.brokers.witnesses.read(is_behind)))
        }
    }
}

/// Records that wait in librdkafka's queue, at most.
const QUEUE: usize = 60;

/// What is known of a topic.
enum Knowledge {
    Unasked,
    Known,
    Missing,
}

struct Topic {
    name: String,
    knowledge: Knowledge,
    gate: Gate,
}

/// One producer, from birth to purge.
pub(super) struct Producer {
    id: usize,
    cluster: Shared,
    flights: Flights,
    topics: Vec<Topic>,
    /// What became of the witness that was sent last.
    witness: Option<Outcome>,
    mutation: Mutation,
    truth: Truth,
    chronicle: Chronicle,
}

impl Producer {
    pub(super) fn start(
        cluster: &Shared,
        (topics, partitions, batch): (usize, usize, usize),
        mutation: Mutation,
        (truth, chronicle): (Truth, Chronicle),
    ) -> Producer {
        let id = cluster.borrow_mut().connect(batch);
        let topic = |number| Topic {
            name: format!("outbox.event.t{number}"),
            knowledge: Knowledge::Unasked,
            gate: Gate::new(partitions as u32),
        };
        Producer {
            id,
            cluster: cluster.clone(),
            flights: Flights::default(),
            topics: (0..topics).map(topic).collect(),
            witness: None,
            mutation,
            truth,
            chronicle,
        }
    }

    pub(super) fn offer(&mut self, record: &Record<'_>, committed_at: i64, now: Instant) -> Offer {
        let mut cluster = self.cluster.borrow_mut();
        let topic = self.topics.iter().position(|topic| topic.name == record.topic);
        let number = topic.expect("rows name one of the topics");
        let topic = &mut self.topics[number];
        match topic.knowledge {
            Knowledge::Unasked if cluster.dice.one_in(2) => {
                let is_missing = cluster.brokers.is_missing(number);
                let known = if is_missing { Knowledge::Missing } else { Knowledge::Known };
                topic.knowledge = known;
                return Offer::NotNow;
            }
            Knowledge::Unasked => return Offer::NotNow,
            Knowledge::Missing => {
                self.chronicle.saw(Rare::TopicMissing);
                return Offer::Refused(Refusal::UnknownTopic);
            }
            Knowledge::Known => {}
        }
        let key = record.key.expect("every row has a key");
        let partition = partition_of(key, topic.gate.partitions());
        let is_gated = self.mutation != Mutation::OpensGate;
        if is_gated && !topic.gate.admits(partition, now) {
            self.chronicle.saw(Rare::GateClosed);
            return Offer::NotNow;
        }
        if self.flights.len() >= QUEUE && cluster.dice.one_in(2) {
            return Offer::NotNow;
        }
        if let Some(reason) = cluster.broken(self.id) {
            return Offer::Broken(reason.to_owned());
        }
        if is_gated {
            topic.gate.sent(partition, now);
        }
        let (flight, position) = (self.flights.next_number(), record.position);
        let event = event_of(record);
        let id = self.id;
        self.truth.sent(event, position);
        let oldest = self.flights.oldest().map(|flight| flight.position);
        if oldest
            .is_some_and(|oldest| [oldest, position].iter().any(|at| self.truth.is_suspect(*at)))
        {
            self.chronicle.broken(format!("a suspect is not alone: {oldest:?} and {position}"));
        }
        self.chronicle.tell(|| format!("event {event} at {position} to producer {id}"));
        cluster.queue(id, (number, partition), Sent { number: flight, event, position });
        self.flights.depart(Flight {
            ticket: None,
            topic: TopicId::numbered(number),
            partition,
            bytes: record.bytes() as u64,
            position,
            sent_at: now,
            committed_at,
        });
        Offer::Sent(FlightId(flight))
    }

    pub(super) fn attach(&mut self, flight: FlightId, ticket: Ticket) {
        let flight = self.flights.get_mut(flight.0).expect("the record was just sent");
        flight.ticket = Some(ticket);
    }

    /// The network moves by itself.
    pub(super) fn serve(&mut self, _wait: Duration) {}

    pub(super) fn send_witness(
        &self,
        _topic: &str,
        key: &str,
        value: &[u8],
    ) -> Result<bool, Outcome> {
        let mut cluster = self.cluster.borrow_mut();
        if let Some(reason) = cluster.broken(self.id) {
            return Err(Outcome::Broken(reason.to_owned()));
        }
        if cluster.dice.one_in(20) {
            return Ok(false);
        }
        cluster.queue_witness(self.id, key, Some(value));
        Ok(true)
    }

    pub(super) fn erase_witness(&self, _topic: &str, key: &str) {
        self.cluster.borrow_mut().queue_witness(self.id, key, None);
    }

    pub(super) fn witness_outcome(&mut self) -> Option<Outcome> {
        self.witness.take()
    }

    pub(super) fn next_delivery(&mut self, now: Instant) -> Option<Delivery> {
        if let Some(outcome) = self.cluster.borrow_mut().next_witness(self.id) {
            self.witness = Some(outcome);
        }
        loop {
            let report = self.cluster.borrow_mut().next_report(self.id)?;
            let Report { number, event, mut outcome } = report;
            let Some(flight) = self.flights.arrive(number) else { continue };
            if let Outcome::Refused(_) = outcome {
                self.truth.refused(flight.position);
            }
            if outcome == Outcome::Acknowledged {
                self.truth.acknowledged(event);
            } else if self.mutation == Mutation::AcknowledgesErrors {
                outcome = Outcome::Acknowledged;
            }
            let acknowledged = (outcome == Outcome::Acknowledged).then_some(flight.partition);
            if self.mutation != Mutation::OpensGate {
                let gate = &mut self.topics[flight.topic.index()].gate;
                gate.returned(flight.partition, acknowledged, now);
            }
            self.chronicle.tell(|| format!("event {event} comes back: {outcome:?}"));
            let Flight { ticket, topic, bytes, position, committed_at, .. } = flight;
            let ticket = ticket.expect("a ticket is attached before reports are read");
            return Some(Delivery { ticket, outcome, position, topic, bytes, committed_at });
        }
    }

    pub(super) fn oldest_position(&self) -> Option<Position> {
        self.flights.oldest().map(|flight| flight.position)
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        None
    }

    /// The modelled brokers let everybody in.
    pub(super) fn shut_out(&self, _waiting: Duration, _now: Instant) -> Option<Fault> {
        None
    }

    pub(super) fn has_new_credentials(&mut self, _now: Instant) -> bool {
        false
    }

    pub(super) fn fatal(&self) -> Option<(Outcome, String)> {
        let cluster = self.cluster.borrow();
        let words = cluster.broken(self.id)?.to_owned();
        Some((Outcome::Broken(words.clone()), words))
    }

    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    pub(super) fn oldest_sent_at(&self) -> Option<Instant> {
        self.flights.oldest().map(|flight| flight.sent_at)
    }

    pub(super) fn topic_name(&self, topic: TopicId) -> &str {
        &self.topics[topic.index()].name
    }

    /// Nothing of the queue is sent any more; dropping it says so.
    pub(super) fn purge(&self) {}
}

/// However it ends, by purge or with its process, its connections end with it.
impl Drop for Producer {
    fn drop(&mut self) {
        self.cluster.borrow_mut().leave(self.id);
    }
}

fn event_of(record: &Record<'_>) -> usize {
    let id = std::str::from_utf8(record.event_id.expect("every row has an id"));
    id.expect("it is a number").parse().expect("it is a number")
}

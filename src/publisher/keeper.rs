//! Keeper: keeps the witness of one session, and finds the gaps that it tells of.

use std::time::{Duration, Instant};

use super::{
    ending::Ended,
    engine::Engine,
    // By way of the parent, as in the carrier.
    kafka::{
        self, Outcome, Producer, Refusal,
        witnesses::{Reading, Records, WitnessError},
    },
};
use crate::{
    fault::{Fault, FaultKind},
    wal::Lsn,
    witness::{Cause, Gap, Here, Highest, Look, Subject, Witness, compare, highest},
};

/// How long to wait before the topic is read again when it could not be read.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// As many records of earlier sessions are erased at most by one session.
const MOST_ERASED: usize = 100;

/// Keeps the witness of one session.
pub(crate) struct Keeper {
    kafka: kafka::Config,
    topic: String,
    subject: Subject,
    /// The key of this session's record.
    key: String,
    /// Server, slot and catalog as they were when the session began.
    here: Here,
    /// Rows that were committed before this look were decoded with this catalog. One look behind the
    /// latest: a transaction may be in the WAL a moment before others see what it did.
    good: Look,
    latest: Look,
    state: State,
}

enum State {
    /// The topic is being read. Nothing is confirmed meanwhile; publishing goes on.
    Comparing(Reading),
    /// Nothing is missing.
    Keeping {
        epoch: u64,
        /// Was witnessed before on this history. A slot that stands there was moved by us, though a
        /// crash has set the one that we stream from back: a standby may have kept it.
        least: Lsn,
        /// Keys of records that the first witness replaces.
        older: Vec<String>,
        /// There was no witness: one is written before anything is confirmed.
        adopting: Adopting,
    },
}

/// The first witness of a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Adopting {
    No,
    Wanted,
    OnItsWay,
}

impl Keeper {
    /// A keeper for a session that was just opened. Reads the topic, unless it was `compared` with
    /// what is here already. `None` when no witness is to be kept.
    pub(crate) fn start(
        kafka: &kafka::Config,
        (subject, run): (Subject, u64),
        here: Here,
        compared: Option<Highest>,
    ) -> Option<Keeper> {
        let topic = kafka.witness.as_ref()?.name.clone();
        let mut keeper = Keeper {
            kafka: kafka.clone(),
            key: subject.key(&format!("{run:016x}")),
            subject,
            good: here.look.clone(),
            latest: here.look.clone(),
            here,
            state: State::Comparing(Reading::start(kafka, &topic, Duration::ZERO)),
            topic,
        };
        if let Some(found) = compared {
            keeper.keep(found);
        }
        Some(keeper)
    }

    /// The position up to which rows were decoded with a catalog that was seen good.
    pub(crate) fn good_until(&self) -> Lsn {
        self.good.lsn
    }

    /// Whether it is known that nothing is missing.
    pub(crate) fn has_compared(&self) -> bool {
        matches!(self.state, State::Keeping { .. })
    }

    /// Whether only time brings this further: an answer of the brokers is waited for.
    pub(crate) fn is_waiting(&self, engine: &Engine) -> bool {
        let sends = matches!(self.state, State::Keeping { .. });
        engine.unwitnessed_since().is_some() && !(sends && engine.witness_deadline().is_some())
    }

    /// One turn: compares, takes the last witness back, sends the next one.
    pub(crate) fn turn(
        &mut self,
        engine: &mut Engine,
        producer: &mut Producer,
        now: Instant,
    ) -> Result<(), Ended> {
        // Asked in any case: it counts the time from here on.
        let due = engine.witness_due(now);
        if let State::Comparing(reading) = &self.state {
            let Some(answer) = reading.answer() else { return Ok(()) };
            self.read(answer)?;
        }
        if let Some(outcome) = producer.witness_outcome() {
            self.came_back(outcome, engine, producer)?;
        }
        let State::Keeping { epoch, least, adopting, .. } = self.state else { return Ok(()) };
        let wanted = match (adopting, due) {
            (Adopting::Wanted, _) => engine.told(),
            (Adopting::No, Some(confirmed)) => confirmed,
            _ => return Ok(()),
        };
        failpoint!("before_witness");
        let value = self.witness(epoch, wanted.lsn().max(least)).to_json();
        match producer.send_witness(&self.topic, &self.key, &value) {
            Ok(true) => {
                if let State::Keeping { adopting: adopting @ Adopting::Wanted, .. } =
                    &mut self.state
                {
                    *adopting = Adopting::OnItsWay;
                } else {
                    engine.witness_sent(wanted, now);
                }
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(outcome) => Err(self.failed(outcome)),
        }
    }

    /// The catalog was looked at again.
    pub(crate) fn looked(&mut self, look: Look) -> Result<(), Ended> {
        if look.lsn < self.latest.lsn {
            // It is older than the session's own.
            return Ok(());
        }
        let changed = self.good.identity.differences(&look.identity);
        if changed.is_empty() {
            self.good = std::mem::replace(&mut self.latest, look);
            return Ok(());
        }
        Err(Ended::Gap(Gap {
            slot: self.subject.slot.clone(),
            causes: vec![Cause::Catalog { changed }],
            after: self.good.lsn,
            until: look.lsn,
            oldest_xid: Some(self.good.oldest_xid),
        }))
    }

    /// Holds what was read against what is there.
    fn read(&mut self, answer: Result<Records, WitnessError>) -> Result<(), Ended> {
        let records = match answer {
            Ok(records) => records,
            Err(error @ WitnessError::NotNow { .. }) => {
                tracing::debug!(%error, "the witness topic is read again");
                let reading = Reading::start(&self.kafka, &self.topic, READ_AGAIN);
                self.state = State::Comparing(reading);
                return Ok(());
            }
            Err(error) => return Err(Ended::Held(error.fault(), None)),
        };
        let found = found_in(&records, &self.subject);
        // Not yet the last word: what is here was read before the witness, and may be the older.
        compare(found.witness.as_ref(), &self.here).map_err(|_| Ended::Suspicious)?;
        self.keep(found);
        Ok(())
    }

    /// Nothing is missing, as `found` tells.
    fn keep(&mut self, found: Highest) {
        let adopting = match &found.witness {
            // What was seen good then is good up to now, since nothing has changed.
            Some(witness) => {
                self.good = witness.seen.clone();
                Adopting::No
            }
            None => {
                tracing::info!(
                    slot = self.subject.slot,
                    "no witness of this slot is known; it is taken as it is"
                );
                Adopting::Wanted
            }
        };
        let least = found.witness.as_ref().map_or(Lsn::ZERO, |witness| witness.confirmed);
        let epoch = found.next_epoch();
        self.state = State::Keeping { epoch, least, older: found.keys, adopting };
    }

    fn came_back(
        &mut self,
        outcome: Outcome,
        engine: &mut Engine,
        producer: &Producer,
    ) -> Result<(), Ended> {
        if outcome != Outcome::Acknowledged {
            return Err(self.failed(outcome));
        }
        failpoint!("after_witness");
        if let State::Keeping { older, adopting, .. } = &mut self.state {
            match std::mem::replace(adopting, Adopting::No) {
                Adopting::OnItsWay => {}
                Adopting::No | Adopting::Wanted => engine.witnessed(),
            }
            for key in older.drain(..).take(MOST_ERASED).filter(|key| *key != self.key) {
                producer.erase_witness(&self.topic, &key);
            }
        }
        Ok(())
    }

    fn failed(&self, outcome: Outcome) -> Ended {
        match outcome {
            Outcome::Refused(refusal) => Ended::Held(refused(&self.topic, refusal), None),
            Outcome::Broken(reason) => Ended::ProducerBroken(reason),
            Outcome::Acknowledged => unreachable!("an acknowledgement is no failure"),
        }
    }

    fn witness(&self, epoch: u64, confirmed: Lsn) -> Witness {
        Witness {
            subject: self.subject.clone(),
            system_identifier: self.here.system_identifier,
            timeline: self.here.timeline,
            epoch,
            confirmed,
            seen: self.good.clone(),
            spoiled: None,
        }
    }
}

/// What the topic says about `subject`.
pub(super) fn found_in(records: &Records, subject: &Subject) -> Highest {
    highest(subject, records.iter().map(|(key, value)| (key.as_str(), value.as_slice())))
}

fn refused(topic: &str, refusal: Refusal) -> Fault {
    let kind = match refusal {
        Refusal::NotAuthorized => FaultKind::Rights,
        _ => FaultKind::Settings,
    };
    Fault::new(
        kind,
        format!(
            "Kafka refuses the witness of what is to be confirmed, for the topic {topic:?} of \
             kafka.witness_topic: {}",
            refusal.reason()
        ),
        "make it a compacted topic that our principal may read and write (`postrider init` creates \
         it), or set kafka.witness_topic = \"\" and do without the gap detector",
    )
}

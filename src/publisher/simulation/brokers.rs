//! Brokers: partitions, what is known there of producers, and what is not taken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    chance::{Dice, Plan},
    chronicle::Chronicle,
    coverage::Rare,
    lane::{Answer, Request, Sent},
    truth::Truth,
    witness_topic::WitnessTopic,
};
use crate::kafka::Refusal;

/// Partitions of a topic, at most: the place of a topic's first partition.
pub(super) const STRIDE: usize = 8;

/// Requests of a producer that a broker remembers, to drop their repeats.
const REMEMBERED: usize = 5;

/// What the brokers know of one partition.
#[derive(Default)]
struct Partition {
    /// The newest requests of each producer id, by their sequence numbers. A new id's first one
    /// is taken, whatever it is.
    known: BTreeMap<usize, VecDeque<(u32, u32)>>,
    is_leaderless: bool,
}

/// All brokers as one.
pub(super) struct Brokers {
    partitions: BTreeMap<usize, Partition>,
    /// Events that were queued before.
    seen: BTreeSet<usize>,
    poison_rate: u32,
    /// Events that are refused.
    poison: BTreeSet<usize>,
    /// Topics that are deleted.
    missing: BTreeSet<usize>,
    /// The first topic takes no batch of more records.
    takes: usize,
    pub(super) is_healed: bool,
    pub(super) witnesses: WitnessTopic,
    dice: Dice,
    truth: Truth,
    chronicle: Chronicle,
}

impl Brokers {
    pub(super) fn new(plan: &Plan, dice: Dice, truth: Truth, chronicle: Chronicle) -> Brokers {
        Brokers {
            partitions: BTreeMap::new(),
            seen: BTreeSet::new(),
            poison_rate: plan.faults.poison,
            poison: BTreeSet::new(),
            missing: BTreeSet::new(),
            takes: plan.topic_takes,
            is_healed: false,
            witnesses: WitnessTopic::new(chronicle.clone()),
            dice,
            truth,
            chronicle,
        }
    }

    pub(super) fn is_missing(&self, topic: usize) -> bool {
        self.missing.contains(&topic)
    }

    pub(super) fn is_leaderless(&self, at: usize) -> bool {
        self.partitions.get(&at).is_some_and(|partition| partition.is_leaderless)
    }

    /// An event is queued. The first time, the dice decide whether it is refused.
    pub(super) fn meet(&mut self, event: usize) {
        let is_new = self.seen.insert(event);
        if is_new && !self.is_healed && self.dice.one_in(self.poison_rate) {
            self.chronicle.fault(format!("Kafka will refuse event {event}"));
            self.poison.insert(event);
        }
    }

    /// What Kafka refused, it takes from now on.
    pub(super) fn take_all(&mut self) {
        self.poison.clear();
    }

    pub(super) fn refuses(&self, event: usize) -> bool {
        self.poison.contains(&event)
    }

    /// A partition loses its leader, or gets one.
    pub(super) fn change_leader(&mut self, plan: &Plan) {
        let (topic, partition) = (self.dice.below(plan.topics), self.dice.below(plan.partitions));
        let partition = self.partitions.entry(topic * STRIDE + partition).or_default();
        partition.is_leaderless = !partition.is_leaderless;
        self.chronicle.fault(format!("a partition is leaderless: {}", partition.is_leaderless));
    }

    /// A topic is deleted, or made again.
    pub(super) fn change_topic(&mut self, plan: &Plan) {
        let topic = self.dice.below(plan.topics);
        if !self.missing.remove(&topic) {
            self.missing.insert(topic);
        }
        self.chronicle.fault(format!("topics that are missing: {:?}", self.missing));
    }

    /// From here on nothing goes wrong that is not wrong already.
    pub(super) fn heal(&mut self, never: bool) {
        self.is_healed = true;
        self.missing.clear();
        if !never {
            self.poison.clear();
        }
        self.partitions.values_mut().for_each(|partition| partition.is_leaderless = false);
    }

    /// What the broker says to a request, and does with it.
    pub(super) fn judge(
        &mut self,
        (producer, is_late): (usize, bool),
        at: usize,
        request: &Request,
        plan: &Plan,
    ) -> Answer {
        if !self.is_healed && self.dice.one_in(plan.faults.retriable) {
            self.chronicle.saw(Rare::RetriableError);
            return Answer::Again;
        }
        let partition = self.partitions.entry(at).or_default();
        let known = partition.known.get(&producer);
        let sequences = (request.base, request.end());
        if known.is_some_and(|known| known.contains(&sequences)) {
            self.chronicle.saw(Rare::RepeatDropped);
            return Answer::Taken;
        }
        let is_first = known.is_none();
        let is_behind =
            known.and_then(VecDeque::back).is_some_and(|(_, next)| request.base != *next);
        if let Some(refusal) = self.refusal(at / STRIDE, request) {
            if is_first {
                self.chronicle.saw(Rare::FirstBatchRefused);
            }
            self.tell_refused(request, refusal);
            return Answer::Refused(refusal);
        }
        if is_behind {
            self.chronicle.saw(Rare::SuccessorOutOfOrder);
            return Answer::OutOfOrder;
        }
        let partition = self.partitions.entry(at).or_default();
        let known = partition.known.entry(producer).or_default();
        known.push_back(sequences);
        if known.len() > REMEMBERED {
            known.pop_front();
        }
        for record in &request.records {
            if is_late && self.truth.is_stored(record.event) {
                self.chronicle.saw(Rare::LateBehindRepeat);
            }
            let (event, position) = (record.event, record.position);
            self.chronicle.tell(|| format!("p{at} has event {event} of producer {producer}"));
            self.truth.stored(event, position, producer, at);
        }
        Answer::Taken
    }

    fn tell_refused(&self, request: &Request, refusal: Refusal) {
        let events: Vec<usize> = request.records.iter().map(|record| record.event).collect();
        let is_innocent = |event: &usize| !self.poison.contains(event);
        if self.missing.is_empty() && events.iter().any(is_innocent) {
            self.chronicle.saw(Rare::InnocentRefused);
        }
        if refusal == Refusal::TooLarge {
            self.chronicle.saw(Rare::TopicTakesLess);
        }
        self.chronicle.fault(format!("Kafka refuses a batch of events {events:?}: {refusal:?}"));
    }

    /// Why this request is refused, if it is.
    fn refusal(&self, topic: usize, request: &Request) -> Option<Refusal> {
        if self.missing.contains(&topic) {
            return Some(Refusal::UnknownTopic);
        }
        if topic == 0 && request.records.len() > self.takes {
            return Some(Refusal::TooLarge);
        }
        let is_poison = |record: &Sent| self.poison.contains(&record.event);
        request.records.iter().any(is_poison).then_some(Refusal::InvalidRecord)
    }
}

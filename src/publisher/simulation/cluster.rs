//! Cluster: every producer's librdkafka, and its connections to the brokers.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use super::{
    brokers::{Brokers, STRIDE},
    chance::{Dice, Plan},
    chronicle::Chronicle,
    coverage::Rare,
    lane::{Answer, Lane, Sent, Step},
    wait_list::WaitList,
};
use crate::kafka::Outcome;

/// A record's fate, as librdkafka reports it.
pub(super) struct Report {
    pub(super) number: usize,
    pub(super) event: usize,
    pub(super) outcome: Outcome,
}

/// What librdkafka does for one producer.
struct Client {
    lanes: BTreeMap<usize, Lane>,
    reports: VecDeque<Report>,
    /// Set a moment before the reports that say why.
    broken: Option<String>,
    late_reports: Vec<Report>,
    is_alive: bool,
    /// Its process has thawed after another took over: it still sends what it had.
    is_thawed: bool,
    batch: usize,
    witnesses: WaitList,
}

impl Client {
    fn is_idle(&self) -> bool {
        self.lanes.values().all(Lane::is_idle) && self.witnesses.is_empty()
    }
}

/// The network and both its ends. Shared between the world and the producers.
pub(super) struct Cluster {
    clients: Vec<Client>,
    pub(super) brokers: Brokers,
    pub(super) dice: Dice,
    chronicle: Chronicle,
}

pub(super) type Shared = Rc<RefCell<Cluster>>;

impl Cluster {
    pub(super) fn new(brokers: Brokers, dice: Dice, chronicle: Chronicle) -> Cluster {
        Cluster { clients: Vec::new(), brokers, dice, chronicle }
    }

    /// A new producer with a new id.
    pub(super) fn connect(&mut self, batch: usize) -> usize {
        self.clients.push(Client {
            lanes: BTreeMap::new(),
            reports: VecDeque::new(),
            broken: None,
            late_reports: Vec::new(),
            is_alive: true,
            is_thawed: false,
            batch,
            witnesses: WaitList::default(),
        });
        self.clients.len() - 1
    }

    pub(super) fn broken(&self, producer: usize) -> Option<&str> {
        self.clients[producer].broken.as_deref()
    }

    /// A record is queued. The first time, the dice decide whether Kafka refuses it.
    pub(super) fn queue(
        &mut self,
        producer: usize,
        (topic, partition): (usize, u32),
        record: Sent,
    ) {
        self.brokers.meet(record.event);
        let at = topic * STRIDE + partition as usize;
        self.clients[producer].lanes.entry(at).or_default().push(record);
    }

    pub(super) fn next_report(&mut self, producer: usize) -> Option<Report> {
        self.clients[producer].reports.pop_front()
    }

    /// The producer is purged, or its process is dead. What is on the wire may still arrive.
    pub(super) fn leave(&mut self, producer: usize) {
        let client = &mut self.clients[producer];
        client.is_alive = false;
        client.reports.clear();
        if client.is_thawed {
            return;
        }
        for lane in client.lanes.values_mut() {
            let on_the_wire = lane.on_the_wire();
            lane.orphan(self.dice.below(on_the_wire + 1));
        }
        client.lanes.retain(|_, lane| !lane.is_idle());
        client.witnesses.orphan(&mut self.dice);
    }

    /// A witness, or what erases one, is queued.
    pub(super) fn queue_witness(&mut self, producer: usize, key: &str, value: Option<&[u8]>) {
        self.clients[producer].witnesses.push(key, value);
    }

    pub(super) fn next_witness(&mut self, producer: usize) -> Option<Outcome> {
        self.clients[producer].witnesses.next_outcome()
    }

    /// The producer that lives will go on without a process.
    pub(super) fn outlive(&mut self) {
        if let Some(client) = self.clients.iter_mut().rfind(|client| client.is_alive) {
            client.is_thawed = true;
            self.chronicle.saw(Rare::OldProcessThaws);
        }
    }

    /// The producer of the process that lives breaks by itself.
    pub(super) fn break_producer(&mut self) {
        let Some(producer) = self.clients.iter().rposition(|client| client.is_alive) else {
            return;
        };
        self.chronicle.fault(format!("producer {producer} breaks"));
        self.give_up(producer, "fenced".to_owned());
    }

    /// Whether no request of any producer is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.clients.iter().all(Client::is_idle)
    }

    /// One thing that the network does.
    pub(super) fn step(&mut self, plan: &Plan) {
        let live = self.clients.iter().rposition(|client| client.is_alive);
        let has_way = |client: &Client| !client.is_alive && !client.is_idle();
        let late = self.clients.iter().position(has_way);
        let producer = match (live, late) {
            (Some(_), Some(late)) if self.dice.one_in(12) => late,
            (Some(live), _) => live,
            (None, Some(late)) if self.dice.one_in(6) => late,
            _ => return,
        };
        let late_reports = std::mem::take(&mut self.clients[producer].late_reports);
        self.clients[producer].reports.extend(late_reports);
        let client = &mut self.clients[producer];
        if !client.witnesses.is_empty() && (client.lanes.is_empty() || self.dice.one_in(4)) {
            if !client.is_alive {
                self.chronicle.saw(Rare::LateWitness);
            }
            return client.witnesses.step(&mut self.brokers.witnesses);
        }
        let lanes = &client.lanes;
        if lanes.is_empty() {
            return;
        }
        let at = *lanes.keys().nth(self.dice.below(lanes.len())).expect("there is one");
        let Client { is_alive, is_thawed, .. } = self.clients[producer];
        if !is_alive && !is_thawed {
            self.arrive(producer, at, plan);
        } else if !self.brokers.is_healed && self.dice.one_in(plan.faults.disconnect) {
            self.disconnect(producer, at, plan);
        } else {
            match self.dice.below(3) {
                0 => self.dispatch(producer, at),
                1 => self.arrive(producer, at, plan),
                _ => self.answer(producer, at),
            }
        }
        if !is_alive {
            self.clients[producer].lanes.retain(|_, lane| !lane.is_idle());
        }
    }

    fn lane(&mut self, producer: usize, at: usize) -> &mut Lane {
        self.clients[producer].lanes.get_mut(&at).expect("the lane exists")
    }

    fn dispatch(&mut self, producer: usize, at: usize) {
        let client = &mut self.clients[producer];
        if client.broken.is_some() {
            return;
        }
        let most = 1 + self.dice.below(client.batch);
        let lane = self.lane(producer, at);
        if lane.dispatch(most) && lane.on_the_wire() > 1 {
            self.chronicle.saw(Rare::SeveralBatches);
        }
    }

    /// A request reaches the broker.
    fn arrive(&mut self, producer: usize, at: usize, plan: &Plan) {
        if self.brokers.is_leaderless(at) {
            return;
        }
        let Client { is_alive, is_thawed, .. } = self.clients[producer];
        let lane = &self.clients[producer].lanes[&at];
        let Some(index) = lane.arriving() else { return };
        let answer = self.brokers.judge((producer, !is_alive), at, lane.request(index), plan);
        if matches!(answer, Answer::Refused(_)) && lane.on_the_wire() > index + 1 {
            self.chronicle.saw(Rare::RefusedWithSuccessors);
        }
        if is_alive || is_thawed {
            return self.lane(producer, at).answer(index, answer);
        }
        self.chronicle.tell(|| format!("late request of producer {producer}: {answer:?}"));
        if answer == Answer::Taken {
            self.chronicle.saw(Rare::LateWrite);
        }
        self.lane(producer, at).take(index);
    }

    /// An answer reaches the producer.
    fn answer(&mut self, producer: usize, at: usize) {
        let is_broken = self.clients[producer].broken.is_some();
        let lane = self.lane(producer, at);
        let Some(index) = lane.answered() else { return };
        match lane.meaning(index, is_broken) {
            Step::Resend => lane.resend(index),
            Step::Acknowledge => {
                let request = lane.take(index);
                self.report(producer, request.records, &Outcome::Acknowledged);
            }
            Step::Refuse(refusal) => {
                let records = lane.take(index).records;
                let outcome = Outcome::Refused(refusal);
                self.give_up(producer, "a record failed".to_owned());
                // The refusal itself is told a moment later.
                let reports = records.into_iter().map(|record| reported(record, &outcome));
                self.clients[producer].late_reports.extend(reports);
            }
            Step::Break => {
                let records = lane.take(index).records;
                self.give_up(producer, "the sequence is lost".to_owned());
                self.report(producer, records, &Outcome::Broken("out of order".to_owned()));
            }
        }
    }

    /// The connection to the broker is lost: a part of the requests was read before, and no answer
    /// comes. A producer that is not broken sends all of them again.
    fn disconnect(&mut self, producer: usize, at: usize, plan: &Plan) {
        let on_the_wire = self.lane(producer, at).on_the_wire();
        let read = self.dice.below(on_the_wire + 1);
        for _ in 0..read {
            self.arrive(producer, at, plan);
        }
        let is_broken = self.clients[producer].broken.is_some();
        let lane = self.lane(producer, at);
        if lane.on_the_wire() == 0 {
            return;
        }
        if lane.is_applied_unanswered() {
            self.chronicle.saw(Rare::AppliedThenDisconnected);
        }
        self.chronicle.fault(format!("producer {producer} loses its broker of p{at}"));
        let lane = self.lane(producer, at);
        if !is_broken {
            return lane.resend_all();
        }
        let records = lane.take_all().into_iter().flat_map(|request| request.records).collect();
        self.report(producer, records, &Outcome::Broken("purged".to_owned()));
    }

    /// The producer cannot go on: what is queued comes back, what is on the wire is waited for.
    fn give_up(&mut self, producer: usize, reason: String) {
        let client = &mut self.clients[producer];
        client.broken.get_or_insert(reason);
        client.witnesses.give_up(&mut self.brokers.witnesses, &mut self.dice);
        let outcome = Outcome::Broken("purged".to_owned());
        for lane in client.lanes.values_mut() {
            client.reports.extend(lane.take_queue().into_iter().map(|r| reported(r, &outcome)));
        }
    }

    fn report(&mut self, producer: usize, records: Vec<Sent>, outcome: &Outcome) {
        let reports = records.into_iter().map(|record| reported(record, outcome));
        self.clients[producer].reports.extend(reports);
    }
}

fn reported(record: Sent, outcome: &Outcome) -> Report {
    Report { number: record.number, event: record.event, outcome: outcome.clone() }
}

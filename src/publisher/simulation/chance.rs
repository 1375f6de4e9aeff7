//! Chance: a seed's dice, and the plan that they throw for one run.

use super::mutation::Mutation;

/// What decides wherever more than one thing may happen.
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(fastrand::Rng::with_seed(seed))
    }

    /// Dice of their own for another part, so that one more throw here changes nothing there.
    pub(super) fn fork(&mut self) -> Dice {
        Dice(self.0.fork())
    }

    /// True once in so many throws; never for 0.
    pub(super) fn one_in(&mut self, throws: u32) -> bool {
        throws > 0 && self.0.u32(0..throws) == 0
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.usize(0..end.max(1))
    }

    /// A number between the two, both included.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0.u64(least..=most)
    }
}

/// How often each fault comes: once in so many chances, 0 is never.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) cut: u32,
    pub(super) crash: u32,
    pub(super) failover: u32,
    pub(super) kill: u32,
    pub(super) stop: u32,
    /// The walsender says nothing more and the connection stays.
    pub(super) freeze: u32,
    /// Per event: Kafka refuses every batch that it is in.
    pub(super) poison: u32,
    /// Per request: an error that a retry cures.
    pub(super) retriable: u32,
    /// Per chance of the network: the connection to a broker is lost.
    pub(super) disconnect: u32,
    /// A partition without leader for a while.
    pub(super) leaderless: u32,
    /// The producer breaks by itself.
    pub(super) fatal: u32,
    /// A topic is deleted for a while.
    pub(super) missing: u32,
    /// A process freezes, is replaced, and thaws: its producer still sends what it had.
    pub(super) thaw: u32,
}

/// One run's shape.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mutation: Mutation,
    pub(super) steps: u32,
    pub(super) keys: usize,
    pub(super) topics: usize,
    pub(super) partitions: usize,
    pub(super) window: u32,
    /// Records per batch, at most.
    pub(super) batch: usize,
    /// A topic takes no batch of more records than this, though each of them is fine.
    pub(super) topic_takes: usize,
    /// Once in so many transactions, one of hundreds of rows.
    pub(super) large: u32,
    /// PostgreSQL 14 sends Begin and Commit of transactions that have nothing for us.
    pub(super) sends_empty: bool,
    pub(super) keeps_witness: bool,
    /// Once in so many readings, a broker shows less of the witnesses than it has acknowledged.
    pub(super) shows_less: u32,
    /// What Kafka refuses it refuses to the end.
    pub(super) never_heals: bool,
    /// Once in so many events, one that has no topic. That heals never.
    pub(super) unroutable: u32,
    pub(super) faults: Faults,
}

impl Plan {
    pub(super) fn throw(dice: &mut Dice, mutation: Mutation) -> Plan {
        let mut sometimes = |least: u64, most: u64| {
            if dice.one_in(2) { dice.between(least, most) as u32 } else { 0 }
        };
        let faults = Faults {
            cut: sometimes(60, 400),
            crash: sometimes(100, 500),
            failover: sometimes(200, 900),
            kill: sometimes(80, 500),
            stop: sometimes(100, 600),
            freeze: sometimes(300, 2000),
            poison: sometimes(15, 120),
            retriable: sometimes(4, 40),
            disconnect: sometimes(20, 150),
            leaderless: sometimes(80, 400),
            fatal: sometimes(300, 1500),
            missing: sometimes(300, 1500),
            thaw: sometimes(300, 1500),
        };
        let never_heals = dice.one_in(10);
        Plan {
            mutation,
            steps: dice.between(200, 1200) as u32,
            keys: 1 + dice.below(5),
            topics: 1 + dice.below(2),
            partitions: 1 + dice.below(3),
            window: [2, 5, 20, 1000][dice.below(4)],
            batch: [1, 2, 4, 8][dice.below(4)],
            topic_takes: [usize::MAX, usize::MAX, usize::MAX, 2][dice.below(4)],
            large: if dice.one_in(40) { 20 } else { 0 },
            sends_empty: dice.one_in(3),
            keeps_witness: !dice.one_in(4),
            shows_less: if dice.one_in(6) { 3 } else { 0 },
            never_heals,
            unroutable: if never_heals && dice.one_in(2) { 60 } else { 0 },
            faults,
        }
    }

    pub(super) fn is(&self, mutation: Mutation) -> bool {
        self.mutation == mutation
    }
}

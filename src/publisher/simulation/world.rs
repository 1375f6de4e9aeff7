//! World: one run from its seed: faults in any order, then a quiet phase in which everything heals.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::{
    brokers::Brokers,
    chance::{Dice, Plan},
    chronicle::Chronicle,
    cluster::{Cluster, Shared},
    coverage::{Coverage, Rare},
    database::Database,
    mutation::Mutation,
    process::Process,
    scene::Scene,
    truth::Truth,
};

/// Steps within which everything has to be delivered once everything has healed.
const PATIENCE: u32 = 60_000;

/// How long a held event is watched that Kafka never takes.
const WATCHED: u32 = 400;

/// How a run ended.
pub(in crate::publisher) struct Run {
    pub(in crate::publisher) failure: Option<String>,
    pub(in crate::publisher) coverage: Coverage,
    /// The faults, or everything.
    pub(in crate::publisher) history: Vec<String>,
}

struct World {
    scene: Scene,
    process: Process,
}

/// Plays the run of this seed from `base` on. `is_full` tells everything, else faults alone.
pub(in crate::publisher) fn play(
    seed: u64,
    base: Instant,
    mutation: Mutation,
    is_full: bool,
) -> Run {
    let chronicle = Chronicle::new(base, is_full);
    let mut world = World::new(seed, base, mutation, &chronicle);
    // The product's invariants are assertions; what led to one is worth telling.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| world.run())) {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
        chronicle.broken(format!("panic: {words}"));
    }
    let (failure, coverage, history) = chronicle.close();
    Run { failure, coverage, history }
}

impl World {
    fn new(seed: u64, base: Instant, mutation: Mutation, chronicle: &Chronicle) -> World {
        let mut dice = Dice::new(seed);
        let plan = Plan::throw(&mut dice, mutation);
        chronicle.tell(|| format!("{plan:?}"));
        let truth = Truth::new(chronicle.clone());
        let database = Database::new(truth.clone(), chronicle.clone());
        let brokers = Brokers::new(&plan, dice.fork(), truth.clone(), chronicle.clone());
        let cluster = Cluster::new(brokers, dice.fork(), chronicle.clone());
        let process = Process::new(base, plan.batch);
        let scene = Scene {
            now: base,
            plan,
            dice,
            database,
            cluster: Shared::new(cluster.into()),
            truth,
            chronicle: chronicle.clone(),
            is_healed: false,
        };
        World { scene, process }
    }

    fn run(&mut self) {
        for _ in 0..self.scene.plan.steps {
            self.step();
            self.strike();
            if self.scene.chronicle.has_failed() {
                return;
            }
        }
        self.heal();
        for _ in 0..PATIENCE {
            if self.is_done() || self.scene.chronicle.has_failed() {
                return;
            }
            if self.is_held_for_ever() {
                return self.watch_the_hold();
            }
            self.step();
        }
        let (slot, end) = (self.scene.database.slot.confirmed, self.scene.database.lsn);
        let absent = self.scene.truth.absent();
        let sentence = format!("it is not done: slot {slot} of {end}, not in Kafka: {absent:?}");
        self.scene.chronicle.broken(sentence);
    }

    /// Time passes, and each part may do something.
    fn step(&mut self) {
        let World { scene, process } = self;
        scene.chronicle.count(|counts| counts.steps += 1);
        let millis = if scene.dice.one_in(60) { 3000 } else { 10 };
        scene.now += Duration::from_micros(scene.dice.between(0, millis * 1000));
        if let Some(until) = process.waits_until()
            && scene.dice.one_in(3)
        {
            scene.now = scene.now.max(until);
        }
        if process.stream().is_some_and(|stream| stream.is_frozen) && scene.dice.one_in(20) {
            scene.now += Duration::from_secs(100);
        }
        scene.chronicle.at(scene.now);
        if !scene.is_healed && scene.dice.one_in(2) {
            scene.database.step(&mut scene.dice, &scene.plan);
        }
        if scene.dice.one_in(2)
            && let Some(stream) = process.stream()
        {
            stream.step(&mut scene.database, &scene.plan, &mut scene.dice, &scene.truth);
        }
        for _ in 0..scene.dice.below(7) {
            scene.cluster.borrow_mut().step(&scene.plan);
        }
        if scene.dice.one_in(2) {
            process.turn(scene);
        }
    }

    /// Whatever goes wrong now.
    fn strike(&mut self) {
        let World { scene, process } = self;
        let faults = &scene.plan.faults;
        let dice = &mut scene.dice;
        if dice.one_in(faults.leaderless) {
            scene.cluster.borrow_mut().brokers.change_leader(&scene.plan);
        }
        if dice.one_in(faults.missing) {
            scene.cluster.borrow_mut().brokers.change_topic(&scene.plan);
        }
        if dice.one_in(faults.fatal) {
            scene.cluster.borrow_mut().break_producer();
        }
        if !scene.plan.never_heals && dice.one_in(150) {
            scene.cluster.borrow_mut().brokers.take_all();
        }
        if dice.one_in(faults.freeze)
            && let Some(stream) = process.stream()
        {
            scene.chronicle.fault("the walsender freezes");
            stream.is_frozen = true;
        }
        if dice.one_in(faults.stop) {
            scene.chronicle.fault("SIGTERM");
            process.stop(scene);
        }
        self.strike_hard();
    }

    /// What cuts the connection to PostgreSQL.
    fn strike_hard(&mut self) {
        let World { scene, process } = self;
        if scene.dice.one_in(scene.plan.faults.cut) {
            scene.chronicle.fault("the connection to PostgreSQL is lost");
            process.lose_connection(scene);
        }
        if scene.dice.one_in(scene.plan.faults.crash) {
            scene.chronicle.fault("PostgreSQL crashes");
            process.lose_connection(scene);
            scene.database.crash(&mut scene.dice);
        }
        if scene.dice.one_in(scene.plan.faults.failover) {
            scene.chronicle.fault("the standby is promoted");
            process.lose_connection(scene);
            scene.database.fail_over(&mut scene.dice);
        }
        if scene.dice.one_in(scene.plan.faults.kill) {
            scene.chronicle.fault("kill -9");
            process.kill(scene);
        }
        if scene.dice.one_in(scene.plan.faults.thaw) {
            scene.chronicle.fault("the process freezes, another takes over, and it thaws");
            scene.cluster.borrow_mut().outlive();
            process.kill(scene);
        }
    }

    fn heal(&mut self) {
        let World { scene, process } = self;
        scene.chronicle.fault("from here on everything heals");
        scene.is_healed = true;
        scene.database.finish(&mut scene.dice);
        scene.cluster.borrow_mut().brokers.heal(scene.plan.never_heals);
        if let Some(stream) = process.stream() {
            stream.is_frozen = false;
        }
    }

    /// All is acknowledged, the slot stands at the end, and no request is on its way.
    fn is_done(&self) -> bool {
        let scene = &self.scene;
        scene.database.slot.confirmed == scene.database.lsn
            && scene.truth.is_all_acknowledged()
            && scene.cluster.borrow().is_quiet()
    }

    /// Only an event is left that Kafka never takes, and what is behind it.
    fn is_held_for_ever(&self) -> bool {
        let scene = &self.scene;
        let held_at = self.process.held_at(scene.database.timeline);
        let Some(position) = held_at else { return false };
        let Some(event) = scene.truth.event_at(position) else { return false };
        let cluster = scene.cluster.borrow();
        let is_refused = cluster.brokers.refuses(event) || !scene.truth.is_routable(event);
        is_refused && cluster.is_quiet() && scene.truth.is_first_unacknowledged(event)
    }

    /// It is tried again and again, and nothing behind it is sent.
    fn watch_the_hold(&mut self) {
        let held_at = self.process.held_at(self.scene.database.timeline);
        let event = held_at.and_then(|at| self.scene.truth.event_at(at));
        let is_routable = event.is_none_or(|event| self.scene.truth.is_routable(event));
        let absent = self.scene.truth.absent();
        for _ in 0..WATCHED {
            self.step();
        }
        let after = self.scene.truth.absent();
        if absent != after {
            let sentence = format!("behind a held event {absent:?} became {after:?}");
            self.scene.chronicle.broken(sentence);
        }
        let state = if is_routable { Rare::EndedUnhealed } else { Rare::EndedUnroutable };
        self.scene.chronicle.saw(state);
    }
}

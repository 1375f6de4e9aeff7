//! What a process does about gaps, as `gaps.rs` and `supervisor.rs` have it.

use std::time::Duration;

use super::{
    coverage::Rare,
    kafka::Config,
    keeper::Keeper,
    process::{Process, State},
    scene::Scene,
    witness_topic::subject,
};
use crate::{
    kafka::WitnessTopic,
    witness::{Gap, Highest, compare, highest},
};

/// As in the product.
const GAP_WAIT: Duration = Duration::from_secs(10);

impl Process {
    /// It is held until a person accepts it.
    pub(super) fn find_gap(&mut self, gap: &Gap, scene: &mut Scene) {
        scene.chronicle.saw(Rare::GapFound);
        let mut cluster = scene.cluster.borrow_mut();
        if !cluster.brokers.witnesses.is_gap_true(scene.database.timeline, &scene.database.history)
        {
            scene.chronicle.broken(format!("a false alarm: {gap:?}"));
        }
        if scene.is_healed || scene.dice.one_in(3) {
            cluster.brokers.witnesses.accept(&scene.database.here());
            scene.database.has_lost_confirmed.set(false);
        }
        drop(cluster);
        self.holding = true;
        self.state = State::Between(scene.now + GAP_WAIT);
    }

    /// Before the next session the slot and the topic are looked at once more.
    pub(super) fn look_again(&mut self, scene: &Scene) {
        self.compare_first = true;
        self.state = State::Between(scene.now);
    }

    /// The product's keeper on the model of the topic, for a session that is about to be opened;
    /// the outer `None` when a gap is in its way.
    pub(super) fn keeper(&mut self, scene: &mut Scene) -> Option<Option<Keeper>> {
        let mut compared = None;
        if self.compare_first {
            match definite(scene) {
                Ok(found) => compared = Some(found),
                Err(gap) => {
                    self.find_gap(&gap, scene);
                    return None;
                }
            }
            self.compare_first = false;
        }
        let name = "postrider.witness".to_owned();
        let witness = scene.plan.keeps_witness.then_some(WitnessTopic { name, replicas: 1 });
        let (cluster, shows_less) = (scene.cluster.clone(), scene.plan.shows_less);
        let config = Config { witness, cluster, shows_less };
        let run = scene.dice.between(0, u64::MAX);
        Some(Keeper::start(&config, (subject(), run), scene.database.here(), compared))
    }
}

/// Looks twice; the second time every broker shows what it has.
fn definite(scene: &mut Scene) -> Result<Highest, Gap> {
    let here = scene.database.here();
    let look = |scene: &mut Scene, is_behind: bool| {
        let records = scene.cluster.borrow_mut().brokers.witnesses.read(is_behind);
        let listed = records.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
        let found = highest(&subject(), listed);
        compare(found.witness.as_ref(), &here).map(|()| found)
    };
    let is_behind = !scene.is_healed && scene.dice.one_in(scene.plan.shows_less);
    look(scene, is_behind).or_else(|_| look(scene, false))
}

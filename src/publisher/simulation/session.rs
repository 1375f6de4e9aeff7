//! Session: one replication connection's life, as `session.rs` drives it, without socket and timers.

use std::time::{Duration, Instant};

use super::{
    carrier::{Carrier, Taken},
    coverage::Rare,
    ending::Ended,
    mutation::Mutation,
    promises::{Promises, is_settled},
    scene::Scene,
    walsender::{Kind, Sent, Walsender},
};
use crate::outbox::Position;

/// Short, so that a run sees stalls.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(4);

/// As in the product.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
const WITNESS_LIMIT: Duration = Duration::from_secs(2);

/// What a turn comes to.
pub(super) enum Turned {
    On,
    Ended(Ended),
}

/// One connection with its carrier.
pub(super) struct Session {
    pub(super) stream: Walsender,
    pub(super) carrier: Carrier,
    pub(super) in_hand: Option<Sent>,
    pub(super) watch: Watch,
    /// Until when the drain may take, once it has begun.
    stopping: Option<Instant>,
    /// When the drain last saw that something was not acknowledged.
    acknowledged_at: Instant,
    /// A mutation's: rows that stand before it are taken for known.
    known_rows: u64,
    last_keepalive: u64,
    /// The event that is waited for, and since when it is known to be.
    waits: Option<(Position, Instant)>,
}

/// The promises, and the timeline that they were made on.
pub(super) struct Watch {
    pub(super) promises: Promises,
    pub(super) timeline: u32,
}

impl Watch {
    /// Asks all promises.
    pub(super) fn look(&mut self, carrier: &Carrier, scene: &Scene) {
        let is_current = scene.database.timeline == self.timeline;
        let engine = &carrier.engine;
        if let Some(words) = self.promises.broken(engine, &scene.truth, is_current) {
            scene.chronicle.broken(words);
        }
        let (in_flight, _) = engine.in_flight();
        if in_flight > u64::from(scene.plan.window) {
            scene.chronicle.broken(format!("{in_flight} in flight is past the window"));
        }
        if in_flight < carrier.in_flight() as u64 {
            scene.chronicle.broken("the producer has records that the engine does not count");
        }
    }

    fn took(&mut self, kind: Kind, was_settled: bool, scene: &Scene) {
        if matches!(kind, Kind::Keepalive(_)) && !was_settled {
            scene.chronicle.saw(Rare::KeepaliveInFlight);
        }
        self.promises.took(kind, was_settled);
    }
}

impl Session {
    pub(super) fn new(
        stream: Walsender,
        carrier: Carrier,
        watch: Watch,
        known_rows: u64,
        now: Instant,
    ) -> Session {
        Session {
            stream,
            carrier,
            in_hand: None,
            watch,
            stopping: None,
            acknowledged_at: now,
            known_rows,
            last_keepalive: 0,
            waits: None,
        }
    }

    /// One turn of the loop.
    pub(super) fn turn(&mut self, is_told_to_stop: bool, scene: &mut Scene) -> Turned {
        let turned = if is_told_to_stop { self.drain(scene) } else { self.run(scene) };
        self.watch.look(&self.carrier, scene);
        turned
    }

    fn run(&mut self, scene: &mut Scene) -> Turned {
        let Err(ended) = self.go_round(scene) else { return Turned::On };
        if ended.may_confirm() {
            let update = self.carrier.engine.final_update(scene.now);
            self.confirm(update.confirmed.lsn().as_u64(), scene);
        }
        Turned::Ended(ended)
    }

    /// In the product's order: acknowledgements, the status update, frames, a pause.
    fn go_round(&mut self, scene: &mut Scene) -> Result<(), Ended> {
        let now = scene.now;
        self.carrier.collect(now)?;
        let look = scene.dice.one_in(8).then(|| scene.database.look());
        self.carrier.witness(look, now)?;
        if self.carrier.is_unwitnessed() {
            scene.chronicle.saw(Rare::WitnessAhead);
        }
        if let Some(update) = self.carrier.engine.status_update(now) {
            self.confirm(update.confirmed.lsn().as_u64(), scene);
        }
        self.carrier.check(now)?;
        self.look_at_stall(scene);
        self.forward(scene)?;
        let wants = self.stopping.is_none() || self.carrier.engine.is_amid_rows();
        let has_room = self.carrier.engine.has_room();
        if !has_room {
            scene.chronicle.saw(Rare::WindowFull);
        }
        if !wants || self.in_hand.is_some() || !has_room {
            self.carrier.engine.is_not_reading(now);
        }
        Ok(())
    }

    /// A connection that confirms nothing keeps PostgreSQL from shutting down.
    fn look_at_stall(&mut self, scene: &Scene) {
        let oldest = self.carrier.first_unacknowledged().filter(|_| self.carrier.in_flight() > 0);
        self.waits = match (oldest, self.waits) {
            (Some(oldest), Some((before, since))) if oldest == before => Some((before, since)),
            (oldest, _) => oldest.map(|oldest| (oldest, scene.now)),
        };
        if self.waits.is_some_and(|(_, since)| scene.now - since >= STALL_TIMEOUT) {
            scene.chronicle.broken("the connection is kept while Kafka acknowledges nothing");
        }
    }

    fn forward(&mut self, scene: &mut Scene) -> Result<(), Ended> {
        for _ in 0..1 + scene.dice.below(16) {
            if self.stopping.is_some() && !self.carrier.engine.is_amid_rows() {
                return Ok(());
            }
            let frame = match self.in_hand.take() {
                Some(frame) => frame,
                None if !self.carrier.engine.has_room() => return Ok(()),
                None => match self.stream.receive() {
                    Some(frame) => frame,
                    None => return Ok(()),
                },
            };
            if matches!(frame.kind, Kind::Event(lsn) if lsn <= self.known_rows) {
                continue;
            }
            if let Kind::Keepalive(end) = frame.kind {
                self.last_keepalive = end;
            }
            let was_settled = is_settled(&self.carrier.engine);
            match self.carrier.take(&frame.bytes, scene.now) {
                Ok(Taken::Done) => self.watch.took(frame.kind, was_settled, scene),
                Ok(Taken::NotNow) => {
                    self.in_hand = Some(frame);
                    return Ok(());
                }
                Err(ended) => {
                    self.in_hand = Some(frame);
                    return Err(ended);
                }
            }
        }
        Ok(())
    }

    /// Tells the server. The server takes what it is told; the judge does not.
    fn confirm(&mut self, position: u64, scene: &Scene) {
        let engine = &self.carrier.engine;
        let told = match scene.plan.mutation {
            Mutation::ConfirmsOnReceipt => engine.received_lsn().as_u64(),
            Mutation::LastAcknowledgementWins => {
                scene.truth.newest_acknowledged().map_or(position, |(_, end)| end.max(position))
            }
            Mutation::ConfirmsKeepaliveInFlight => self.last_keepalive.max(position),
            Mutation::ConfirmsCommitStart => scene.truth.commit_of(position).unwrap_or(position),
            _ => position,
        };
        if let Some(words) = self.watch.promises.refused(told, &scene.truth) {
            scene.chronicle.broken(format!("the server was told so: {words}"));
        }
        self.look_at_witness(told, scene);
        scene.chronicle.tell(|| format!("status update: {told}"));
        self.stream.reply(told);
    }

    /// A8: the server is told what a witness says, and nothing where the history lacks what it was
    /// told before.
    fn look_at_witness(&self, told: u64, scene: &Scene) {
        let start = self.watch.promises.start();
        if !scene.plan.keeps_witness || told <= start {
            return;
        }
        let witnessed = scene.cluster.borrow().brokers.witnesses.highest_on(self.watch.timeline);
        if witnessed.is_none_or(|witnessed| witnessed.as_u64() < told) {
            scene.chronicle.broken(format!("A8: {told} is told, {witnessed:?} is witnessed"));
        }
        if !scene.database.has_lost_confirmed.get() {
            return;
        }
        if scene.cluster.borrow().brokers.witnesses.has_shown_less {
            // An older witness than the last one knows less of what the history lacks.
            scene.database.has_lost_confirmed.set(false);
            scene.chronicle.saw(Rare::GapHidden);
        } else {
            let (history, said) =
                (&scene.database.history, scene.cluster.borrow().brokers.witnesses.said());
            scene
                .chronicle
                .broken(format!("{told} is told over a gap: {history:?}, witnessed: {said}"));
        }
    }

    /// Begins no transaction, waits for what is in flight, confirms and closes.
    fn drain(&mut self, scene: &mut Scene) -> Turned {
        let limit = *self.stopping.get_or_insert_with(|| {
            self.acknowledged_at = scene.now;
            scene.now + DRAIN_LIMIT
        });
        if self.has_unacknowledged() {
            self.acknowledged_at = scene.now;
        }
        self.carrier.engine.hurry();
        let is_late = scene.now >= limit || scene.now - self.acknowledged_at >= WITNESS_LIMIT;
        if self.is_unfinished() && !is_late {
            match self.go_round(scene) {
                Ok(()) => return Turned::On,
                Err(ended) if !ended.may_confirm() => return Turned::Ended(Ended::Stopped),
                Err(_) => {}
            }
        }
        let state = if self.is_unfinished() { Rare::DrainGaveUp } else { Rare::DrainComplete };
        scene.chronicle.saw(state);
        let update = self.carrier.engine.final_update(scene.now);
        self.confirm(update.confirmed.lsn().as_u64(), scene);
        self.stream.hear_all(&mut scene.database);
        Turned::Ended(Ended::Stopped)
    }

    fn is_unfinished(&self) -> bool {
        self.has_unacknowledged() || self.carrier.is_unwitnessed()
    }

    fn has_unacknowledged(&self) -> bool {
        self.carrier.in_flight() > 0 || self.carrier.engine.is_amid_rows()
    }
}

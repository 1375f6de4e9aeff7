//! Process: sessions one after another and the memory between them, as `supervisor.rs` has it.

use std::time::{Duration, Instant};

use super::{
    board::Board,
    carrier::{Carrier, Taken},
    coverage::Rare,
    ending::Ended,
    engine::{Engine, tests::config},
    kafka::{Producer, Refusal},
    mutation::Mutation,
    promises::Promises,
    scene::Scene,
    session::{STALL_TIMEOUT, Session, Turned, Watch},
    walsender::{Sent, Walsender},
};
use crate::{
    outbox::Position,
    publisher::{
        EngineConfig,
        backoff::Backoff,
        engine_frames::OUTBOX,
        memory::{History, Memory},
    },
    wal::Lsn,
};

/// As in the product.
const SETTLE_LIMIT: Duration = Duration::from_secs(1);
const SLOT_BUSY_WAIT: Duration = Duration::from_millis(500);
const SETTLED_AFTER: Duration = Duration::from_secs(10);

pub(super) enum State {
    /// There is no process until then.
    Down(Instant),
    /// The supervisor waits.
    Between(Instant),
    Streaming(Box<Session>),
    /// PostgreSQL is gone, and what is in flight has a moment.
    Settling(Box<Carrier>, Watch, Instant),
    /// Kafka has stalled, and PostgreSQL was let go.
    Outlasting(Box<Carrier>, Watch, Option<Sent>),
}

/// One publisher process after another.
pub(super) struct Process {
    pub(super) state: State,
    memory: Memory,
    pub(super) holding: bool,
    held_at: Option<Position>,
    transient: Backoff,
    held: Backoff,
    batch: usize,
    begun_at: Instant,
    is_told_to_stop: bool,
    /// How many suspects the session began with.
    suspected: usize,
    /// The timeline of the last session.
    timeline: u32,
    /// Before it all is known to be acknowledged, on that timeline and in this process.
    known: Option<Position>,
    /// The last session was suspicious, or a gap was found.
    pub(super) compare_first: bool,
    /// A timeline, and where the last session had confirmed on it (A2).
    confirmed: (u32, u64),
}

impl Process {
    pub(super) fn new(now: Instant, batch: usize) -> Process {
        Process {
            state: State::Down(now),
            memory: Memory::default(),
            holding: false,
            held_at: None,
            transient: Backoff::new(Duration::from_millis(100), Duration::from_secs(10)),
            held: Backoff::new(Duration::from_secs(10), Duration::from_secs(600)),
            batch,
            begun_at: now,
            is_told_to_stop: false,
            suspected: 0,
            compare_first: false,
            timeline: 0,
            known: None,
            confirmed: (0, 0),
        }
    }

    /// The connection, while there is one.
    pub(super) fn stream(&mut self) -> Option<&mut Walsender> {
        match &mut self.state {
            State::Streaming(session) => Some(&mut session.stream),
            _ => None,
        }
    }

    /// Until when nothing happens here.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        match self.state {
            State::Down(until) | State::Between(until) => Some(until),
            _ => None,
        }
    }

    /// The event that is held, and is not in flight just now. On a new timeline it is forgotten, and
    /// what is behind it is sent until it is refused again.
    pub(super) fn held_at(&self, timeline: u32) -> Option<Position> {
        let is_waiting = matches!(self.state, State::Between(_)) && self.timeline == timeline;
        self.held_at.filter(|_| is_waiting)
    }

    /// One turn.
    pub(super) fn turn(&mut self, scene: &mut Scene) {
        match std::mem::replace(&mut self.state, State::Down(scene.now)) {
            State::Down(until) if scene.now >= until => {
                *self = Process::new(scene.now, scene.plan.batch);
                scene.truth.suspects_are_forgotten();
                self.open(scene);
            }
            State::Between(until) if scene.now >= until => self.open(scene),
            State::Streaming(mut session) => match session.turn(self.is_told_to_stop, scene) {
                Turned::On => self.state = State::Streaming(session),
                Turned::Ended(Ended::Stalled(_)) => {
                    let Session { mut carrier, watch, in_hand, stream, .. } = *session;
                    stream.cut(&mut scene.database, &mut scene.dice);
                    scene.chronicle.tell(|| "Kafka has stalled");
                    carrier.board.detach();
                    self.state = State::Outlasting(Box::new(carrier), watch, in_hand);
                }
                Turned::Ended(ended) => {
                    session.stream.cut(&mut scene.database, &mut scene.dice);
                    self.leave(session.carrier, Some(ended), scene);
                }
            },
            State::Settling(carrier, watch, limit) => self.settle(*carrier, watch, limit, scene),
            State::Outlasting(carrier, watch, in_hand) => {
                self.outlast(*carrier, watch, in_hand, scene);
            }
            waiting => self.state = waiting,
        }
    }

    /// The connection to PostgreSQL is lost.
    pub(super) fn lose_connection(&mut self, scene: &mut Scene) {
        self.state = match std::mem::replace(&mut self.state, State::Down(scene.now)) {
            State::Streaming(session) => {
                let Session { stream, mut carrier, watch, .. } = *session;
                if carrier.engine.is_amid_rows() {
                    scene.chronicle.saw(Rare::CutInTransaction);
                }
                stream.cut(&mut scene.database, &mut scene.dice);
                carrier.board.detach();
                State::Settling(Box::new(carrier), watch, scene.now + SETTLE_LIMIT)
            }
            other => other,
        };
    }

    /// kill -9.
    pub(super) fn kill(&mut self, scene: &mut Scene) {
        let until = scene.now + Duration::from_millis(scene.dice.between(0, 2000));
        if let State::Streaming(session) = std::mem::replace(&mut self.state, State::Down(until)) {
            if session.carrier.engine.is_amid_rows() {
                scene.chronicle.saw(Rare::KillInTransaction);
            }
            if session.carrier.in_flight() > 0 {
                scene.chronicle.saw(Rare::KillInFlight);
            }
            session.stream.cut(&mut scene.database, &mut scene.dice);
        }
    }

    /// SIGTERM.
    pub(super) fn stop(&mut self, scene: &mut Scene) {
        self.is_told_to_stop = true;
        match &self.state {
            State::Streaming(session) => {
                if session.carrier.in_flight() > 0 {
                    scene.chronicle.saw(Rare::DrainInFlight);
                }
                if session.carrier.engine.is_amid_rows() {
                    scene.chronicle.saw(Rare::DrainInTransaction);
                }
            }
            State::Between(_) => self.state = State::Down(scene.now),
            _ => {}
        }
    }

    /// Where to start is asked of the slot and of the memory; then the stream and a new producer.
    fn open(&mut self, scene: &mut Scene) {
        if self.is_told_to_stop {
            return;
        }
        self.begun_at = scene.now;
        if scene.database.down > 0 {
            return self.retry(scene);
        }
        if !scene.is_healed && scene.dice.one_in(8) {
            self.state = State::Between(scene.now + SLOT_BUSY_WAIT);
            return;
        }
        let forgets = !scene.plan.is(Mutation::RemembersAcrossTimelines);
        let (timeline, flushed) = match forgets {
            true => (scene.database.timeline, scene.database.lsn),
            false => (1, u64::MAX),
        };
        let Some(keeper) = self.keeper(scene) else { return };
        let history = History { system_identifier: 1, timeline, table_oid: OUTBOX };
        assert!(self.memory.enter(history, Lsn::new(flushed)), "there is one system");
        let slot = scene.database.slot.confirmed;
        let start = self.memory.start(Lsn::new(slot));
        let stream = Walsender::start(start.as_u64(), &scene.database, scene.chronicle.clone());
        self.remember_start(start.as_u64(), slot, scene);
        let engine = EngineConfig {
            start,
            acknowledged_before: self.memory.acknowledged_before,
            keeps_witness: scene.plan.keeps_witness,
            ..config(scene.plan.window)
        };
        let board = Board::new(self.holding, scene.now);
        let suspects = std::mem::take(&mut self.memory.suspects);
        self.suspected = suspects.len();
        let engine = Engine::new(engine, scene.now);
        let producer = self.producer(scene);
        let carrier = Carrier::new(engine, producer, board, suspects, STALL_TIMEOUT);
        let carrier = carrier.with_witness(keeper).leave_when_shut_out(false);
        let promises = Promises::new(start.as_u64());
        if std::mem::replace(&mut self.timeline, scene.database.timeline) != scene.database.timeline
        {
            scene.truth.suspects_are_forgotten();
            self.held_at = None;
        }
        let watch = Watch { promises, timeline: self.timeline };
        let rows = scene.truth.newest_acknowledged().map_or(0, |(row, _)| row);
        let known_rows = if scene.plan.is(Mutation::ResumesPastLastRow) { rows } else { 0 };
        self.state =
            State::Streaming(Box::new(Session::new(stream, carrier, watch, known_rows, scene.now)));
    }

    fn producer(&self, scene: &Scene) -> Producer {
        Producer::start(
            &scene.cluster,
            (scene.plan.topics, scene.plan.partitions, self.batch),
            scene.plan.mutation,
            (scene.truth.clone(), scene.chronicle.clone()),
        )
    }

    fn remember_start(&mut self, start: u64, slot: u64, scene: &Scene) {
        let before = self.memory.acknowledged_before;
        self.known = before.max(self.known.filter(|_| self.timeline == scene.database.timeline));
        scene.truth.session_begins(start, self.known);
        if start > slot {
            scene.chronicle.saw(Rare::StartAheadOfSlot);
        }
        if before.is_some_and(|before| before.ordinal > 0) {
            scene.chronicle.saw(Rare::ResumedInTransaction);
        }
        let (timeline, confirmed) = self.confirmed;
        if timeline == scene.database.timeline && start < confirmed {
            scene.chronicle.broken(format!("A2: {confirmed} was confirmed, the start is {start}"));
        }
        scene.chronicle.tell(|| format!("session from {start}, slot {slot}, known {before:?}"));
    }

    fn settle(
        &mut self,
        mut carrier: Carrier,
        mut watch: Watch,
        limit: Instant,
        scene: &mut Scene,
    ) {
        let had = carrier.in_flight();
        let is_over = carrier.collect(scene.now).is_err();
        watch.look(&carrier, scene);
        if had > 0 && carrier.in_flight() == 0 {
            scene.chronicle.saw(Rare::SettledAfterCut);
        }
        let waits = carrier.in_flight() > 0 && scene.now < limit && !self.is_told_to_stop;
        if waits && !is_over {
            self.state = State::Settling(Box::new(carrier), watch, limit);
        } else {
            self.leave(carrier, None, scene);
        }
    }

    fn outlast(
        &mut self,
        mut carrier: Carrier,
        mut watch: Watch,
        mut in_hand: Option<Sent>,
        scene: &mut Scene,
    ) {
        if self.is_told_to_stop {
            return self.leave(carrier, Some(Ended::Stopped), scene);
        }
        if carrier.in_flight() == 0 && !carrier.is_unwitnessed() && in_hand.is_none() {
            scene.chronicle.saw(Rare::StalledAndOutlasted);
            return self.leave(carrier, None, scene);
        }
        let went = carrier.collect(scene.now).and_then(|_| {
            carrier.witness(None, scene.now)?;
            carrier.check_credentials(scene.now)?;
            if let Some(frame) = in_hand.take()
                && carrier.take(&frame.bytes, scene.now)? == Taken::NotNow
            {
                in_hand = Some(frame);
            }
            carrier.wait_for_kafka(Duration::ZERO);
            Ok(())
        });
        watch.look(&carrier, scene);
        match went {
            Ok(()) => self.state = State::Outlasting(Box::new(carrier), watch, in_hand),
            Err(ended) => self.leave(carrier, Some(ended), scene),
        }
    }

    /// A session is over; `None` when time cures it. What is known is kept for the next.
    fn leave(&mut self, carrier: Carrier, ended: Option<Ended>, scene: &mut Scene) {
        let engine = &carrier.engine;
        let (mut confirmed, received) = (engine.told().lsn(), engine.received_lsn());
        let acknowledged = Position { commit_lsn: engine.confirmed().lsn(), ordinal: 0 };
        let mut first = carrier.first_unacknowledged().max(Some(acknowledged));
        self.confirmed = (self.timeline, confirmed.as_u64());
        match scene.plan.mutation {
            Mutation::ResumesAtReceived => confirmed = received,
            Mutation::RemembersSent => {
                let next = Position { commit_lsn: received, ordinal: 0 };
                first = engine.next_position().or(Some(next));
            }
            _ => {}
        }
        self.memory.leave(confirmed, received, first);
        self.holding = carrier.board.is_held();
        if !self.holding {
            self.held.reset();
            if self.held_at.take().is_some() {
                scene.chronicle.saw(Rare::HoldHealed);
            }
        }
        self.memory.suspects = carrier.abandon();
        if self.memory.suspects.len() < self.suspected {
            scene.chronicle.saw(Rare::SuspectAcquitted);
        }
        if scene.now - self.begun_at >= SETTLED_AFTER {
            self.transient.reset();
        }
        self.go_on(ended, scene);
    }

    fn go_on(&mut self, ended: Option<Ended>, scene: &mut Scene) {
        if let Some(ended) = &ended {
            scene.chronicle.fault(format!("the session ended: {ended}"));
        }
        match ended {
            _ if self.is_told_to_stop => {
                let pause = Duration::from_millis(scene.dice.between(0, 2000));
                self.state = State::Down(scene.now + pause);
            }
            Some(Ended::BatchRefused(refusal)) => {
                if refusal == Refusal::TooLarge {
                    self.batch = (self.batch / 2).max(1);
                }
                self.state = State::Between(scene.now);
            }
            Some(Ended::Suspicious) => self.look_again(scene),
            Some(Ended::Gap(gap)) => self.find_gap(&gap, scene),
            Some(Ended::Held(fault, at)) if !fault.kind.is_transient() => self.hold(at, scene),
            Some(Ended::Held(..)) => {
                scene.chronicle.saw(Rare::ServerSilent);
                self.retry(scene);
            }
            Some(Ended::ProducerBroken(_)) => {
                scene.chronicle.saw(Rare::ProducerBroken);
                self.retry(scene);
            }
            _ => self.retry(scene),
        }
    }

    fn retry(&mut self, scene: &mut Scene) {
        let random = scene.dice.below(100) as f64 / 100.0;
        self.state = State::Between(scene.now + self.transient.next_jittered(random));
    }

    fn hold(&mut self, at: Option<Position>, scene: &mut Scene) {
        self.holding = true;
        scene.chronicle.saw(Rare::HeldAlone);
        if let Some(position) = at {
            let skips = u64::from(scene.plan.is(Mutation::SkipsRefused));
            let ordinal = position.ordinal + skips;
            self.memory.acknowledged_before = Some(Position { ordinal, ..position });
            self.memory.suspects.insert(position);
        }
        self.held_at = at;
        self.state = State::Between(scene.now + self.held.next_wait());
    }
}

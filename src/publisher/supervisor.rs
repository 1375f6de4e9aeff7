//! Supervisor: starts sessions, tells what waiting cures from what needs a person, tries again.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    Engine, EngineConfig, Settings,
    alarm::Alarm,
    backoff::Backoff,
    board::Board,
    carrier::Carrier,
    ending::Ended,
    gaps,
    keeper::Keeper,
    memory::{History, Memory},
    opening::{another_cluster, catalog_table, two_servers},
    session::{Session, outlast, settle},
    stopping::{StopSignal, Stopping},
};
use crate::{
    ack::FeedbackTiming,
    fault::{Fault, FaultKind},
    kafka::{Producer, Refusal},
    observe::{Health, Metrics, Readiness, Server},
    outbox::Position,
    postgres::{ReplicationConnection, ReplicationStream, SqlClient, facts},
};

/// The first wait after a lost connection or broken producer, and the longest.
const TRANSIENT_WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How often to ask for a slot that another process holds.
const SLOT_BUSY_WAIT: Duration = Duration::from_millis(500);

/// A session that lived this long was no failed start: the next wait is short again.
const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// Keeps a session running until told to stop.
pub(crate) struct Supervisor {
    config: Settings,
    metrics: Metrics,
    health: Health,
    stop: StopSignal,
    alarm: Alarm,
    memory: Memory,
    /// Waits after what time may cure.
    transient: Backoff,
    /// Waits after what a person has to cure; tried again all the same.
    held: Backoff,
    /// A session has run: from here on wrong settings and missing rights are held, too.
    has_run: bool,
    /// A fault that has not been overcome, so that a new session is not called ready by itself.
    holding: bool,
    /// What was wrong with the catalog, as long as that is not written to the witness topic.
    spoiled: Option<String>,
    /// The last session found a gap, or came to its end before it had compared.
    compare_first: bool,
    /// The session that has just ended had not compared.
    ended_uncompared: bool,
    /// Whether the log has said that another process has the slot.
    said_busy: bool,
}

/// How often a gap is looked at again: a person is at work on it, and the answer is in the topic.
const GAP_WAIT: Duration = Duration::from_secs(10);

impl Supervisor {
    pub(crate) fn new(
        config: Settings,
        metrics: Metrics,
        health: Health,
        (stop, alarm): (StopSignal, Alarm),
    ) -> Supervisor {
        let refused = &config.publisher;
        Supervisor {
            held: Backoff::new(refused.first_wait, refused.longest_wait),
            transient: Backoff::new(TRANSIENT_WAITS.0, TRANSIENT_WAITS.1),
            config,
            metrics,
            health,
            stop,
            alarm,
            memory: Memory::default(),
            has_run: false,
            holding: false,
            spoiled: None,
            compare_first: false,
            ended_uncompared: false,
            said_busy: false,
        }
    }

    /// Runs sessions until told to stop.
    ///
    /// # Errors
    /// The fault that ended the process: wrong settings or missing rights before the first
    /// session, anything that needs a person when `exit_on_fault` is set.
    pub(crate) async fn run(mut self) -> Result<(), Fault> {
        while self.stop.now() == Stopping::No {
            let begun = Instant::now();
            self.ended_uncompared = false;
            let mut stop = self.stop.clone();
            let opened = tokio::select! {
                biased;
                () = stop.beyond(Stopping::No) => break,
                opened = self.open() => opened,
            };
            let ended = match opened {
                Ok((stream, carrier)) => {
                    self.drive(Session::new(stream, carrier, self.alarm.clone())).await
                }
                Err(ended) => ended,
            };
            let fault = ended.fault();
            self.metrics.session_ended(fault.as_ref().map(|fault| fault.kind));
            if begun.elapsed() >= SETTLED_AFTER {
                self.transient.reset();
            }
            let may_be_a_gap = fault.as_ref().is_some_and(|fault| may_be_a_gap(fault.kind));
            match (ended, fault) {
                (Ended::Stopped, _) | (_, None) => break,
                // A gap says more than whatever came first. Another look tells whether there is one.
                (Ended::Suspicious, _) => {}
                _ if may_be_a_gap && std::mem::take(&mut self.ended_uncompared) => {}
                (Ended::BatchRefused(refusal), Some(fault)) => self.narrow_down(refusal, &fault),
                // Waited out, or new credentials were found: whatever it was, a new session may begin.
                (Ended::Stalled(_), Some(fault)) => self.retry(&fault).await,
                (Ended::Held(_, at), Some(fault)) => self.hold(fault, at).await?,
                (Ended::Gap(gap), Some(_)) => {
                    let fault = gaps::counted(&self.config, &gap).await;
                    self.hold(fault, None).await?;
                }
                (_, Some(fault)) if fault.kind.is_transient() => self.retry(&fault).await,
                (_, Some(fault)) => self.hold(fault, None).await?,
            }
        }
        Ok(())
    }

    /// Reads the facts, decides where to start, opens the stream and makes the producer.
    async fn open(&mut self) -> Result<(ReplicationStream, Carrier), Ended> {
        self.health.turn();
        failpoint!("start_begins");
        let config = &self.config;
        if let Some(what) = &self.spoiled {
            gaps::remember(config, what).await?;
            self.spoiled = None;
        }
        let table = &config.outbox.table;
        // Before START_REPLICATION: the server would silently move a start position up, and says
        // nothing of a publication that lacks the table.
        let sql = SqlClient::connect(&config.postgres).await?;
        let facts = facts::inspect(&sql, &config.postgres, (&table.schema, &table.name)).await?;
        let slot = match facts.verdict() {
            Ok(slot) => slot,
            Err(error) => return Err(gaps::of_a_slot_that_is_gone(config, &facts, error).await),
        };
        failpoint!("start_knows_facts");
        self.health.turn();
        let mut connection = ReplicationConnection::connect(&config.postgres).await?;
        let system = connection.identify_system().await?;
        let history = History {
            system_identifier: system.system_identifier,
            timeline: system.timeline,
            table_oid: facts.table.as_ref().map_or(0, |table| table.oid),
        };
        if (slot.system_identifier, slot.timeline) != (history.system_identifier, history.timeline)
        {
            return Err(Ended::Held(two_servers(), None));
        }
        if !self.memory.enter(history, system.flushed) {
            return Err(Ended::Held(another_cluster(&history), None));
        }
        let timelines = connection.timeline_history(system.timeline).await?;
        let here = gaps::here(&facts, &slot, timelines);
        let mut compared = None;
        if self.compare_first {
            compared = gaps::compare_first(config, &sql, here.clone()).await?;
            self.compare_first = false;
        }
        let start = self.memory.start(slot.confirmed);
        let tls = connection.tls();
        let producer = Producer::start(&config.kafka).map_err(|e| Ended::Held(e.fault(), None))?;
        failpoint!("start_before_stream");
        let stream = ReplicationStream::start(connection, start).await?;
        // From here on nobody else can move the slot. What was read before has to hold still.
        gaps::must_stand(&sql, &slot).await?;
        failpoint!("start_after_stream");
        let engine = EngineConfig {
            outbox: config.outbox.clone(),
            table: catalog_table(&facts),
            window: config.publisher.window,
            window_bytes: config.publisher.window_bytes,
            start,
            acknowledged_before: self.memory.acknowledged_before,
            timing: FeedbackTiming::for_server(facts.server.wal_sender_timeout),
            keeps_witness: config.kafka.witness.is_some(),
        };
        let subject = (gaps::subject(config), fastrand::u64(..));
        let keeper = Keeper::start(&config.kafka, subject, here, compared);
        tracing::info!(
            slot = %config.postgres.slot,
            start = %start,
            slot_confirmed = %slot.confirmed,
            timeline = history.timeline,
            tls,
            "streaming"
        );
        Ok((stream, self.carrier(engine, producer, keeper)))
    }

    /// What carries the stream that was just opened.
    fn carrier(
        &mut self,
        engine: EngineConfig,
        producer: Producer,
        keeper: Option<Keeper>,
    ) -> Carrier {
        self.has_run = true;
        self.said_busy = false;
        let now = Instant::now();
        let board = Board::new(self.metrics.clone(), self.health.clone(), self.holding, now);
        let suspects = std::mem::take(&mut self.memory.suspects);
        let settings = &self.config.publisher;
        let engine = Engine::new(engine, now);
        Carrier::new(engine, producer, board, suspects, settings.stall_timeout)
            .with_witness(keeper)
            .leave_when_shut_out(settings.exit_on_fault)
    }

    /// Runs one session to its end, and beyond it while Kafka still has something to say.
    async fn drive(&mut self, session: Session) -> Ended {
        let (mut ended, mut carrier, in_hand) = session.run(&mut self.stop).await;
        self.metrics.connected(Server::Postgres, false);
        carrier.board.detach();
        match &ended {
            Ended::Stalled(fault) => {
                self.show(fault);
                tracing::warn!(
                    kind = fault.kind.label(),
                    "{fault}; the replication connection is closed until Kafka is back"
                );
                ended = self.wait_for_kafka(&mut carrier, in_hand, ended).await;
            }
            Ended::Postgres(_) => settle(&mut carrier, &self.stop).await,
            _ => {}
        }
        self.ended_uncompared = !carrier.has_compared();
        self.compare_first = self.ended_uncompared || matches!(ended, Ended::Gap(_));
        // Without the event a transaction that Kafka cannot take within the stall timeout, or between
        // two cuts of the network, would begin anew for ever.
        let engine = &carrier.engine;
        // What is confirmed is acknowledged, whether or not the server was told.
        let confirmed = Position { commit_lsn: engine.confirmed().lsn(), ordinal: 0 };
        let first = carrier.first_unacknowledged().max(Some(confirmed));
        self.memory.leave(engine.told().lsn(), engine.received_lsn(), first);
        failpoint!("session_ended");
        self.holding = carrier.board.is_held();
        if !self.holding {
            self.held.reset();
        }
        self.memory.suspects = carrier.abandon();
        ended
    }

    async fn wait_for_kafka(
        &self,
        carrier: &mut Carrier,
        in_hand: Option<Bytes>,
        stalled: Ended,
    ) -> Ended {
        match outlast(carrier, in_hand, &self.stop).await {
            Ok(()) => {
                tracing::info!("Kafka acknowledges again; the stream is opened");
                stalled
            }
            Err(ended) => ended,
        }
    }

    /// Kafka refused a batch: the next session sends its events alone, and smaller batches.
    ///
    /// Smaller, because a topic that takes less than a batch refuses every full one, though each
    /// of its events is fine.
    fn narrow_down(&mut self, refusal: Refusal, fault: &Fault) {
        tracing::info!(suspects = self.memory.suspects.len(), "{fault}");
        if refusal == Refusal::TooLarge {
            let batch_size = self.config.kafka.halve_batches();
            tracing::info!(batch_size, "batches are smaller from now on");
        }
    }

    /// What time may cure: wait a little, try again, without end.
    async fn retry(&mut self, fault: &Fault) {
        if !self.holding {
            self.show(fault);
        }
        let wait = match fault.kind {
            FaultKind::SlotBusy => {
                if !std::mem::replace(&mut self.said_busy, true) {
                    tracing::info!(kind = fault.kind.label(), "{fault}; waiting for it");
                }
                SLOT_BUSY_WAIT
            }
            _ => {
                let wait = self.transient.next_jittered(fastrand::f64());
                tracing::info!(
                    kind = fault.kind.label(),
                    retry_ms = wait.as_millis() as u64,
                    "{fault}"
                );
                wait
            }
        };
        self.wait(wait).await;
    }

    /// What a person has to cure: say so, keep saying so, and try again with growing waits.
    async fn hold(&mut self, fault: Fault, at: Option<Position>) -> Result<(), Fault> {
        if fault.kind.is_transient() {
            self.retry(&fault).await;
            return Ok(());
        }
        if fault.kind == FaultKind::Publication && at.is_none() {
            // What the stream itself showed, at an event, has lost nothing. What the catalog showed,
            // may have; before all else, since the process may leave or be killed, and it be mended.
            let kept = gaps::remember(&self.config, &fault.sentence).await;
            self.spoiled = kept.is_err().then(|| fault.sentence.clone());
        }
        let ends_at_start = matches!(fault.kind, FaultKind::Settings | FaultKind::Rights);
        if self.config.publisher.exit_on_fault || (ends_at_start && !self.has_run) {
            return Err(fault);
        }
        self.holding = true;
        self.show(&fault);
        if let Some(position) = at {
            self.memory.acknowledged_before = Some(position);
            self.memory.suspects.insert(position);
        }
        let mut wait = self.held.next_wait();
        if fault.kind == FaultKind::Gap {
            wait = wait.min(GAP_WAIT);
        }
        tracing::error!(
            kind = fault.kind.label(),
            hint = %fault.hint,
            retry_s = wait.as_secs_f64(),
            "{fault}"
        );
        self.wait(wait).await;
        Ok(())
    }

    /// Metrics and `/readyz` show the fault.
    fn show(&self, fault: &Fault) {
        self.metrics.fault(Some(fault.kind));
        self.health.set_readiness(Readiness::NotReady {
            reason: fault.sentence.clone(),
            hint: fault.hint.clone(),
        });
    }

    /// Waits; ends early when told to stop, and lets `/livez` know that we are alive.
    async fn wait(&mut self, wait: Duration) {
        let until = Instant::now() + wait;
        while self.stop.now() == Stopping::No {
            self.health.turn();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let nap = tokio::time::sleep(left.min(Duration::from_secs(1)));
            tokio::select! {
                () = nap => {}
                () = self.stop.beyond(Stopping::No) => {}
            }
        }
    }
}

/// Whether such a fault may be what a gap looks like in the stream: rows of a time with another
/// catalog, or without a publication.
fn may_be_a_gap(kind: FaultKind) -> bool {
    use FaultKind as Kind;
    matches!(kind, Kind::Publication | Kind::Slot | Kind::Unroutable | Kind::Protocol)
}

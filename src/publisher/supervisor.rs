//! Supervisor: starts sessions, tells what waiting cures from what needs a person, tries again.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    CatalogTable, Engine, EngineConfig, Settings,
    alarm::Alarm,
    backoff::Backoff,
    board::Board,
    carrier::Carrier,
    ending::Ended,
    memory::{History, Memory},
    session::{Session, outlast, settle},
    stopping::{StopSignal, Stopping},
};
use crate::{
    ack::FeedbackTiming,
    fault::{Fault, FaultKind},
    kafka::{Producer, Refusal},
    observe::{Health, Metrics, Readiness, Server},
    outbox::{CatalogColumn, Position},
    postgres::{
        ReplicationConnection, ReplicationStream, SqlClient,
        facts::{self, ColumnFacts, Facts},
    },
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
    /// Whether the log has said that another process has the slot.
    said_busy: bool,
}

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
            match (ended, fault) {
                (Ended::Stopped, _) | (_, None) => break,
                (Ended::BatchRefused(refusal), Some(fault)) => self.narrow_down(refusal, &fault),
                // Waited out, or new credentials were found: whatever it was, a new session may begin.
                (Ended::Stalled(_), Some(fault)) => self.retry(&fault).await,
                (Ended::Held(_, at), Some(fault)) => self.hold(fault, at).await?,
                (_, Some(fault)) if fault.kind.is_transient() => self.retry(&fault).await,
                (_, Some(fault)) => self.hold(fault, None).await?,
            }
        }
        Ok(())
    }

    /// Reads the facts, decides where to start, opens the stream and makes the producer.
    async fn open(&mut self) -> Result<(ReplicationStream, Carrier), Ended> {
        self.health.turn();
        let config = &self.config;
        let table = &config.outbox.table;
        // Before START_REPLICATION: the server would silently move a start position up, and says
        // nothing of a publication that lacks the table.
        let sql = SqlClient::connect(&config.postgres).await?;
        let facts = facts::inspect(&sql, &config.postgres, (&table.schema, &table.name)).await?;
        let slot = facts.verdict()?;
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
        let start = self.memory.start(slot.confirmed);
        let tls = connection.tls();
        let producer = Producer::start(&config.kafka).map_err(|e| Ended::Held(e.fault(), None))?;
        let stream = ReplicationStream::start(connection, start).await?;
        let now = Instant::now();
        let engine = EngineConfig {
            outbox: config.outbox.clone(),
            table: catalog_table(&facts),
            window: config.publisher.window,
            window_bytes: config.publisher.window_bytes,
            start,
            acknowledged_before: self.memory.acknowledged_before,
            timing: FeedbackTiming::for_server(facts.server.wal_sender_timeout),
        };
        let suspects = std::mem::take(&mut self.memory.suspects);
        tracing::info!(
            slot = %config.postgres.slot,
            start = %start,
            slot_confirmed = %slot.confirmed,
            timeline = history.timeline,
            tls,
            "streaming"
        );
        self.has_run = true;
        self.said_busy = false;
        let board = Board::new(self.metrics.clone(), self.health.clone(), self.holding, now);
        let engine = Engine::new(engine, now);
        let stall_timeout = config.publisher.stall_timeout;
        let carrier = Carrier::new(engine, producer, board, suspects, stall_timeout);
        Ok((stream, carrier.leave_when_shut_out(config.publisher.exit_on_fault)))
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
        // Without the event a transaction that Kafka cannot take within the stall timeout, or between
        // two cuts of the network, would begin anew for ever.
        let first = carrier.first_unacknowledged();
        let engine = &carrier.engine;
        self.memory.leave(engine.confirmed().lsn(), engine.received_lsn(), first);
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
        let wait = self.held.next_wait();
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

fn catalog_table(facts: &Facts) -> CatalogTable {
    let Some(table) = &facts.table else { return CatalogTable::default() };
    let column = |column: &ColumnFacts| CatalogColumn {
        number: column.number,
        name: column.name.clone(),
        type_id: column.type_oid,
    };
    CatalogTable {
        oid: table.oid,
        columns: table.columns.iter().map(column).collect(),
        as_of: facts.server.current_lsn,
    }
}

fn two_servers() -> Fault {
    Fault::new(
        FaultKind::Postgres,
        "the SQL connection and the replication connection reached different servers",
        "nothing if a failover is under way; else [postgres] url must lead to one server",
    )
}

fn another_cluster(history: &History) -> Fault {
    Fault::new(
        FaultKind::Slot,
        format!(
            "the server is another cluster than before (system identifier {}): events may be missing",
            history.system_identifier
        ),
        "make sure that [postgres] url leads to the right server; if it does, restart Postrider to \
         go on from the slot there",
    )
}

//! Session: drives one engine over one replication connection until it ends.

use std::{
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    alarm::Alarm,
    board,
    carrier::{Carrier, Taken},
    ending::Ended,
    stopping::{StopSignal, Stopping},
};
use crate::{ack::StatusUpdate, postgres::ReplicationStream, wal::Lsn};

/// Frames per turn: enough that a turn's own cost does not show, few enough that timers do not wait.
const FRAMES_PER_TURN: usize = 512;

/// After a busy turn, sleep this long before waiting for the socket. Rows gather meanwhile, so that
/// the walsender pays one wake-up for many; measured between 100 and 500 µs this is the best. A
/// real sleep of the thread: a timer would keep the runtime awake for each row.
const NAP: Duration = Duration::from_micros(200);

/// How long a drain may take before it gives up.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How long a session that ends waits for the witness of what is confirmed.
const WITNESS_LIMIT: Duration = Duration::from_secs(1);

/// How long a lost PostgreSQL connection waits for acknowledgements before the next is opened.
const SETTLE_LIMIT: Duration = Duration::from_secs(1);

/// While something is in flight, look for acknowledgements at least this often at first …
const SHORTEST_LOOK: Duration = Duration::from_millis(1);

/// … and this often when Kafka has been silent for a while.
const LONGEST_LOOK: Duration = Duration::from_millis(20);

/// One replication connection's life.
///
/// One task owns it, with the socket, the engine and the producer inside. It runs on a thread of
/// its own, because it sleeps.
pub(crate) struct Session {
    stream: ReplicationStream,
    carrier: Carrier,
    /// A frame that could not be dealt with yet. Nothing is read while there is one: order.
    in_hand: Option<Bytes>,
    /// The last turn moved something; then a nap pays.
    busy: bool,
    /// How long to wait before looking for acknowledgements again.
    look: Duration,
    /// The drain has begun.
    stopping: bool,
    alarm: Alarm,
}

impl Session {
    pub(crate) fn new(stream: ReplicationStream, carrier: Carrier, alarm: Alarm) -> Session {
        let (busy, look, stopping) = (false, SHORTEST_LOOK, false);
        Session { stream, carrier, in_hand: None, busy, look, stopping, alarm }
    }

    /// Runs until something ends it. The connection is closed on return; the carrier still holds
    /// what is in flight.
    pub(crate) async fn run(mut self, stop: &mut StopSignal) -> (Ended, Carrier, Option<Bytes>) {
        let ended = loop {
            if stop.now() != Stopping::No {
                return (self.drain(stop).await, self.carrier, None);
            }
            if let Err(ended) = self.turn(stop).await {
                break ended;
            }
        };
        if ended.may_confirm() {
            if matches!(ended, Ended::Held(..)) {
                self.attest();
            }
            // What was acknowledged last need not be repeated when the process does not come back.
            let update = self.carrier.engine.final_update(Instant::now());
            if self.stream.send(update).await.is_ok() {
                self.note_confirmed(update);
            }
        }
        (ended, self.carrier, self.in_hand)
    }

    /// One turn, in this order: the catalog's alarm, before anything is confirmed; acknowledgements, so that the window has room; the status update,
    /// which must not wait for anything below; new frames; and only then a pause.
    async fn turn(&mut self, stop: &mut StopSignal) -> Result<(), Ended> {
        let now = Instant::now();
        if let Some(fault) = self.alarm.raised() {
            // From here on rows may be missing in the stream: nothing more is confirmed.
            return Err(Ended::Held(self.carrier.since_when(fault), None));
        }
        let look = self.alarm.look();
        let collected = self.carrier.collect(now)?;
        self.carrier.witness(look, now)?;
        self.report(now).await?;
        self.carrier.check(now)?;
        let forwarded = self.forward(now)?;
        if collected || forwarded {
            self.look = SHORTEST_LOOK;
        }
        if forwarded {
            self.busy = true;
            return Ok(());
        }
        self.pause(now, stop).await
    }

    /// Sends the status update that is due.
    async fn report(&mut self, now: Instant) -> Result<(), Ended> {
        if let Some(update) = self.carrier.engine.status_update(now) {
            failpoint!("before_confirm");
            self.stream.send(update).await?;
            failpoint!("after_confirm");
            self.note_confirmed(update);
        }
        Ok(())
    }

    fn note_confirmed(&mut self, update: StatusUpdate) {
        let received = self.carrier.engine.received_lsn();
        self.carrier.board.confirmed(update.confirmed.lsn(), received);
    }

    /// Deals with frames that are there. True when at least one was. While stopping, only what
    /// completes a transaction is read.
    fn forward(&mut self, now: Instant) -> Result<bool, Ended> {
        for count in 0..FRAMES_PER_TURN {
            if self.stopping && !self.carrier.engine.is_amid_rows() {
                return Ok(count > 0);
            }
            let frame = match self.in_hand.take() {
                Some(frame) => frame,
                None if !self.carrier.engine.has_room() => return Ok(count > 0),
                None => match self.stream.try_next_frame()? {
                    Some(frame) => frame,
                    None => return Ok(count > 0),
                },
            };
            failpoint!("after_read");
            match self.carrier.take(&frame, now) {
                Ok(Taken::Done) => {}
                Ok(Taken::NotNow) => {
                    self.in_hand = Some(frame);
                    return Ok(count > 0);
                }
                Err(ended) => {
                    self.in_hand = Some(frame);
                    return Err(ended);
                }
            }
        }
        Ok(true)
    }

    /// Waits for what comes first: a frame, an acknowledgement, a deadline, the wish to stop.
    async fn pause(&mut self, now: Instant, stop: &mut StopSignal) -> Result<(), Ended> {
        let engine = &self.carrier.engine;
        let wants = !self.stopping || engine.is_amid_rows();
        let reads = wants && self.in_hand.is_none() && engine.has_room();
        let look = self.look;
        self.look = (look * 2).min(LONGEST_LOOK);
        if !reads {
            // Only an acknowledgement can help.
            self.carrier.engine.is_not_reading(now);
            self.carrier.wait_for_kafka(look);
            return Ok(());
        }
        if std::mem::take(&mut self.busy) {
            thread::sleep(NAP);
            return Ok(());
        }
        let mut deadline =
            self.carrier.engine.feedback_deadline().min(self.carrier.board.next_at());
        if let Some(at) = self.carrier.next_look(now, look) {
            deadline = deadline.min(at);
        }
        let known = stop.now();
        tokio::select! {
            biased;
            () = stop.beyond(known) => {}
            frame = self.stream.next_frame() => self.in_hand = Some(frame?),
            () = tokio::time::sleep_until(deadline.into()) => {}
        }
        Ok(())
    }

    /// Begins no transaction, waits for what is in flight, confirms and closes.
    ///
    /// A transaction whose first rows are sent is read to its commit: without it they could not be
    /// confirmed, and would be sent again after the next start.
    async fn drain(&mut self, stop: &mut StopSignal) -> Ended {
        self.stopping = true;
        let limit = Instant::now() + DRAIN_LIMIT;
        let in_flight = self.carrier.in_flight();
        tracing::info!(in_flight, "stopping: waiting for acknowledgements");
        failpoint!("drain_begins");
        while self.is_unfinished() && stop.now() == Stopping::Drain {
            self.carrier.engine.hurry();
            if Instant::now() >= limit {
                let in_flight = self.carrier.in_flight();
                tracing::warn!(
                    in_flight,
                    "stopping before all is confirmed; events will be repeated"
                );
                break;
            }
            if let Err(ended) = self.turn(stop).await {
                tracing::warn!(reason = %ended, "the drain was cut short; events will be repeated");
                if !ended.may_confirm() {
                    return Ended::Stopped;
                }
                break;
            }
        }
        if stop.now() == Stopping::Drain {
            self.say_goodbye().await;
        }
        Ended::Stopped
    }

    /// Whether something was sent that cannot be confirmed yet. The WAL of other tables is not waited
    /// for: whether it is confirmed makes no repeat.
    fn is_unfinished(&self) -> bool {
        let engine = &self.carrier.engine;
        self.carrier.in_flight() > 0 || engine.is_amid_rows() || engine.has_unwitnessed_events()
    }

    /// Lets the witness of what is confirmed arrive, when Kafka is as it should be.
    fn attest(&mut self) {
        let limit = Instant::now() + WITNESS_LIMIT;
        while self.carrier.engine.has_unwitnessed_events() {
            let now = Instant::now();
            self.carrier.engine.hurry();
            let turn = self.carrier.collect(now).and_then(|_| self.carrier.witness(None, now));
            if turn.is_err() || now >= limit {
                return;
            }
            self.carrier.wait_for_kafka(SHORTEST_LOOK);
        }
    }

    /// The last status update, and the proof that the server took it in.
    async fn say_goodbye(&mut self) {
        let update = self.carrier.engine.final_update(Instant::now());
        let confirmed: Lsn = update.confirmed.lsn();
        let said = async {
            failpoint!("drain_before_confirm");
            self.stream.send(update).await?;
            failpoint!("drain_after_confirm");
            self.stream.close().await
        };
        match said.await {
            Ok(()) => {
                tracing::info!(confirmed = %confirmed, "stopped; the server has the last confirmation")
            }
            Err(error) => {
                tracing::info!(confirmed = %confirmed, error = %error, "stopped; the last confirmation may be lost");
            }
        }
    }
}

/// Goes on without PostgreSQL until Kafka has acknowledged what it has, or the end is asked for.
///
/// A connection that confirms nothing would keep PostgreSQL from shutting down, so it was let go.
/// The frame in hand is offered too: it may wait for Kafka to answer about its topic.
pub(crate) async fn outlast(
    carrier: &mut Carrier,
    mut in_hand: Option<Bytes>,
    stop: &StopSignal,
) -> Result<(), Ended> {
    while carrier.in_flight() > 0 || carrier.is_unwitnessed() || in_hand.is_some() {
        if stop.now() != Stopping::No {
            return Err(Ended::Stopped);
        }
        let now = Instant::now();
        carrier.collect(now)?;
        carrier.witness(None, now)?;
        carrier.check_credentials(now)?;
        if let Some(frame) = in_hand.take()
            && carrier.take(&frame, now)? == Taken::NotNow
        {
            in_hand = Some(frame);
        }
        carrier.board.turn();
        carrier.wait_for_kafka(board::INTERVAL / 4);
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Gives what is in flight when PostgreSQL is gone a moment to be acknowledged: what is need not be
/// sent again, and does not land behind its own repeat.
pub(crate) async fn settle(carrier: &mut Carrier, stop: &StopSignal) {
    failpoint!("session_lost");
    let limit = Instant::now() + SETTLE_LIMIT;
    while carrier.in_flight() > 0 && Instant::now() < limit && stop.now() == Stopping::No {
        if carrier.collect(Instant::now()).is_err() {
            return;
        }
        carrier.wait_for_kafka(SHORTEST_LOOK);
        tokio::task::yield_now().await;
    }
}

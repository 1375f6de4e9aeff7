//! Promises: A1 to A7 of one session, asked after every turn, from what the session was given.

use std::collections::BTreeSet;

use super::{engine::Engine, truth::Truth, walsender::Kind};

/// What one session's confirmed position may be.
pub(super) struct Promises {
    start: u64,
    /// What was confirmed when last looked at.
    last: u64,
    /// The highest position taken in.
    highest: u64,
    /// Where it has to be when all is acknowledged.
    settled: u64,
    /// Ends of keepalives that came while nothing was open or in flight.
    keepalives: BTreeSet<u64>,
    /// A commit or a keepalive was taken in since the last look.
    has_cause: bool,
    /// Acknowledgements at the last look.
    acknowledgements: u64,
}

impl Promises {
    pub(super) fn new(start: u64) -> Promises {
        Promises {
            start,
            last: start,
            highest: start,
            settled: start,
            keepalives: BTreeSet::new(),
            has_cause: false,
            acknowledgements: 0,
        }
    }

    /// Where the session began.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// A frame was taken in; `was_settled` is whether nothing was open or in flight before.
    pub(super) fn took(&mut self, kind: Kind, was_settled: bool) {
        self.has_cause |= matches!(kind, Kind::Commit(_) | Kind::Keepalive(_));
        match kind {
            Kind::Commit(end) => {
                self.highest = self.highest.max(end);
                self.settled = end;
            }
            Kind::Keepalive(end) => {
                self.highest = self.highest.max(end);
                if was_settled {
                    self.settled = self.settled.max(end);
                    self.keepalives.insert(end);
                }
            }
            Kind::Event(lsn) => self.highest = self.highest.max(lsn),
            Kind::Begin | Kind::Other => {}
        }
    }

    /// What is broken, if anything is. When another timeline has begun since, the truth is no
    /// longer this stream's.
    pub(super) fn broken(
        &mut self,
        engine: &Engine,
        truth: &Truth,
        is_current: bool,
    ) -> Option<String> {
        let confirmed = engine.confirmed().lsn().as_u64();
        let before = std::mem::replace(&mut self.last, confirmed);
        let acknowledgements = truth.acknowledgements();
        let came =
            acknowledgements > std::mem::replace(&mut self.acknowledgements, acknowledgements);
        let has_cause = std::mem::take(&mut self.has_cause) || came;
        if confirmed < before {
            return Some(format!("A2: confirmed went back from {before} to {confirmed}"));
        }
        if is_settled(engine) && confirmed != self.settled {
            let settled = self.settled;
            return Some(format!("A6: all is acknowledged to {settled}, confirmed is {confirmed}"));
        }
        if confirmed == before && before != self.start {
            return None;
        }
        if confirmed != before && !has_cause {
            return Some(format!("A5: confirmed went on to {confirmed} by itself"));
        }
        if is_current { self.refused(confirmed, truth) } else { None }
    }

    /// Why this position may not be told to the server, if it may not.
    pub(super) fn refused(&self, confirmed: u64, truth: &Truth) -> Option<String> {
        let confirmable = truth.confirmable();
        if confirmed > confirmable {
            return Some(format!("A1: {confirmed} is confirmed, {confirmable} may be"));
        }
        if confirmed > self.highest {
            let highest = self.highest;
            return Some(format!("A7: {confirmed} is confirmed, {highest} was received"));
        }
        let is_boundary = confirmed == self.start
            || self.keepalives.contains(&confirmed)
            || truth.is_end(confirmed);
        (!is_boundary).then(|| format!("A3: {confirmed} is confirmed, where nothing ends"))
    }
}

/// Whether nothing is open and nothing in flight.
pub(super) fn is_settled(engine: &Engine) -> bool {
    engine.in_flight().0 == 0 && engine.next_position().is_none()
}

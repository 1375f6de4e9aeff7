//! Board: what the carrier tells operators, of which only the state that steers it is kept.

use std::time::{Duration, Instant};

use super::{
    engine::Engine,
    kafka::{Delivery, Producer},
};
use crate::fault::{Fault, FaultKind};

/// As in the product: a fault that comes back comes back within this time.
const PROBATION: Duration = Duration::from_secs(3);

/// Whether a fault of an earlier session is overcome.
pub(super) struct Board {
    held: bool,
    begun_at: Instant,
    detached: bool,
}

impl Board {
    pub(super) fn new(held: bool, now: Instant) -> Board {
        Board { held, begun_at: now, detached: false }
    }

    pub(super) fn detach(&mut self) {
        self.detached = true;
    }

    pub(super) fn turn(&self) {}

    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    pub(super) fn release(&mut self, acknowledged: bool, waiting: Duration, now: Instant) {
        let is_quiet = waiting.is_zero() && now.duration_since(self.begun_at) >= PROBATION;
        if self.held && !self.detached && (acknowledged || is_quiet) {
            self.held = false;
        }
    }

    pub(super) fn acknowledged(&mut self, _delivery: &Delivery, _producer: &Producer, _wall: i64) {}

    pub(super) fn refused(&self, _topic: &str, _reason: &str) {}

    pub(super) fn write(
        &mut self,
        _engine: &Engine,
        _producer: &Producer,
        _waiting: Duration,
        _now: Instant,
    ) {
    }
}

pub(super) fn unacknowledged(waiting: Duration, _trouble: Option<&str>) -> Fault {
    let sentence = format!("Kafka has not acknowledged the oldest record for {waiting:?}");
    Fault::new(FaultKind::Kafka, sentence, "nothing")
}

/// No clock: only a latency is made of it.
pub(super) fn wall_clock() -> i64 {
    0
}

//! Health: whether the process makes turns, and whether it publishes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

/// No turn for this long means stuck. A turn waits for a second at most, a reconnection for as
/// long as its connect timeout; an orchestrator that restarts us should need more than either.
const STUCK_AFTER: Duration = Duration::from_secs(30);

/// Whether events reach Kafka now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Streaming, and Kafka acknowledges or nothing waits for it.
    Ready,
    /// Not publishing.
    NotReady {
        /// One sentence: what is wrong. Never a secret, never a payload.
        reason: String,
        /// What to do about it.
        hint: String,
    },
}

/// Whether the publisher's loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// The last turn was a moment ago.
    Live,
    /// No turn for this long.
    Stuck(Duration),
}

/// Shared between those who know (session, supervisor) and those who ask (HTTP). Clones are the
/// same health.
#[derive(Debug, Clone)]
pub struct Health {
    started: Instant,
    /// Milliseconds from `started` to the last turn.
    last_turn: Arc<AtomicU64>,
    readiness: Arc<watch::Sender<Readiness>>,
}

impl Health {
    /// The health of a process that starts now: live, not ready yet.
    #[expect(clippy::new_without_default, reason = "it reads the clock")]
    pub fn new() -> Health {
        let starting = Readiness::NotReady {
            reason: "the publisher is starting".to_owned(),
            hint: "wait; if this lasts, the log says what it waits for".to_owned(),
        };
        Health {
            started: Instant::now(),
            last_turn: Arc::default(),
            readiness: Arc::new(watch::Sender::new(starting)),
        }
    }

    /// Says that the loop goes round. Whoever owns the work calls it at least every few seconds,
    /// the supervisor also while it waits before a new try; cheap enough for every turn.
    pub fn turn(&self) {
        self.turn_at(Instant::now());
    }

    /// Says whether events reach Kafka, until told otherwise.
    pub fn set_readiness(&self, now: Readiness) {
        self.readiness.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
    }

    /// What was last said.
    pub fn readiness(&self) -> Readiness {
        self.readiness.borrow().clone()
    }

    /// Changes of readiness, for those who wait for one.
    pub fn watch_readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    /// Whether the loop went round lately.
    pub fn liveness(&self) -> Liveness {
        self.liveness_at(Instant::now())
    }

    fn turn_at(&self, now: Instant) {
        self.last_turn.fetch_max(self.millis(now), Ordering::Relaxed);
    }

    fn liveness_at(&self, now: Instant) -> Liveness {
        let last = self.last_turn.load(Ordering::Relaxed);
        let idle = Duration::from_millis(self.millis(now).saturating_sub(last));
        if idle < STUCK_AFTER { Liveness::Live } else { Liveness::Stuck(idle) }
    }

    fn millis(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_turns_is_stuck_after_thirty_seconds() {
        let health = Health::new();
        let at = |seconds| health.started + Duration::from_secs(seconds);
        assert_eq!(health.liveness_at(at(29)), Liveness::Live);
        assert_eq!(health.liveness_at(at(30)), Liveness::Stuck(Duration::from_secs(30)));
        health.turn_at(at(40));
        assert_eq!(health.liveness_at(at(69)), Liveness::Live);
        assert_eq!(health.liveness_at(at(75)), Liveness::Stuck(Duration::from_secs(35)));
    }

    #[test]
    fn a_late_report_of_an_early_turn_does_not_move_the_stamp_back() {
        let health = Health::new();
        let at = |seconds| health.started + Duration::from_secs(seconds);
        health.turn_at(at(40));
        health.turn_at(at(10));
        assert_eq!(health.liveness_at(at(65)), Liveness::Live);
    }

    #[test]
    fn clones_share_one_readiness_and_only_changes_wake_who_waits() {
        let health = Health::new();
        assert!(matches!(health.readiness(), Readiness::NotReady { .. }));
        let mut changes = health.watch_readiness();
        health.clone().set_readiness(Readiness::Ready);
        assert_eq!(health.readiness(), Readiness::Ready);
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        health.set_readiness(Readiness::Ready);
        assert!(!changes.has_changed().unwrap());
    }
}

//! Stopping: the one way the publisher is told to end.

use tokio::sync::watch;

/// How far the wish to end has gone. Only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stopping {
    /// Go on.
    No,
    /// Send nothing new, wait for what is in flight, confirm, leave.
    Drain,
    /// Leave at once. What is not confirmed is sent again after the next start.
    AtOnce,
}

/// What a session and the supervisor ask. Asking twice is harmless.
#[derive(Debug, Clone)]
pub(crate) struct StopSignal(watch::Receiver<Stopping>);

impl StopSignal {
    /// A signal and the end that gives it.
    pub(crate) fn new() -> (watch::Sender<Stopping>, StopSignal) {
        let (sender, receiver) = watch::channel(Stopping::No);
        (sender, StopSignal(receiver))
    }

    /// What was asked so far. A sender that is gone means that nobody can ask any more, which
    /// must not keep a process alive that should end.
    pub(crate) fn now(&self) -> Stopping {
        if self.0.has_changed().is_err() { Stopping::AtOnce } else { *self.0.borrow() }
    }

    /// Returns when more is asked than `known`.
    pub(crate) async fn beyond(&mut self, known: Stopping) {
        let _ = self.0.wait_for(|stopping| *stopping > known).await;
    }
}

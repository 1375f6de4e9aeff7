//! WitnessGate: a confirmed position is told to the server once Kafka has a witness of it.

use std::time::{Duration, Instant};

use super::tracker::ConfirmedLsn;

/// After the last witness, how long to gather before the next. Twice this and a round trip is what
/// is repeated after a crash.
const GATHER: Duration = Duration::from_millis(50);

/// The same while only other tables' WAL is confirmed.
const IDLE: Duration = Duration::from_secs(1);

/// Stands between the tracker and the feedback schedule. Time is passed in.
///
/// Why before and not after: a slot that stands ahead of every witness was moved by somebody else.
/// That could not be said if it might have been us, killed between the two.
#[derive(Debug)]
pub struct WitnessGate {
    /// What the server may be told. Invariant: it was the session's start, or a witness of it is
    /// acknowledged. Never ahead of the tracker, never goes back.
    witnessed: ConfirmedLsn,
    /// The witness on its way. At most one: its partition keeps their order then, whatever happens.
    on_its_way: Option<ConfirmedLsn>,
    /// Acknowledged events when the last witness was sent.
    events: u64,
    /// How many of them what was witnessed covers.
    witnessed_events: u64,
    sent_at: Instant,
    /// Since when something confirmed cannot be told.
    behind_since: Option<Instant>,
    /// The server waits for an answer, or we are stopping: do not take the time of an idle session.
    hurried: bool,
}

impl WitnessGate {
    /// A gate for a session that starts at `start`, which the server knows already.
    pub fn new(start: ConfirmedLsn, now: Instant) -> WitnessGate {
        WitnessGate {
            witnessed: start,
            on_its_way: None,
            events: 0,
            witnessed_events: 0,
            sent_at: now,
            behind_since: None,
            hurried: false,
        }
    }

    /// What the server may be told.
    pub fn witnessed(&self) -> ConfirmedLsn {
        self.witnessed
    }

    /// The position that wants a witness now, with `events` acknowledged in all; then
    /// [`sent`](Self::sent) or nothing.
    pub fn due(
        &mut self,
        now: Instant,
        confirmed: ConfirmedLsn,
        events: u64,
    ) -> Option<ConfirmedLsn> {
        if confirmed > self.witnessed {
            self.behind_since.get_or_insert(now);
        } else {
            self.behind_since = None;
        }
        self.due_at(confirmed, events).is_some_and(|at| at <= now).then_some(confirmed)
    }

    /// When [`due`](Self::due) has something, if nothing happens until then.
    pub fn due_at(&self, confirmed: ConfirmedLsn, events: u64) -> Option<Instant> {
        if self.on_its_way.is_some() || confirmed <= self.witnessed {
            return None;
        }
        let is_idle = events == self.events && !self.hurried;
        Some(self.sent_at + if is_idle { IDLE } else { GATHER })
    }

    /// A witness of what was due is on its way.
    ///
    /// # Panics
    /// If another one is.
    pub fn sent(&mut self, confirmed: ConfirmedLsn, events: u64, now: Instant) {
        assert!(self.on_its_way.is_none(), "one witness at a time");
        assert!(confirmed > self.witnessed, "a witness of what the server may know already");
        self.on_its_way = Some(confirmed);
        (self.events, self.sent_at, self.hurried) = (events, now, false);
    }

    /// Kafka acknowledged the witness that was on its way.
    ///
    /// # Panics
    /// If none was.
    pub fn acknowledged(&mut self) {
        self.witnessed = self.on_its_way.take().expect("a witness was on its way");
        self.witnessed_events = self.events;
        // What came since has not been waiting for long.
        self.behind_since = None;
    }

    /// Lets the next witness go at the pace of a session that is not idle.
    pub fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Whether some of `events` acknowledged ones would be repeated if no other witness came.
    pub fn is_short_of(&self, events: u64) -> bool {
        events > self.witnessed_events
    }

    /// Since when `confirmed` has been waiting to be told; `None` when it has not.
    pub fn behind_since(&self, confirmed: ConfirmedLsn) -> Option<Instant> {
        self.behind_since.filter(|_| confirmed > self.witnessed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ack::AckTracker, wal::Lsn};

    fn at(byte: u64) -> ConfirmedLsn {
        AckTracker::new(Lsn::new(byte)).confirmed()
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_position_is_told_once_its_witness_is_acknowledged() {
        let now = Instant::now();
        let mut gate = WitnessGate::new(at(10), now);
        assert_eq!(gate.due(now + ms(49), at(20), 1), None);
        assert_eq!(gate.due(now + ms(50), at(20), 1), Some(at(20)));
        gate.sent(at(20), 1, now + ms(50));
        assert_eq!((gate.witnessed(), gate.due(now + ms(500), at(30), 2)), (at(10), None));
        assert!(gate.is_short_of(1));
        gate.acknowledged();
        assert!(gate.is_short_of(2) && !gate.is_short_of(1));
        assert_eq!((gate.witnessed(), gate.due(now + ms(500), at(30), 2)), (at(20), Some(at(30))));
    }

    #[test]
    fn while_idle_a_witness_a_second_is_enough_unless_somebody_waits() {
        let now = Instant::now();
        let mut gate = WitnessGate::new(at(10), now);
        assert_eq!(gate.due(now + ms(999), at(20), 0), None);
        assert_eq!(gate.due_at(at(20), 0), Some(now + IDLE));
        gate.hurry();
        assert_eq!(gate.due(now + ms(50), at(20), 0), Some(at(20)));
        gate.sent(at(20), 0, now + ms(50));
        gate.acknowledged();
        assert_eq!(gate.due(now + ms(200), at(30), 0), None);
        assert_eq!(gate.due(now + ms(1050), at(30), 0), Some(at(30)));
    }

    #[test]
    fn how_long_a_position_waits_is_counted_from_the_last_that_was_told() {
        let now = Instant::now();
        let mut gate = WitnessGate::new(at(10), now);
        assert_eq!(gate.due(now, at(10), 0), None);
        assert_eq!(gate.behind_since(at(10)), None);
        gate.due(now + ms(70), at(20), 1);
        gate.sent(at(20), 1, now + ms(70));
        gate.due(now + ms(90), at(30), 2);
        assert_eq!(gate.behind_since(at(30)), Some(now + ms(70)));
        gate.acknowledged();
        gate.due(now + ms(100), at(30), 2);
        assert_eq!(gate.behind_since(at(30)), Some(now + ms(100)));
        assert_eq!(gate.behind_since(at(20)), None);
    }

    #[test]
    #[should_panic(expected = "one witness at a time")]
    fn two_witnesses_on_their_way_are_a_bug() {
        let now = Instant::now();
        let mut gate = WitnessGate::new(at(10), now);
        gate.sent(at(20), 1, now);
        gate.sent(at(30), 2, now);
    }
}

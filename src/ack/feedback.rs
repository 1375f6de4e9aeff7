//! FeedbackSchedule: when to tell the server which position is confirmed.

use std::time::{Duration, Instant};

use super::tracker::ConfirmedLsn;

/// After a confirmation moved, how long to gather more before saying so. Small, because what is
/// acknowledged and not yet confirmed is repeated after a crash; not smaller, because each update
/// costs the walsender a wake-up.
const GATHER: Duration = Duration::from_millis(50);

/// The longest silence of ours when the server names no timeout.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// The shortest time after which a silent server is given up, whatever its own timeout is.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(300);

/// One report to the server: everything before `confirmed` may be forgotten.
///
/// Written, flushed and applied position are all the confirmed one. Reporting a larger "written"
/// position is allowed, but then the server sends no keepalive of its own when it is idle and we
/// are behind, and with them goes the chance to confirm other tables' WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusUpdate {
    /// What is confirmed.
    pub confirmed: ConfirmedLsn,
    /// Whether the server shall answer at once: asked when it has been silent for long.
    pub reply_requested: bool,
}

/// The intervals of a [`FeedbackSchedule`], derived from the server's `wal_sender_timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedbackTiming {
    /// Wait this long after the last update before one that reports a moved position.
    pub gather: Duration,
    /// Never be silent for longer: a third of the server's timeout, so that two lost or late
    /// updates do not cost the connection.
    pub longest_silence: Duration,
    /// Ask the server for a sign of life after this long without a byte from it.
    pub probe_after: Duration,
    /// Give the connection up after this long without a byte. Generous: a walsender that decodes a
    /// huge transaction of other tables may be silent for minutes, and giving up would make it
    /// start over. Dead hosts are found by TCP keepalive.
    pub stale_after: Duration,
}

impl FeedbackTiming {
    /// Timing for a server whose `wal_sender_timeout` is this; `None` when it is switched off.
    pub fn for_server(wal_sender_timeout: Option<Duration>) -> FeedbackTiming {
        let timeout = wal_sender_timeout.unwrap_or(LONGEST_SILENCE * 6);
        let third = (timeout / 3).min(LONGEST_SILENCE);
        FeedbackTiming {
            gather: GATHER.min(third),
            longest_silence: third,
            probe_after: timeout / 2,
            stale_after: (timeout * 5).max(SHORTEST_PATIENCE),
        }
    }
}

/// Decides when a status update is due. Time is passed in.
#[derive(Debug)]
pub struct FeedbackSchedule {
    timing: FeedbackTiming,
    /// What the last update reported; `None` before the first.
    reported: Option<ConfirmedLsn>,
    reported_at: Instant,
    /// The server asked for an answer that has not been sent.
    asked: bool,
    /// When the last byte came from the server.
    heard_at: Instant,
    /// When we last asked the server for a sign of life.
    probed_at: Instant,
}

impl FeedbackSchedule {
    /// A schedule for a connection that was just opened.
    pub fn new(timing: FeedbackTiming, now: Instant) -> FeedbackSchedule {
        FeedbackSchedule {
            timing,
            reported: None,
            reported_at: now,
            asked: false,
            heard_at: now,
            probed_at: now,
        }
    }

    /// Something came from the server.
    pub fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// The server wants an answer.
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// The update that is due at `now`, if any. What is returned must be sent.
    ///
    /// A position that moved is reported after `gather`. An answer that was asked for waits as
    /// long: a server that is shutting down asks in a storm, and an answer that says nothing new
    /// would only feed it.
    pub fn due(&mut self, now: Instant, confirmed: ConfirmedLsn) -> Option<StatusUpdate> {
        let probe = now >= self.probe_at();
        if now < self.due_at(confirmed) && !probe {
            return None;
        }
        Some(self.report(now, confirmed, probe))
    }

    /// An update whatever the schedule says: the last one before the connection is closed.
    pub fn final_update(&mut self, now: Instant, confirmed: ConfirmedLsn) -> StatusUpdate {
        self.report(now, confirmed, false)
    }

    /// When [`due`](Self::due) has something next, if nothing happens until then.
    pub fn next_deadline(&self, confirmed: ConfirmedLsn) -> Instant {
        self.due_at(confirmed).min(self.probe_at())
    }

    /// Whether the server has been silent for so long that the connection is to be given up.
    pub fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard_at) >= self.timing.stale_after
    }

    fn due_at(&self, confirmed: ConfirmedLsn) -> Instant {
        let news = self.asked || self.reported != Some(confirmed);
        let wait = if news { self.timing.gather } else { self.timing.longest_silence };
        self.reported_at + wait
    }

    fn probe_at(&self) -> Instant {
        self.heard_at.max(self.probed_at) + self.timing.probe_after
    }

    fn report(&mut self, now: Instant, confirmed: ConfirmedLsn, probe: bool) -> StatusUpdate {
        self.reported = Some(confirmed);
        self.reported_at = now;
        self.asked = false;
        if probe {
            self.probed_at = now;
        }
        StatusUpdate { confirmed, reply_requested: probe }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ack::AckTracker, wal::Lsn};

    fn at(byte: u64) -> ConfirmedLsn {
        AckTracker::new(Lsn::new(byte)).confirmed()
    }

    fn schedule() -> (FeedbackSchedule, Instant) {
        let now = Instant::now();
        let timing = FeedbackTiming::for_server(Some(Duration::from_secs(60)));
        (FeedbackSchedule::new(timing, now), now)
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_moved_position_is_reported_once_after_the_gathering_time() {
        let (mut schedule, now) = schedule();
        assert_eq!(schedule.due(now + ms(49), at(10)), None);
        let update = schedule.due(now + ms(50), at(10));
        assert_eq!(update, Some(StatusUpdate { confirmed: at(10), reply_requested: false }));
        assert_eq!(schedule.due(now + ms(200), at(10)), None);
        assert!(schedule.due(now + ms(201), at(11)).is_some());
    }

    #[test]
    fn silence_of_ours_ends_before_a_third_of_the_servers_timeout() {
        let timing = FeedbackTiming::for_server(Some(Duration::from_secs(6)));
        assert_eq!(timing.longest_silence, Duration::from_secs(2));
        let now = Instant::now();
        let mut schedule = FeedbackSchedule::new(timing, now);
        assert!(schedule.due(now + ms(50), at(10)).is_some());
        assert_eq!(schedule.next_deadline(at(10)), now + ms(2050));
        assert!(schedule.due(now + ms(2049), at(10)).is_none());
        assert!(schedule.due(now + ms(2050), at(10)).is_some());
    }

    #[test]
    fn a_storm_of_requests_is_answered_at_the_gathering_pace() {
        let (mut schedule, now) = schedule();
        let mut answers = 0;
        for millis in 0..1000 {
            schedule.heard(now + ms(millis));
            schedule.ask();
            answers += usize::from(schedule.due(now + ms(millis), at(10)).is_some());
        }
        assert_eq!(answers, 19);
    }

    #[test]
    fn a_silent_server_is_asked_and_then_given_up() {
        let (mut schedule, now) = schedule();
        let secs = Duration::from_secs;
        let asked: Vec<u64> = (0..300)
            .filter(|s| schedule.due(now + secs(*s), at(10)).is_some_and(|u| u.reply_requested))
            .collect();
        assert_eq!(asked, [30, 60, 90, 120, 150, 180, 210, 240, 270]);
        assert!(!schedule.is_stale(now + secs(299)));
        assert!(schedule.is_stale(now + secs(300)));
        schedule.heard(now + secs(300));
        assert!(!schedule.is_stale(now + secs(301)));
    }

    #[test]
    fn a_server_without_a_timeout_still_gets_updates() {
        let timing = FeedbackTiming::for_server(None);
        assert_eq!(timing.longest_silence, LONGEST_SILENCE);
    }
}

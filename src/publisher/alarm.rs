//! Alarm: the sampler tells the session what it saw in the catalog.

use tokio::sync::watch;

use crate::{
    fault::{Fault, FaultKind},
    witness::Look,
};

/// The end that raises it, once a second as long as something is wrong.
#[derive(Debug)]
pub(crate) struct AlarmBell(watch::Sender<Option<Fault>>, watch::Sender<Option<Look>>);

/// The end that a session looks at each turn.
#[derive(Debug, Clone)]
pub(crate) struct Alarm(watch::Receiver<Option<Fault>>, watch::Receiver<Option<Look>>);

/// Both ends.
pub(crate) fn alarm() -> (AlarmBell, Alarm) {
    let (faults, looks) = (watch::channel(None), watch::channel(None));
    (AlarmBell(faults.0, looks.0), Alarm(faults.1, looks.1))
}

impl AlarmBell {
    /// Shows a look at a catalog in which nothing is wrong.
    pub(crate) fn show(&self, look: Look) {
        self.1.send_replace(Some(look));
    }

    /// Tells what the last look at the catalog has found.
    ///
    /// Only what makes rows go missing in silence is passed on. The rest shows in the stream itself,
    /// or is a moment's trouble of the SQL connection. The same fault is told again each time: a
    /// session that began in between has not heard it.
    pub(crate) fn tell(&self, found: Option<Fault>) {
        let is_silent = |kind| matches!(kind, FaultKind::Publication | FaultKind::Slot);
        let found = found.filter(|fault| is_silent(fault.kind));
        if found.is_some() || self.0.borrow().is_some() {
            self.0.send_replace(found);
        }
    }
}

impl Alarm {
    /// The latest look at the catalog, if there was one since the last time.
    pub(crate) fn look(&mut self) -> Option<Look> {
        match self.1.has_changed() {
            Ok(true) => self.1.borrow_and_update().clone(),
            _ => None,
        }
    }

    /// What was told since the last time.
    pub(crate) fn raised(&mut self) -> Option<Fault> {
        match self.0.has_changed() {
            Ok(true) => self.0.borrow_and_update().clone(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind) -> Option<Fault> {
        Some(Fault::new(kind, "sentence", "hint"))
    }

    #[test]
    fn what_loses_rows_in_silence_is_heard_each_time_it_is_told() {
        let (bell, mut alarm) = alarm();
        assert_eq!(alarm.raised(), None);
        for _ in 0..2 {
            bell.tell(fault(FaultKind::Publication));
            assert_eq!(alarm.raised(), fault(FaultKind::Publication));
            assert_eq!(alarm.raised(), None);
        }
        bell.tell(None);
        assert_eq!(alarm.raised(), None);
    }

    #[test]
    fn what_the_stream_shows_by_itself_is_not_passed_on() {
        let (bell, mut alarm) = alarm();
        for kind in [FaultKind::Postgres, FaultKind::SlotBusy, FaultKind::Settings] {
            bell.tell(fault(kind));
            assert_eq!(alarm.raised(), None, "{kind:?}");
        }
    }
}

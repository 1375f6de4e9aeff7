//! ShutOut: whether Kafka does not let us in, and whether new credentials may help.

use std::time::{Duration, Instant};

use super::{
    certificate::Examination,
    complaint::{Cause, Complaint},
    credentials::Credentials,
};
use crate::fault::Fault;

/// What may be a broker that goes down is a matter of security when it has lasted for this long;
/// and one broker of several matters when a record has waited for it for this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often to look whether the files have changed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A complaint that nothing has refuted.
struct Standing {
    complaint: Complaint,
    since: Instant,
    /// What is wrong with the broker's certificate, which librdkafka does not say.
    examination: Option<Examination>,
}

/// What librdkafka complains of, and the files that may cure it.
pub(crate) struct ShutOut {
    credentials: Credentials,
    standing: Option<Standing>,
    /// librdkafka's last complaint of any kind since something was acknowledged.
    trouble: Option<String>,
    look_at: Option<Instant>,
}

impl ShutOut {
    /// Nothing is known yet; the producer was made with `credentials`.
    pub(crate) fn new(credentials: Credentials) -> ShutOut {
        ShutOut { credentials, standing: None, trouble: None, look_at: None }
    }

    /// librdkafka complained.
    pub(crate) fn hear(&mut self, line: String, now: Instant) {
        self.trouble = Some(match Complaint::parse(&line) {
            Some(complaint) => {
                let said = format!("{}: {}", complaint.broker, complaint.words);
                self.weigh(complaint, now);
                said
            }
            None => line,
        });
    }

    /// librdkafka is connected to `broker`.
    pub(crate) fn connected(&mut self, broker: &str) {
        self.standing.take_if(|standing| standing.complaint.broker == broker);
    }

    /// A record was acknowledged; the oldest that was not was sent at `oldest`.
    pub(crate) fn acknowledged(&mut self, oldest: Option<Instant>) {
        self.trouble = None;
        // Another broker may have acknowledged it, while this one still lets us not in.
        self.standing.take_if(|standing| oldest.is_none_or(|oldest| oldest > standing.since));
    }

    /// librdkafka's last complaint, for people.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What a person needs to hear, when a complaint of security keeps records from Kafka: `down`
    /// says that no broker is connected, `waiting` for how long the oldest record has waited.
    pub(crate) fn fault(&self, down: bool, waiting: Duration, now: Instant) -> Option<Fault> {
        let Standing { complaint, since, examination } = self.standing.as_ref()?;
        let matters = down || waiting >= PATIENCE;
        let lasts = now.saturating_duration_since(*since) >= PATIENCE;
        if !matters || !(complaint.cause.is_certain() || lasts) {
            return None;
        }
        match examination.as_ref().map(|examination| examination.flaw()) {
            // A moment's patience, so that the first sentence is the right one.
            Some(None) if !lasts => None,
            Some(Some(Some(flaw))) => Some(flaw.fault(&complaint.broker)),
            _ => complaint.fault(),
        }
    }

    /// Whether a file of the credentials is not what the producer was made with, while something
    /// is amiss. Looks once a second.
    pub(crate) fn has_new_credentials(&mut self, now: Instant) -> bool {
        if self.standing.is_none() && self.trouble.is_none() {
            return false;
        }
        if self.look_at.is_some_and(|at| now < at) {
            return false;
        }
        self.look_at = Some(now + LOOK_AGAIN);
        self.credentials.have_changed()
    }

    fn weigh(&mut self, complaint: Complaint, now: Instant) {
        if complaint.cause == Cause::Unreachable {
            // A port that nobody answers at is no port of another protocol.
            let refuted = |standing: &mut Standing| {
                standing.complaint.broker == complaint.broker
                    && !standing.complaint.cause.is_certain()
                    && complaint.words.starts_with("Connect to ")
            };
            self.standing.take_if(refuted);
            return;
        }
        // The same again; or a guess, where there is one already.
        let known = self.standing.as_ref().is_some_and(|standing| {
            standing.complaint.broker == complaint.broker
                && (standing.complaint.cause == complaint.cause || !complaint.cause.is_certain())
        });
        if !known {
            let examination = (complaint.cause == Cause::Certificate)
                .then(|| Examination::start(&complaint.broker, self.credentials.authorities()));
            self.standing = Some(Standing { complaint, since: now, examination });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::Config;

    const WRONG: &str = "sasl_ssl://a:1/1: SASL authentication error: wrong (after 9ms in state X)";
    const CLOSED: &str = "a:1/1: Disconnected: closed (after 0ms in state APIVERSION_QUERY)";
    const GONE: &str =
        "a:1/1: Connect to a:1 failed: Connection refused (after 0ms in state CONNECT)";
    const LONG: Duration = Duration::from_secs(6);

    fn heard(lines: &[&str], at: Instant) -> ShutOut {
        let mut shut_out = ShutOut::new(Credentials::of(&Config::default()));
        lines.iter().for_each(|line| shut_out.hear((*line).to_owned(), at));
        shut_out
    }

    #[test]
    fn a_wrong_password_is_told_at_once_when_no_broker_is_left_and_later_when_others_are() {
        let now = Instant::now();
        let shut_out = heard(&[WRONG], now);
        assert!(shut_out.fault(true, Duration::ZERO, now).is_some());
        assert_eq!(shut_out.fault(false, Duration::ZERO, now + LONG), None);
        assert!(shut_out.fault(false, LONG, now).is_some());
    }

    #[test]
    fn a_closed_connection_is_told_when_it_lasts_and_not_when_the_broker_is_gone() {
        let now = Instant::now();
        let shut_out = heard(&[CLOSED], now);
        assert_eq!(shut_out.fault(true, LONG, now), None);
        assert!(shut_out.fault(true, LONG, now + LONG).is_some());
        assert_eq!(heard(&[CLOSED, GONE], now).fault(true, LONG, now + LONG), None);
    }

    #[test]
    fn a_guess_does_not_hide_what_is_certain_and_does_not_begin_anew() {
        let now = Instant::now();
        let mut shut_out = heard(&[CLOSED], now);
        shut_out.hear(CLOSED.to_owned(), now + LONG);
        assert!(shut_out.fault(true, LONG, now + LONG).is_some());
        let told = heard(&[CLOSED, WRONG, CLOSED], now).fault(true, LONG, now);
        assert_eq!(told.map(|fault| fault.kind), Some(crate::fault::FaultKind::Rights));
    }

    #[test]
    fn it_is_over_when_the_broker_is_connected_or_all_that_waited_is_acknowledged() {
        let now = Instant::now();
        let is_told = |shut_out: &ShutOut| shut_out.fault(true, LONG, now).is_some();
        let mut shut_out = heard(&[WRONG], now);
        shut_out.connected("b:1");
        // Another broker's record; the one that waits for this broker was sent before.
        shut_out.acknowledged(Some(now));
        assert!(is_told(&shut_out));
        shut_out.connected("a:1");
        assert!(!is_told(&shut_out));
        for oldest in [None, Some(now + LONG)] {
            let mut shut_out = heard(&[WRONG], now);
            shut_out.acknowledged(oldest);
            assert!(!is_told(&shut_out) && shut_out.trouble().is_none());
        }
    }
}

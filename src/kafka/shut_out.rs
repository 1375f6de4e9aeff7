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

/// librdkafka repeats a complaint every 30 s while it tries. One that is not repeated is over: a broker
/// that is not needed is not tried.
const STALE: Duration = Duration::from_secs(65);

/// How often to look whether the files have changed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A complaint that nothing has refuted.
struct Standing {
    complaint: Complaint,
    since: Instant,
    /// When it, or the same of another broker, was heard last.
    heard_at: Instant,
    /// What is wrong with the broker's certificate, which librdkafka does not say.
    examination: Option<Examination>,
}

/// What librdkafka complains of, and the files that may cure it.
pub(crate) struct ShutOut {
    credentials: Credentials,
    standing: Option<Standing>,
    /// librdkafka's last complaint of any kind since something was acknowledged, and the broker that
    /// it is about.
    trouble: Option<(Option<String>, String)>,
    /// Something was acknowledged: the protocol is the right one.
    is_proven: bool,
    look_at: Option<Instant>,
}

impl ShutOut {
    /// Nothing is known yet; the producer was made with `credentials`.
    pub(crate) fn new(credentials: Credentials) -> ShutOut {
        ShutOut { credentials, standing: None, trouble: None, is_proven: false, look_at: None }
    }

    /// librdkafka complained.
    pub(crate) fn hear(&mut self, line: String, now: Instant) {
        self.trouble = Some(match Complaint::parse(&line) {
            Some(complaint) => {
                let said = format!("{}: {}", complaint.broker, complaint.words);
                let broker = complaint.broker.clone();
                self.weigh(complaint, now);
                (Some(broker), said)
            }
            None => (None, line),
        });
    }

    /// librdkafka is connected to `broker`.
    pub(crate) fn connected(&mut self, broker: &str) {
        self.standing.take_if(|standing| standing.complaint.broker == broker);
        self.trouble.take_if(|(about, _)| about.as_deref() == Some(broker));
    }

    /// A record was acknowledged; the oldest that was not was sent at `oldest`.
    pub(crate) fn acknowledged(&mut self, oldest: Option<Instant>) {
        self.trouble = None;
        self.is_proven = true;
        // Another broker may have acknowledged it, while this one still lets us not in.
        self.standing.take_if(|standing| oldest.is_none_or(|oldest| oldest > standing.since));
    }

    /// librdkafka's last complaint, for people.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|(_, said)| said.as_str())
    }

    /// What a person needs to hear, when a complaint of security keeps records from Kafka: `down`
    /// says that no broker is connected, `waiting` for how long the oldest record has waited.
    pub(crate) fn fault(&self, down: bool, waiting: Duration, now: Instant) -> Option<Fault> {
        let Standing { complaint, since, heard_at, examination } = self.standing.as_ref()?;
        let is_over = now.saturating_duration_since(*heard_at) > STALE;
        // What accepts connections and closes them may be a balancer without brokers behind it.
        if is_over || (self.is_proven && !complaint.cause.is_certain()) {
            return None;
        }
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
        if let Some(standing) = &mut self.standing
            && now.saturating_duration_since(standing.heard_at) <= STALE
        {
            // The same again, of this broker or another: that it lasts counts, not who says it.
            if standing.complaint.cause == complaint.cause {
                standing.heard_at = now;
                return;
            }
            // A guess does not hide what was there before.
            if !complaint.cause.is_certain() {
                return;
            }
        }
        let examination = (complaint.cause == Cause::Certificate)
            .then(|| Examination::start(&complaint.broker, self.credentials.authorities()));
        self.standing = Some(Standing { complaint, since: now, heard_at: now, examination });
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
    fn brokers_that_take_turns_do_not_begin_anew() {
        let (now, turn) = (Instant::now(), Duration::from_secs(2));
        let mut shut_out = heard(&[CLOSED], now);
        for count in 1..10 {
            let line =
                if count % 2 == 0 { CLOSED.to_owned() } else { CLOSED.replace("a:1", "b:2") };
            shut_out.hear(line, now + turn * count);
            let told = shut_out.fault(true, LONG, now + turn * count).is_some();
            assert_eq!(told, turn * count >= PATIENCE, "{count}");
        }
    }

    #[test]
    fn a_complaint_that_is_not_repeated_is_over() {
        let now = Instant::now();
        let shut_out = heard(&[WRONG], now);
        assert!(shut_out.fault(true, LONG, now + STALE).is_some());
        assert_eq!(shut_out.fault(true, LONG, now + STALE + PATIENCE), None);
    }

    #[test]
    fn what_has_taken_records_speaks_our_protocol() {
        let now = Instant::now();
        let mut shut_out = heard(&[], now);
        shut_out.acknowledged(None);
        shut_out.hear(CLOSED.to_owned(), now);
        assert_eq!(shut_out.fault(true, LONG, now + LONG), None);
        shut_out.hear(WRONG.to_owned(), now);
        assert!(shut_out.fault(true, LONG, now + LONG).is_some());
    }

    #[test]
    fn trouble_with_a_broker_is_over_when_it_is_connected() {
        let mut shut_out = heard(&[GONE], Instant::now());
        shut_out.connected("b:1");
        assert!(shut_out.trouble().is_some());
        shut_out.connected("a:1");
        assert!(shut_out.trouble().is_none());
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

//! Session: what is so of our connections: encryption, clocks, and whether commits wait for us.

use std::time::Duration;

use super::{
    report::{Area, Line},
    standby_names, words,
};
use crate::postgres::survey::{Clock, Session, Way};

const HERE: Area = Area::Postgres;

/// Commit times are the server's and acknowledgement times are ours: beyond this the latency that
/// `/metrics` shows is wrong by more than anybody would shrug off.
const CLOCKS_AGREE: Duration = Duration::from_secs(2);

/// Whether anybody between the server and us could read along.
pub(super) fn encryption(session: &Session) -> Line {
    let name = "encryption";
    match (session.tls, &session.way) {
        (Some(version), Way::Network(host)) if !session.is_verified => Line::warning(
            HERE,
            name,
            format!(
                "the connection to {host} is encrypted, {version}, and the server's certificate \
                 or name is not checked"
            ),
            "set sslmode=verify-full in postgres.url, and sslrootcert to the authority's file or \
             to system",
        ),
        (Some(version), _) => {
            Line::ok(HERE, name, format!("the connection is encrypted, {version}"))
        }
        (None, Way::Socket) => Line::ok(HERE, name, "the connection is a unix socket"),
        (None, Way::Loopback) => {
            Line::ok(HERE, name, "the connection is not encrypted and stays on this machine")
        }
        (None, Way::Network(host)) => Line::warning(
            HERE,
            name,
            format!("the connection to {host} is not encrypted: the network can read along"),
            "set sslmode=verify-full in postgres.url, and ssl = on in PostgreSQL",
        ),
    }
}

/// Whether the server's clock and ours tell the same time.
pub(super) fn clock(clock: Clock) -> Line {
    let name = "clock";
    let apart = Duration::from_micros(clock.ahead_micros.unsigned_abs());
    if apart.saturating_sub(clock.uncertainty) <= CLOCKS_AGREE {
        return Line::ok(HERE, name, "the server's clock agrees with ours");
    }
    let way = if clock.ahead_micros > 0 { "ahead of" } else { "behind" };
    let time = words::time(Duration::from_secs(apart.as_secs()));
    let sentence =
        format!("the server's clock is {time} {way} ours: latencies in /metrics are wrong by that");
    Line::warning(HERE, name, sentence, "synchronise both machines' clocks (chrony, NTP)")
}

/// Whether the server counts our walsender among its synchronous standbys.
pub(super) fn synchronous(setting: &str, application_name: &str) -> Line {
    let name = "synchronous_standby_names";
    if setting.is_empty() {
        return Line::ok(HERE, name, "synchronous_standby_names is empty");
    }
    match standby_names::matching(setting, application_name) {
        None => Line::ok(
            HERE,
            name,
            format!("synchronous_standby_names does not mean us ({application_name:?})"),
        ),
        Some(matching) => Line::fault(
            HERE,
            name,
            format!(
                "synchronous_standby_names has {matching:?}, which means us too: commits would \
                 wait for Kafka"
            ),
            format!(
                "name the standbys in it, without * and without {application_name:?}, or set \
                 another application_name in postgres.url"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::report::State::{self, Fault, Ok as Fine, Warning};

    #[track_caller]
    fn assert_state(line: &Line, state: State) {
        assert_eq!(line.state, state, "{line:?}");
        assert_eq!(line.hint.is_some(), state != Fine, "{line:?}");
    }

    #[test]
    fn a_network_without_encryption_or_verification_is_warned_of() {
        let network = || Way::Network("10.0.0.5".into());
        for (tls, is_verified, way, state, part) in [
            (Some("TLSv1.3"), true, network(), Fine, "encrypted, TLSv1.3"),
            (Some("TLSv1.3"), false, network(), Warning, "to 10.0.0.5 is encrypted, TLSv1.3, and"),
            (Some("TLSv1.3"), false, Way::Loopback, Fine, "encrypted, TLSv1.3"),
            (None, false, Way::Socket, Fine, "unix socket"),
            (None, false, Way::Loopback, Fine, "stays on this machine"),
            (None, false, network(), Warning, "to 10.0.0.5 is not encrypted"),
        ] {
            let line = encryption(&Session { tls, is_verified, way });
            assert_state(&line, state);
            assert!(line.sentence.contains(part), "{line:?}");
        }
    }

    #[test]
    fn clocks_may_differ_a_little_and_by_what_the_question_took() {
        for (ahead_ms, uncertainty_ms, state, part) in [
            (0, 0, Fine, "agrees"),
            (1_900, 0, Fine, "agrees"),
            (-1_900, 0, Fine, "agrees"),
            (5_000, 4_000, Fine, "agrees"),
            (5_000, 100, Warning, "5 s ahead of ours"),
            (-7_200_000, 1, Warning, "2 hours behind ours"),
        ] {
            let line = clock(Clock {
                ahead_micros: ahead_ms * 1000,
                uncertainty: Duration::from_millis(uncertainty_ms),
            });
            assert_state(&line, state);
            assert!(line.sentence.contains(part), "{line:?}");
        }
    }

    #[test]
    fn a_synchronous_standby_that_means_us_is_a_fault() {
        for (setting, state) in [
            ("", Fine),
            ("standby", Fine),
            ("FIRST 1 (standby, other)", Fine),
            ("*", Fault),
            ("ANY 1 (*)", Fault),
            ("standby, Postrider", Fault),
        ] {
            assert_state(&synchronous(setting, "postrider"), state);
        }
    }
}

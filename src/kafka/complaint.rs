//! Complaint: why a broker does not let us in, read from librdkafka's words.

use crate::fault::{Fault, FaultKind};

/// What keeps us out of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The broker does not accept the user and the password.
    Credentials,
    /// The broker does not offer the SASL mechanism.
    Mechanism,
    /// The broker's certificate cannot be verified.
    Certificate,
    /// The broker wants a client certificate that it trusts.
    ClientCertificate,
    /// We speak TLS and the port does not, as far as a closed connection tells.
    NoTls,
    /// The port speaks TLS and we do not, as far as a closed connection tells.
    Tls,
    /// The port asks for SASL and we do not speak it, as far as a closed connection tells.
    Sasl,
    /// TLS fails for another reason.
    Handshake,
    /// Nobody answers, or the connection ended: a restart, the network. Not a matter of security.
    Unreachable,
}

/// One complaint of librdkafka's about one broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// `host:port`.
    pub(crate) broker: String,
    pub(crate) cause: Cause,
    /// librdkafka's own words, without broker and statistics.
    pub(crate) words: String,
}

/// Beginnings and pieces of librdkafka's sentences (2.12), the most telling first.
const SIGNS: [(&str, Cause); 22] = [
    // What librdkafka itself saw, not what the broker said: it went away or was slow meanwhile.
    ("SaslAuthenticateRequest failed: Local:", Cause::Unreachable),
    ("handshake failed: Local:", Cause::Unreachable),
    ("Unsupported SASL mechanism", Cause::Mechanism),
    ("SASL authentication error", Cause::Credentials),
    ("SASL authentication failure", Cause::Credentials),
    ("mechanism handshake failed", Cause::Credentials),
    ("Failed to initialize SASL", Cause::Credentials),
    ("certificate verify failed", Cause::Certificate),
    ("alert bad certificate", Cause::ClientCertificate),
    ("alert certificate", Cause::ClientCertificate),
    ("alert unknown ca", Cause::ClientCertificate),
    ("alert unsupported certificate", Cause::ClientCertificate),
    ("certificate required", Cause::ClientCertificate),
    ("client SSL authentication might be required", Cause::ClientCertificate),
    ("wrong version number", Cause::NoTls),
    ("connecting to a PLAINTEXT broker", Cause::NoTls),
    ("connecting to a SSL listener", Cause::Tls),
    ("broker might require SASL", Cause::Sasl),
    ("alert handshake failure", Cause::Handshake),
    ("alert protocol version", Cause::Handshake),
    ("unsupported protocol", Cause::Handshake),
    ("no shared cipher", Cause::Handshake),
];

impl Complaint {
    /// Reads a line such as
    /// `[thrd:x]: sasl_ssl://host:9093/bootstrap: SASL authentication error: … (after 3ms in state …)`.
    /// `None` when it speaks of no broker.
    pub(crate) fn parse(line: &str) -> Option<Complaint> {
        let line = match line.strip_prefix("[thrd:") {
            Some(rest) => rest.split_once("]: ")?.1,
            None => line,
        };
        let (name, words) = line.split_once(": ")?;
        // "ssl://host:port/1", or "host:port/bootstrap".
        let (protocol, name) = name.split_once("://").unwrap_or(("plaintext", name));
        let (broker, _) = name.rsplit_once('/')?;
        let (words, state) = words.split_once(" (after ").unwrap_or((words, ""));
        let cause = SIGNS.iter().find(|(sign, _)| words.contains(sign));
        let cause = cause.map_or_else(|| closed(protocol, state), |(_, cause)| *cause);
        Some(Complaint { broker: broker.to_owned(), cause, words: words.to_owned() })
    }

    /// What a person needs to hear; `None` when the network alone is to blame.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let (broker, words) = (&self.broker, &self.words);
        let (kind, what, hint) = match self.cause {
            Cause::Unreachable => return None,
            Cause::Credentials => (
                FaultKind::Rights,
                format!("does not accept our user and password ({words})"),
                "correct sasl.username and sasl.password of [kafka] options or options_files, or \
                 give the user this password at the broker",
            ),
            Cause::Mechanism => (
                FaultKind::Rights,
                format!("does not offer our way to log in ({words})"),
                "set sasl.mechanisms of [kafka] options to one that the broker has",
            ),
            Cause::Certificate => (
                FaultKind::Kafka,
                "shows a certificate that cannot be verified: its authority is not trusted, it is \
                 for another name, or it is out of date"
                    .to_owned(),
                "set ssl.ca.location of [kafka] options to the authority's certificate, and name \
                 the broker in [kafka] brokers as its certificate does",
            ),
            Cause::ClientCertificate => (
                FaultKind::Rights,
                format!("does not accept our certificate, or misses one ({words})"),
                "set ssl.certificate.location and ssl.key.location of [kafka] options to a \
                 certificate of an authority that the broker trusts",
            ),
            Cause::NoTls => (
                FaultKind::Kafka,
                "does not speak TLS, or closes the connection while TLS begins".to_owned(),
                "correct security.protocol of [kafka] options (SSL and SASL_SSL speak TLS), or the \
                 port in [kafka] brokers",
            ),
            Cause::Tls => (
                FaultKind::Kafka,
                "closes the connection at our first word, as a port does that speaks TLS"
                    .to_owned(),
                "set security.protocol of [kafka] options to SSL or SASL_SSL, or correct the port \
                 in [kafka] brokers",
            ),
            Cause::Sasl => (
                FaultKind::Kafka,
                "closes the connection at our first question, as a port does that asks for a \
                 password"
                    .to_owned(),
                "set security.protocol of [kafka] options to SASL_SSL, with sasl.mechanisms, \
                 sasl.username and sasl.password, or correct the port in [kafka] brokers",
            ),
            Cause::Handshake => (
                FaultKind::Kafka,
                format!("does not agree with us on TLS ({words})"),
                "see which versions and ciphers of TLS the broker allows; ssl.cipher.suites of \
                 [kafka] options narrows ours",
            ),
        };
        Some(Fault::new(kind, format!("Kafka at {broker} {what}"), hint))
    }
}

/// What a connection may mean that ended in `state`, such as `12ms in state UP, 3 identical …`: one
/// that is closed at our first words is one at which another protocol is spoken.
fn closed(protocol: &str, state: &str) -> Cause {
    let Some((milliseconds, state)) = state.split_once("ms in state ") else {
        return Cause::Unreachable;
    };
    let at_once = milliseconds.parse::<u32>().is_ok_and(|after| after < 2000);
    match protocol {
        "plaintext" | "sasl_plaintext" if state.starts_with("APIVERSION_QUERY") => Cause::Tls,
        "plaintext" | "ssl" if state.starts_with("UP") && at_once => Cause::Sasl,
        _ => Cause::Unreachable,
    }
}

impl Cause {
    /// Whether the words leave no doubt. A closed connection may also be a broker that goes down.
    pub(crate) fn is_certain(self) -> bool {
        !matches!(self, Cause::NoTls | Cause::Tls | Cause::Sasl | Cause::Unreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As librdkafka 2.12.1 and Kafka 4.3.1 say it.
    const SAID: &[(&str, &str, Cause)] = &[
        (
            "[thrd:sasl_ssl://127.0.0.1:9093/bootstrap]: sasl_ssl://127.0.0.1:9093/bootstrap: SASL \
             authentication error: Authentication failed during authentication due to invalid \
             credentials with SASL mechanism SCRAM-SHA-512 (after 310ms in state AUTH_REQ)",
            "127.0.0.1:9093",
            Cause::Credentials,
        ),
        (
            "sasl_ssl://kafka.example:9093/1: SASL SCRAM-SHA-256 mechanism handshake failed: \
             Broker: Unsupported SASL mechanism: broker's supported mechanisms: SCRAM-SHA-512,PLAIN \
             (after 301ms in state AUTH_HANDSHAKE, 1 identical error(s) suppressed)",
            "kafka.example:9093",
            Cause::Mechanism,
        ),
        (
            "ssl://[::1]:9094/bootstrap: SSL handshake failed: error:0A000086:SSL routines::\
             certificate verify failed: broker certificate could not be verified, verify that \
             ssl.ca.location is correctly configured (after 3ms in state SSL_HANDSHAKE)",
            "[::1]:9094",
            Cause::Certificate,
        ),
        (
            "ssl://127.0.0.1:9094/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 \
             alert bad certificate: SSL alert number 42 (after 0ms in state APIVERSION_QUERY)",
            "127.0.0.1:9094",
            Cause::ClientCertificate,
        ),
        (
            "ssl://127.0.0.1:9092/bootstrap: SSL handshake failed: Disconnected: SSL connection \
             closed by peer: connecting to a PLAINTEXT broker listener? (after 3ms in state \
             SSL_HANDSHAKE)",
            "127.0.0.1:9092",
            Cause::NoTls,
        ),
        (
            "[thrd:127.0.0.1:9093/bootstrap]: 127.0.0.1:9093/bootstrap: Disconnected: connection \
             closed by peer: receive 0 after POLLIN (after 0ms in state APIVERSION_QUERY, 1 \
             identical error(s) suppressed)",
            "127.0.0.1:9093",
            Cause::Tls,
        ),
        (
            "ssl://127.0.0.1:9093/bootstrap: Send failed: SSL transport error: Broken pipe (after \
             0ms in state UP)",
            "127.0.0.1:9093",
            Cause::Sasl,
        ),
        (
            "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL authentication error: \
             SaslAuthenticateRequest failed: Local: Broker transport failure (after 3ms in state \
             AUTH_REQ)",
            "127.0.0.1:9092",
            Cause::Unreachable,
        ),
        (
            "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL PLAIN mechanism handshake failed: \
             Local: Timed out: broker's supported mechanisms:  (after 3ms in state AUTH_HANDSHAKE)",
            "127.0.0.1:9092",
            Cause::Unreachable,
        ),
        (
            "sasl_ssl://127.0.0.1:9093/1: Disconnected: SSL connection closed by peer (after \
             61000ms in state UP)",
            "127.0.0.1:9093",
            Cause::Unreachable,
        ),
        (
            "plaintext://a:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused \
             (after 0ms in state CONNECT)",
            "a:1",
            Cause::Unreachable,
        ),
    ];

    #[test]
    fn broker_and_cause_are_read_from_librdkafkas_words() {
        for (line, broker, cause) in SAID {
            let complaint = Complaint::parse(line).expect(line);
            assert_eq!((complaint.broker.as_str(), complaint.cause), (*broker, *cause), "{line}");
            assert!(!complaint.words.contains("(after"), "{}", complaint.words);
        }
        assert_eq!(Complaint::parse("1/1 brokers are down"), None);
    }

    #[test]
    fn every_cause_but_the_network_becomes_a_fault_that_names_the_broker_and_an_option() {
        for (_, cause) in SIGNS.into_iter().filter(|(_, cause)| *cause != Cause::Unreachable) {
            let complaint =
                Complaint { broker: "kafka.example:9093".into(), cause, words: "words".into() };
            let fault = complaint.fault().expect("a matter of security");
            assert!(fault.sentence.starts_with("Kafka at kafka.example:9093 "), "{fault}");
            assert!(fault.hint.contains("[kafka] options"), "{}", fault.hint);
        }
        let gone =
            Complaint { broker: "a:1".into(), cause: Cause::Unreachable, words: String::new() };
        assert_eq!(gone.fault(), None);
    }
}

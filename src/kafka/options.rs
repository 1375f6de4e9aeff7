//! librdkafka options as users give them: which values are secret, which would break the guarantee.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// The value of one librdkafka option. It may be a password, so it never prints.
#[derive(Clone, Default)]
pub struct OptionValue(SecretString);

impl OptionValue {
    /// Wraps `value`.
    pub fn new(value: String) -> OptionValue {
        OptionValue(value.into())
    }

    /// The text itself, for librdkafka. Whoever prints it asks [`is_secret`] first.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OptionValue(hidden)")
    }
}

/// An option that Postrider does not hand to librdkafka, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is refused: {reason}")]
pub struct OptionError {
    /// librdkafka's name of the option.
    pub name: String,
    /// What it would do.
    pub reason: &'static str,
    /// What to do instead.
    pub remedy: &'static str,
}

/// Whether the value of option `name` must never be shown.
///
/// Errs on the side of hiding: options of later librdkafka versions are recognised by their words.
pub fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 8] = [
        "password",
        "passphrase",
        "secret",
        "key.pem",
        "token",
        "oauthbearer.config",
        // Java's login modules and Kerberos's kinit take passwords as arguments.
        "jaas",
        "kinit",
    ];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// Refuses what would break the guarantee. Spellings of what Postrider sets anyway are let pass.
///
/// Options that librdkafka does not know are left to librdkafka, whose answer names them.
///
/// # Errors
/// When `value` would lose, reorder or hide events, or when a setting of ours governs the option.
pub fn refuse_unsafe(name: &str, value: &str) -> Result<(), OptionError> {
    let value = value.trim();
    match rule(name) {
        Some(rule) if !rule.allowed.permits(value) => {
            Err(OptionError { name: name.to_owned(), reason: rule.reason, remedy: rule.remedy })
        }
        _ => Ok(()),
    }
}

/// Refuses an option whose value would be known only when its file is read, long after the
/// settings were checked, if the guarantee depends on that value.
///
/// # Errors
/// When [`refuse_unsafe`] would refuse some value of `name`.
pub fn refuse_from_file(name: &str) -> Result<(), OptionError> {
    match rule(name) {
        None => Ok(()),
        Some(rule) => Err(OptionError {
            name: name.to_owned(),
            reason: rule.reason,
            remedy: match rule.allowed {
                Allowed::Nothing => rule.remedy,
                _ => "give it in kafka.options, where it is checked before the start",
            },
        }),
    }
}

struct Rule {
    names: &'static [&'static str],
    allowed: Allowed,
    reason: &'static str,
    remedy: &'static str,
}

enum Allowed {
    Nothing,
    OneOf(&'static [&'static str]),
    UpTo(u32),
}

impl Allowed {
    fn permits(&self, value: &str) -> bool {
        match self {
            Allowed::Nothing => false,
            Allowed::OneOf(values) => values.iter().any(|v| v.eq_ignore_ascii_case(value)),
            Allowed::UpTo(most) => value.parse::<u32>().is_ok_and(|n| (1..=*most).contains(&n)),
        }
    }
}

fn rule(name: &str) -> Option<&'static Rule> {
    if name.ends_with("_cb") {
        return Some(&CALLBACK);
    }
    RULES.iter().find(|rule| rule.names.contains(&name))
}

// librdkafka's two spellings of a boolean.
const TRUE: Allowed = Allowed::OneOf(&["true", "1"]);
const FALSE: Allowed = Allowed::OneOf(&["false", "0"]);
const LEAVE_OUT: &str = "leave it out of kafka.options";

static CALLBACK: Rule = Rule {
    names: &[],
    allowed: Allowed::Nothing,
    reason: "callbacks are code, not text, and Postrider's own carry the acknowledgements",
    remedy: LEAVE_OUT,
};

static RULES: &[Rule] = &[
    Rule {
        names: &["enable.idempotence"],
        allowed: TRUE,
        reason: "without idempotence a retry can overtake an earlier record of the same key",
        remedy: LEAVE_OUT,
    },
    Rule {
        names: &["acks", "request.required.acks"],
        allowed: Allowed::OneOf(&["all", "-1"]),
        reason: "with fewer acknowledgements than all, a broker that fails loses events that the \
                 slot has already let go",
        remedy: LEAVE_OUT,
    },
    Rule {
        names: &["enable.gapless.guarantee"],
        allowed: TRUE,
        reason: "without it the records behind a refused one would be sent before it",
        remedy: LEAVE_OUT,
    },
    Rule {
        names: &["message.timeout.ms", "delivery.timeout.ms"],
        allowed: Allowed::OneOf(&["0"]),
        reason: "librdkafka drops a record that times out, while later ones of its key go on",
        remedy: "leave it out and set kafka.stall_timeout, which lets go of PostgreSQL and keeps \
                 trying",
    },
    Rule {
        names: &["retries", "message.send.max.retries"],
        allowed: Allowed::OneOf(&["2147483647"]),
        reason: "a record whose retries run out is dropped by librdkafka; Postrider never gives up",
        remedy: LEAVE_OUT,
    },
    Rule {
        names: &["max.in.flight", "max.in.flight.requests.per.connection"],
        allowed: Allowed::UpTo(5),
        reason: "brokers keep order for at most 5 requests in flight",
        remedy: "leave it out, or give a number from 1 to 5",
    },
    Rule {
        names: &["partitioner"],
        allowed: Allowed::OneOf(&["murmur2_random"]),
        reason: "another partitioner sends a key elsewhere than Java producers do, and a key that \
                 changes its partition loses its order",
        remedy: "leave it out; an explicit partition comes from outbox.columns.partition",
    },
    Rule {
        names: &["allow.auto.create.topics"],
        allowed: FALSE,
        reason: "a mistyped topic would be created with the broker's defaults and swallow events",
        remedy: "set kafka.create_topics = true, which creates topics with the shape you choose",
    },
    Rule {
        names: &["bootstrap.servers", "metadata.broker.list"],
        allowed: Allowed::Nothing,
        reason: "kafka.brokers says where Kafka is",
        remedy: "set kafka.brokers instead",
    },
    Rule {
        names: &["transactional.id"],
        allowed: Allowed::Nothing,
        reason: "consumers never see records of a Kafka transaction that nobody commits",
        remedy: LEAVE_OUT,
    },
    Rule {
        names: &["delivery.report.only.error"],
        allowed: FALSE,
        reason: "without reports of success nothing could ever be confirmed to PostgreSQL",
        remedy: LEAVE_OUT,
    },
    Rule {
        names: &["enabled_events", "opaque", "default_topic_conf", "interceptors"],
        allowed: Allowed::Nothing,
        reason: "it is wired into the program and carries the acknowledgements",
        remedy: LEAVE_OUT,
    },
    Rule {
        names: &["plugin.library.paths"],
        allowed: Allowed::Nothing,
        reason: "a library that is loaded there could change what is sent and acknowledged",
        remedy: LEAVE_OUT,
    },
    Rule {
        names: &["message.max.bytes"],
        allowed: Allowed::OneOf(&["1000000000"]),
        reason: "a smaller limit refuses here what the broker may well accept",
        remedy: "leave it out; the topic's max.message.bytes is the limit, and a CHECK in the table",
    },
    Rule {
        names: &["queue.buffering.max.messages", "queue.buffering.max.kbytes"],
        allowed: Allowed::Nothing,
        reason: "a queue smaller than the window would refuse records that the window let in",
        remedy: "set kafka.window and kafka.window_bytes instead",
    },
    Rule {
        names: &["queuing.strategy"],
        allowed: Allowed::OneOf(&["fifo"]),
        reason: "any other strategy than fifo sends later records of a key first",
        remedy: LEAVE_OUT,
    },
    Rule {
        names: &["statistics.interval.ms"],
        allowed: Allowed::UpTo(86_400_000),
        reason: "librdkafka's statistics tell when a broker lets us in again",
        remedy: "leave it out, or give a number of milliseconds above 0",
    },
    Rule {
        names: &["test.mock.num.brokers"],
        allowed: FALSE,
        reason: "it sends events to a pretended Kafka inside this process, where they vanish",
        remedy: "leave it out and set kafka.brokers",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_the_guarantee_is_refused_by_name() {
        let unsafe_options = [
            ("enable.idempotence", "false"),
            ("acks", "1"),
            ("request.required.acks", "0"),
            ("enable.gapless.guarantee", "false"),
            ("message.timeout.ms", "300000"),
            ("delivery.timeout.ms", "1"),
            ("retries", "5"),
            ("message.send.max.retries", "0"),
            ("max.in.flight", "6"),
            ("max.in.flight.requests.per.connection", "1000000"),
            ("max.in.flight", "many"),
            ("partitioner", "consistent_random"),
            ("allow.auto.create.topics", "true"),
            ("bootstrap.servers", "a:1"),
            ("metadata.broker.list", "a:1"),
            ("transactional.id", "x"),
            ("delivery.report.only.error", "true"),
            ("dr_msg_cb", "x"),
            ("queue.buffering.max.messages", "1"),
            ("queue.buffering.max.kbytes", "1"),
            ("queuing.strategy", "lifo"),
            ("statistics.interval.ms", "0"),
            ("test.mock.num.brokers", "3"),
            ("plugin.library.paths", "monitoring-interceptor"),
            ("message.max.bytes", "2000000"),
        ];
        for (name, value) in unsafe_options {
            let error = refuse_unsafe(name, value).expect_err(name);
            assert_eq!(error.name, name);
            assert!(error.to_string().starts_with(&format!("{name} is refused: ")));
            assert!(!error.remedy.is_empty());
            assert!(refuse_from_file(name).is_err(), "{name} could come from a file");
        }
    }

    #[test]
    fn harmless_spellings_and_other_options_pass() {
        let harmless = [
            ("acks", "all"),
            ("acks", " -1 "),
            ("enable.idempotence", "TRUE"),
            ("message.timeout.ms", "0"),
            ("max.in.flight", "5"),
            ("partitioner", "murmur2_random"),
            ("allow.auto.create.topics", "false"),
            ("queuing.strategy", "fifo"),
            ("queue.buffering.max.ms", "5"),
            ("statistics.interval.ms", "60000"),
            ("compression.type", "zstd"),
            ("sasl.password", "false"),
            ("no.such.option", "librdkafka will say"),
        ];
        for (name, value) in harmless {
            assert_eq!(refuse_unsafe(name, value), Ok(()), "{name}={value}");
        }
        assert_eq!(refuse_from_file("sasl.password"), Ok(()));
    }

    #[test]
    fn secrets_are_known_by_name_and_never_print() {
        let secrets = [
            "sasl.password",
            "ssl.key.password",
            "ssl.keystore.password",
            "ssl.key.pem",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.config",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "SASL.PASSWORD",
            "sasl.jaas.config",
            "sasl.kerberos.kinit.cmd",
        ];
        for name in secrets {
            assert!(is_secret(name), "{name} would be shown");
        }
        for name in ["compression.type", "sasl.username", "ssl.ca.location", "ssl.key.location"] {
            assert!(!is_secret(name), "{name} would be hidden");
        }
        let value = OptionValue::new("tiger".to_owned());
        assert_eq!(value.expose(), "tiger");
        assert!(!format!("{value:?}").contains("tiger"));
    }
}

//! The librdkafka settings that the guarantee rests on.

use std::time::Duration;

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError, types::RDKafkaConfRes};

use super::{Config, Error, known, security};

/// Long enough to count as never, and small enough to be added to an instant.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a user may override. Each is a matter of speed or taste.
const DEFAULTS: [(&str, &str); 8] = [
    ("client.id", "postrider"),
    ("compression.type", "lz4"),
    // How long a lone record waits for company. At 100,000 events a second over 12 partitions, 1 ms
    // makes batches of 8 and costs a third more CPU than this.
    ("linger.ms", "5"),
    ("socket.keepalive.enable", "true"),
    ("socket.nagle.disable", "true"),
    // Gentle to a broker that is gone, and back soon after it is.
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "2000"),
    ("statistics.interval.ms", "5000"),
];

/// What the guarantee needs. `options::refuse_unsafe` refuses other values by name.
const GUARANTEE: [(&str, &str); 8] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // A batch that is refused must not be overtaken by the ones behind it.
    ("enable.gapless.guarantee", "true"),
    // A record that timed out would leave a gap. The stall watchdog is ours.
    ("message.timeout.ms", "0"),
    // Java's placement, so that consumers which join topics find the same partitions.
    ("partitioner", "murmur2_random"),
    ("allow.auto.create.topics", "false"),
    // The default of 1,000,000 refuses here what a broker may well accept.
    ("message.max.bytes", "1000000000"),
    // The window limits bytes; librdkafka must never be the first to be full.
    ("queue.buffering.max.kbytes", "2097151"),
];

/// librdkafka's settings for `config`. Values in files are read anew each time, so that a rotated
/// password is picked up by the next producer.
///
/// # Errors
/// When a file cannot be used, or options of TLS and SASL are missing or contradict each other.
pub(crate) fn client_config(config: &Config) -> Result<ClientConfig, Error> {
    let given = security::given(config)?;
    security::verify(&given)?;
    let mut client = ClientConfig::new();
    // A connection that a broker closes at our first word is told at this level and no other.
    client.set_log_level(RDKafkaLogLevel::Info);
    if given.contains_key("debug") {
        client.set_log_level(RDKafkaLogLevel::Debug);
    }
    for (name, value) in DEFAULTS {
        client.set(name, value);
    }
    for (name, value) in &given {
        client.set(name, value.expose());
    }
    for (name, value) in GUARANTEE {
        client.set(name, value);
    }
    client.set("bootstrap.servers", &config.brokers);
    // Twice, because records that came back may still wait in librdkafka for their report.
    client.set("queue.buffering.max.messages", (u64::from(config.window) * 2 + 1000).to_string());
    Ok(client)
}

/// How often to ask for topics that are known already, as librdkafka does by itself: five minutes, as
/// in Java, unless an option says otherwise; 0 and -1 switch it off. Not more often than once a second,
/// since each question has a thread.
pub(crate) fn metadata_refresh(client: &ClientConfig) -> Duration {
    const DEFAULT: u64 = 300_000;
    let set = client.get("topic.metadata.refresh.interval.ms");
    match set.and_then(|text| text.trim().parse::<i64>().ok()) {
        None => Duration::from_millis(DEFAULT),
        Some(milliseconds @ 1..) => Duration::from_millis(milliseconds.max(1000).cast_unsigned()),
        Some(_) => NEVER,
    }
}

/// Looks for names that librdkafka does not know: a slip in one is told before what it leads to.
///
/// # Errors
/// [`Error::Unknown`], and [`Error::File`] when a file cannot be used.
pub(crate) fn known_names(config: &Config) -> Result<(), Error> {
    for (name, value) in security::given(config)? {
        let mut alone = ClientConfig::new();
        let made = alone.set(name, value.expose()).create_native_config();
        // A wrong value has a sentence of its own.
        if let Err(unknown @ Error::Unknown { .. }) = made.map_err(creation_error) {
            return Err(unknown);
        }
    }
    Ok(())
}

/// Tells a librdkafka error at creation without repeating the value, which may be a secret.
pub(crate) fn creation_error(error: KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
            Error::Unknown { nearest: known::nearest(&name), name }
        }
        KafkaError::ClientConfig(_, reason, name, value) => {
            Error::Option { name, reason: without(&reason, &value) }
        }
        KafkaError::ClientCreation(reason) => Error::Options(reason),
        other => Error::Options(other.to_string()),
    }
}

fn without(reason: &str, value: &str) -> String {
    if value.is_empty() { reason.to_owned() } else { reason.replace(value, "(hidden)") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::OptionValue;

    #[test]
    fn the_settings_of_the_guarantee_beat_the_options() {
        let mut config = Config { brokers: "localhost:9092".into(), ..Config::default() };
        config.options.insert("acks".into(), OptionValue::new("1".into()));
        config.options.insert("linger.ms".into(), OptionValue::new("7".into()));
        let client = client_config(&config).unwrap();
        assert_eq!(client.get("acks"), Some("all"));
        assert_eq!(client.get("linger.ms"), Some("7"));
    }

    #[test]
    fn an_option_that_librdkafka_refuses_is_named_without_its_value() {
        let error = KafkaError::ClientConfig(
            rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_INVALID,
            "Invalid value \"hunter2\" for configuration property \"sasl.password\"".into(),
            "sasl.password".into(),
            "hunter2".into(),
        );
        let sentence = creation_error(error).to_string();
        assert!(sentence.contains("sasl.password") && !sentence.contains("hunter2"), "{sentence}");
    }

    #[test]
    fn a_missing_options_file_is_named() {
        let mut config = Config::default();
        config.options_files.insert("sasl.password".into(), "/nowhere/at/all".into());
        let sentence = client_config(&config).unwrap_err().to_string();
        assert!(sentence.contains("/nowhere/at/all") && sentence.contains("sasl.password"));
    }
}

//! Cluster: do the brokers answer, how old are they, and who could read along.

use super::{
    report::{Area, Line},
    words,
};
use crate::kafka::inspect::{Broker, Cluster, Security};

const HERE: Area = Area::Kafka;

/// The highest version of Produce that a release of Apache Kafka knows (ProduceRequest.json of each
/// release): a client is not told more.
const RELEASES: [(i16, &str); 7] = [
    (13, "4.1 or newer"),
    (12, "4.0"),
    (11, "3.8 or 3.9"),
    (10, "3.7"),
    (9, "2.8 to 3.6"),
    (8, "2.4 to 2.7"),
    (3, "0.11 to 2.3"),
];

/// Older brokers know no idempotent producer.
const IDEMPOTENT: i16 = 3;

/// Kafka 2.8; nobody mends what is older.
const MAINTAINED: i16 = 9;

/// Brokers, version, encryption.
pub(super) fn judge(cluster: &Cluster) -> Vec<Line> {
    vec![
        brokers(cluster),
        version(cluster.produce_version, &cluster.library),
        encryption(cluster.security, &cluster.brokers),
    ]
}

fn brokers(cluster: &Cluster) -> Line {
    let count = words::several(cluster.brokers.len(), "broker");
    let id = cluster.id.as_ref().map_or_else(String::new, |id| format!(", cluster {id}"));
    Line::ok(HERE, "brokers", format!("Kafka answers: {count}{id}"))
}

fn version(produce: Option<i16>, library: &str) -> Line {
    let name = "kafka_version";
    let Some(produce) = produce else {
        let sentence = format!("the brokers do not tell their version; librdkafka is {library}");
        return Line::ok(HERE, name, sentence);
    };
    let release = RELEASES.iter().find(|(version, _)| produce >= *version);
    let release = release.map_or("older than 0.11", |(_, release)| release);
    let sentence = format!("the brokers speak Kafka {release}");
    let hint = "upgrade the brokers; the tests run on Apache Kafka 4";
    match produce {
        _ if produce < IDEMPOTENT => Line::fault(
            HERE,
            name,
            format!("{sentence}, without idempotent producers: order cannot be kept"),
            hint,
        ),
        _ if produce < MAINTAINED => {
            Line::warning(HERE, name, format!("{sentence}, which nobody maintains"), hint)
        }
        _ => Line::ok(HERE, name, format!("{sentence}; librdkafka is {library}")),
    }
}

fn encryption(security: Security, brokers: &[Broker]) -> Line {
    let name = "kafka_encryption";
    let far = brokers.iter().find(|broker| !broker.is_local);
    match (security.tls, far) {
        (true, _) if !security.verifies_certificates => Line::warning(
            HERE,
            name,
            "the way to Kafka is encrypted, and certificates are not verified: anybody can pose as \
             a broker",
            "remove enable.ssl.certificate.verification from [kafka] options, and name the \
             authority in ssl.ca.location",
        ),
        (true, _) if !security.verifies_hosts => Line::warning(
            HERE,
            name,
            "the way to Kafka is encrypted, and hosts are not compared with their certificates",
            "remove ssl.endpoint.identification.algorithm from [kafka] options",
        ),
        (true, _) => {
            let sentence = "the way to Kafka is encrypted and certificates are verified";
            Line::ok(HERE, name, sentence)
        }
        (false, None) => {
            Line::ok(HERE, name, "the way to Kafka is not encrypted and stays on this machine")
        }
        (false, Some(Broker { host, .. })) => Line::warning(
            HERE,
            name,
            format!("the way to Kafka ({host}) is not encrypted: the network can read along"),
            "set security.protocol to SSL or SASL_SSL in [kafka] options",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::report::State::{Fault, Ok as Fine, Warning};

    #[test]
    fn the_release_is_told_as_far_as_the_protocol_shows_it() {
        for (produce, state, part) in [
            (None, Fine, "do not tell"),
            (Some(14), Fine, "4.1 or newer"),
            (Some(13), Fine, "4.1 or newer"),
            (Some(12), Fine, "4.0"),
            (Some(9), Fine, "2.8 to 3.6"),
            (Some(8), Warning, "2.4 to 2.7"),
            (Some(5), Warning, "0.11 to 2.3"),
            (Some(2), Fault, "without idempotent"),
        ] {
            let line = version(produce, "2.12.1");
            assert_eq!(line.state, state, "{line:?}");
            assert!(line.sentence.contains(part), "{line:?}");
        }
    }

    #[test]
    fn what_others_could_read_or_forge_is_warned_of() {
        let broker = |is_local| Broker { host: "kafka".into(), port: 9092, is_local };
        let security = |tls, verifies_certificates, verifies_hosts| Security {
            tls,
            verifies_certificates,
            verifies_hosts,
        };
        for (security, are_local, state) in [
            (security(true, true, true), vec![false], Fine),
            (security(true, false, false), vec![true], Warning),
            (security(true, true, false), vec![false], Warning),
            (security(false, true, true), vec![true, true], Fine),
            (security(false, true, true), vec![true, false], Warning),
            (security(false, true, true), vec![false], Warning),
        ] {
            let brokers: Vec<Broker> = are_local.into_iter().map(broker).collect();
            let line = encryption(security, &brokers);
            assert_eq!(line.state, state, "{line:?}");
            assert_eq!(line.hint.is_some(), state != Fine, "{line:?}");
        }
    }

    #[test]
    fn the_brokers_are_counted() {
        let broker = Broker { host: "a".into(), port: 1, is_local: false };
        let brokers_told = vec![broker.clone(), broker];
        let cluster =
            Cluster { id: Some("abc".into()), brokers: brokers_told, ..Cluster::default() };
        let line = brokers(&cluster);
        assert_eq!(line.sentence, "Kafka answers: 2 brokers, cluster abc");
    }
}

//! Inspector: asks brokers, with a client that is made for questions alone.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier},
    client::DefaultClientContext,
    config::RDKafkaLogLevel,
    error::RDKafkaErrorCode,
    metadata::{Metadata, MetadataBroker, MetadataTopic},
    producer::{BaseProducer, Producer as _},
    util::get_rdkafka_version,
};

use super::{
    Broker, Cluster, InspectError, Layout, Presence, Security, Topic,
    observer::{Observer, words},
};
use crate::kafka::{
    Config,
    client::{client_config, creation_error},
    complaint::Complaint,
    refusal::{Outcome, Refusal},
};

/// How long brokers may take to answer the first question. Logging in by SASL over TLS to a far
/// cluster takes about one.
const PATIENCE: Duration = Duration::from_secs(6);

/// A cluster of which no broker can be reached is given this much time to change its mind: a host
/// name may have a first address that does not answer and a second that does.
const ALL_DOWN: Duration = Duration::from_secs(1);

/// How long one wait for an answer is before librdkafka's complaints are read.
const TURN: Duration = Duration::from_millis(250);

/// How long librdkafka's log and complaints are read at a time; a few hundred lines take less.
const SERVE: Duration = Duration::from_millis(20);

/// A connection to a cluster, for questions.
pub struct Inspector {
    producer: BaseProducer<Observer>,
    /// For clients of their own that questions of another kind need.
    client: ClientConfig,
    cluster: Cluster,
    /// The topics that we may see.
    layouts: BTreeMap<String, Layout>,
}

impl Inspector {
    /// Connects and asks who is there. Takes at most a few seconds.
    ///
    /// # Errors
    /// Options that librdkafka does not accept; brokers that cannot be reached or do not let us in,
    /// with the last reason that librdkafka gave.
    pub fn connect(config: &Config) -> Result<Inspector, InspectError> {
        let client = questions_only(client_config(config)?);
        let (observer, complaints) = Observer::new();
        let producer = listening(&client).create_with_context(observer).map_err(creation_error)?;
        let metadata = first_answer(&producer, &complaints).map_err(|complaint| {
            let brokers = config.brokers.clone();
            let shut_out = Complaint::parse(&complaint).and_then(|complaint| complaint.fault());
            shut_out.map_or_else(
                || InspectError::Unreachable { brokers, reason: words(&complaint).to_owned() },
                InspectError::ShutOut,
            )
        })?;
        let mut inspector = Inspector {
            cluster: Cluster {
                id: producer.client().fetch_cluster_id(TURN),
                brokers: metadata.brokers().iter().map(broker).collect(),
                produce_version: None,
                library: get_rdkafka_version().1,
                defaults: BTreeMap::new(),
                security: security(&client),
            },
            layouts: layouts(&metadata),
            producer,
            client,
        };
        if let Some(broker) = metadata.brokers().first() {
            let resource = [ResourceSpecifier::Broker(broker.id())];
            let told = inspector.settings(&resource);
            inspector.cluster.defaults = told.into_iter().next().unwrap_or_default();
        }
        inspector.producer.poll(SERVE);
        inspector.cluster.produce_version = inspector.producer.context().produce_version();
        Ok(inspector)
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What is to be said of each of `names`, in their order.
    pub fn topics(&self, names: &[String]) -> Vec<Topic> {
        let mut topics: Vec<Topic> = names
            .iter()
            .map(|name| Topic {
                name: name.clone(),
                presence: self.presence(name),
                settings: BTreeMap::new(),
            })
            .collect();
        let mut there: Vec<&mut Topic> = topics
            .iter_mut()
            .filter(|topic| matches!(topic.presence, Presence::Exists(_)))
            .collect();
        let names: Vec<String> = there.iter().map(|topic| topic.name.clone()).collect();
        let resources: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let settings = self.settings(&resources);
        for (topic, settings) in there.iter_mut().zip(settings) {
            topic.settings = settings;
        }
        topics
    }

    fn presence(&self, name: &str) -> Presence {
        if let Some(layout) = self.layouts.get(name) {
            return Presence::Exists(*layout);
        }
        // Asked for by name, a topic that we may not see is told from one that does not exist.
        let metadata = match self.producer.client().fetch_metadata(Some(name), PATIENCE) {
            Ok(metadata) => metadata,
            Err(error) => return Presence::NotKnown(error.to_string()),
        };
        let found = metadata.topics().iter().find(|topic| topic.name() == name);
        let Some(found) = found else {
            return Presence::NotKnown("the brokers' answer leaves it out".into());
        };
        match found.error().map(RDKafkaErrorCode::from) {
            None => Presence::Exists(layout(found)),
            Some(code) => match Outcome::of_code(Some(code)) {
                Outcome::Refused(Refusal::UnknownTopic) => Presence::Missing,
                Outcome::Refused(refusal) => Presence::Refused(refusal),
                _ => Presence::NotKnown(code.to_string()),
            },
        }
    }

    /// The settings of each of `resources`, in their order; empty where they are not told. It is
    /// not told either why, since the library drops the error of a single resource.
    fn settings(&self, resources: &[ResourceSpecifier<'_>]) -> Vec<BTreeMap<String, String>> {
        if resources.is_empty() {
            return Vec::new();
        }
        let told = (|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            let admin: AdminClient<DefaultClientContext> = self.client.create().ok()?;
            let options = AdminOptions::new().request_timeout(Some(PATIENCE));
            runtime.block_on(admin.describe_configs(resources, &options)).ok()
        })();
        let told = told.unwrap_or_default();
        // The answers come in the order of the questions, one for each.
        let mut settings: Vec<_> =
            told.into_iter().map(|one| one.map_or_else(|_| BTreeMap::new(), entries)).collect();
        settings.resize(resources.len(), BTreeMap::new());
        settings
    }
}

/// Without what only a producer of records needs, which would ask the brokers for a producer's
/// identity.
fn questions_only(mut client: ClientConfig) -> ClientConfig {
    client.remove("enable.gapless.guarantee");
    client.set("enable.idempotence", "false");
    client.set("statistics.interval.ms", "0");
    client
}

/// With the versions of the brokers' protocol in the log, the only place that tells them.
fn listening(client: &ClientConfig) -> ClientConfig {
    let mut listening = client.clone();
    listening.set("debug", "feature").set_log_level(RDKafkaLogLevel::Debug);
    listening
}

fn security(client: &ClientConfig) -> Security {
    let says = |name: &str, value: &str| {
        client.get(name).is_some_and(|given| given.trim().eq_ignore_ascii_case(value))
    };
    let unverified = "enable.ssl.certificate.verification";
    let verifies = !["false", "f", "0"].into_iter().any(|no| says(unverified, no));
    Security {
        tls: says("security.protocol", "ssl") || says("security.protocol", "sasl_ssl"),
        verifies_certificates: verifies,
        verifies_hosts: verifies && !says("ssl.endpoint.identification.algorithm", "none"),
    }
}

/// The first answer of a broker, or what librdkafka complains of.
fn first_answer(
    producer: &BaseProducer<Observer>,
    complaints: &Receiver<String>,
) -> Result<Metadata, String> {
    let start = Instant::now();
    let mut reason = None;
    loop {
        let error = match producer.client().fetch_metadata(None, TURN) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => error,
        };
        producer.poll(SERVE);
        reason = complaints.try_iter().last().or(reason);
        let waited = start.elapsed();
        if waited >= PATIENCE || (producer.context().all_down() && waited >= ALL_DOWN) {
            return Err(reason.unwrap_or_else(|| error.to_string()));
        }
    }
}

fn broker(told: &MetadataBroker) -> Broker {
    let host = told.host();
    let address = host.parse::<IpAddr>();
    let is_local =
        host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback());
    Broker { host: host.to_owned(), port: told.port(), is_local }
}

fn layouts(metadata: &Metadata) -> BTreeMap<String, Layout> {
    let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
    topics.map(|topic| (topic.name().to_owned(), layout(topic))).collect()
}

fn layout(topic: &MetadataTopic) -> Layout {
    let partitions = topic.partitions();
    let fewest = |counts: &mut dyn Iterator<Item = usize>| counts.min().unwrap_or(0);
    Layout {
        partitions: partitions.len(),
        replicas: fewest(&mut partitions.iter().map(|partition| partition.replicas().len())),
        in_sync: fewest(&mut partitions.iter().map(|partition| partition.isr().len())),
        leaderless: partitions.iter().filter(|partition| partition.leader() < 0).count(),
    }
}

fn entries(resource: ConfigResource) -> BTreeMap<String, String> {
    let entries = resource.entries.into_iter();
    entries.filter_map(|entry| Some((entry.name, entry.value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(options: &[(&str, &str)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        for (name, value) in options {
            client.set(*name, *value);
        }
        client
    }

    #[test]
    fn what_protects_the_way_is_read_from_the_options() {
        let hosts = "ssl.endpoint.identification.algorithm";
        let certificates = "enable.ssl.certificate.verification";
        let protocol = "security.protocol";
        for (options, tls, verifies_certificates, verifies_hosts) in [
            (&[][..], false, true, true),
            (&[(protocol, "SASL_PLAINTEXT")], false, true, true),
            (&[(protocol, "ssl")], true, true, true),
            (&[(protocol, "SASL_SSL"), (hosts, "none")], true, true, false),
            (&[(protocol, "SSL"), (certificates, "false")], true, false, false),
            (&[(protocol, "SSL"), (certificates, "0")], true, false, false),
            (&[(protocol, "SSL"), (certificates, "f")], true, false, false),
            (&[(protocol, "SSL"), (certificates, "true"), (hosts, "https")], true, true, true),
        ] {
            let expected = Security { tls, verifies_certificates, verifies_hosts };
            assert_eq!(security(&client(options)), expected, "{options:?}");
        }
    }

    #[test]
    fn a_client_for_questions_asks_for_no_producers_identity() {
        let config = Config { brokers: "localhost:9092".into(), ..Config::default() };
        let client = questions_only(client_config(&config).expect("no files are read"));
        assert_eq!(client.get("enable.idempotence"), Some("false"));
        assert_eq!(client.get("enable.gapless.guarantee"), None);
        assert_eq!(client.get("allow.auto.create.topics"), Some("false"));
    }
}

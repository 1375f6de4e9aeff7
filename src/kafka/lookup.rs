//! Lookup: asks the brokers about a topic, on a thread of its own because it may take seconds.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError, sync_channel},
    },
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
    producer::{BaseProducer, Producer as _},
};

use super::{NewTopics, refusal::Outcome, refusal::Refusal, reports::Callbacks};

/// How long one question to the brokers may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait for a broker known by its number, see [`know_a_broker`].
const WARM_UP: Duration = Duration::from_millis(500);

/// What the brokers said of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It exists and has this many partitions.
    Exists(u32),
    /// It cannot be written to, whatever we do.
    Refused(Refusal),
    /// Nobody could say; worth asking again.
    NotKnown(String),
}

/// One question under way.
pub(crate) struct Lookup {
    answer: Receiver<Answer>,
}

impl Lookup {
    /// Asks for `topic`; creates it when it is missing and `create` says how.
    pub(crate) fn start(
        producer: &Arc<BaseProducer<Callbacks>>,
        topic: &str,
        create: Option<(NewTopics, ClientConfig)>,
    ) -> Lookup {
        let (sender, answer) = sync_channel(1);
        let (producer, topic) = (Arc::clone(producer), topic.to_owned());
        let spawned = std::thread::Builder::new().name("topic-lookup".into()).spawn(move || {
            let mut found = ask(&producer, &topic);
            know_a_broker(&producer, &topic);
            if let (Answer::Refused(Refusal::UnknownTopic), Some((shape, client))) =
                (&found, create)
            {
                found = make(&client, &topic, shape);
            }
            // Before the answer, so that whoever has it may be the last owner of the producer.
            drop(producer);
            let _ = sender.send(found);
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "cannot start a thread to look up a topic");
        }
        Lookup { answer }
    }

    /// The answer, if it is there.
    pub(crate) fn answer(&self) -> Option<Answer> {
        match self.answer.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Answer::NotKnown("no answer came".into())),
        }
    }
}

fn ask(producer: &BaseProducer<Callbacks>, topic: &str) -> Answer {
    let metadata = match producer.client().fetch_metadata(Some(topic), PATIENCE) {
        Ok(metadata) => metadata,
        Err(error) => return Answer::NotKnown(error.to_string()),
    };
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Answer::NotKnown("the brokers' answer leaves the topic out".into());
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None if found.partitions().is_empty() => Answer::NotKnown("no partition is known".into()),
        None => Answer::Exists(found.partitions().len() as u32),
        Some(code) => match Outcome::of_code(Some(code)) {
            Outcome::Refused(refusal) => Answer::Refused(refusal),
            _ => Answer::NotKnown(code.to_string()),
        },
    }
}

/// Asks once more, so that a new producer gets its id at once.
///
/// librdkafka 2.12 asks for the id when metadata arrives, but only a broker that it knows by number.
/// The first metadata comes over the bootstrap connection, which is none; without another answer,
/// the id waits for a timer of 500 ms, and the first record with it.
fn know_a_broker(producer: &BaseProducer<Callbacks>, topic: &str) {
    let _ = producer.client().fetch_metadata(Some(topic), WARM_UP);
}

/// Creates the topic. Success is no answer yet: the next question finds it.
fn make(client: &ClientConfig, topic: &str, shape: NewTopics) -> Answer {
    let made = (|| -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let admin: AdminClient<DefaultClientContext> =
            client.create().map_err(|error| error.to_string())?;
        let new = NewTopic::new(topic, shape.partitions, TopicReplication::Fixed(shape.replicas));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let results = runtime
            .block_on(admin.create_topics([&new], &options))
            .map_err(|error| error.to_string())?;
        match results.into_iter().next() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | Some(Ok(_)) => Ok(()),
            Some(Err((_, code))) => Err(code.to_string()),
            None => Err("the broker gave no result".to_owned()),
        }
    })();
    match made {
        Ok(()) => {
            tracing::info!(topic, partitions = shape.partitions, "topic created");
            Answer::NotKnown("the topic was created just now".into())
        }
        Err(reason) => {
            tracing::warn!(topic, error = %reason, "the topic is missing and cannot be created");
            Answer::Refused(Refusal::UnknownTopic)
        }
    }
}

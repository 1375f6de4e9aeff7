//! Topics: what this producer knows of the topics it writes to.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{ClientConfig, producer::BaseProducer};

use super::{
    NewTopics,
    gate::Gate,
    lookup::{Answer, Lookup},
    refusal::Refusal,
    reports::Callbacks,
};

/// How long to wait before a topic is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// A topic's number within one producer, in order of first use: an index for whoever keeps
/// something per topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicId(u32);

impl TopicId {
    #[cfg(test)]
    pub(crate) const FIRST: TopicId = TopicId(0);

    /// The number, from 0 without holes.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known of a topic. The gate appears with the first answer and stays.
enum Knowledge {
    AskAt(Instant),
    Asking(Lookup),
    Known(Gate),
    Refused(Refusal),
}

struct Topic {
    name: String,
    knowledge: Knowledge,
}

/// The topics of one producer.
pub(crate) struct Topics {
    list: Vec<Topic>,
    by_name: HashMap<String, TopicId>,
    /// The topic of the last record: most often the next one's too.
    last: TopicId,
    create: Option<(NewTopics, ClientConfig)>,
}

/// Whether a topic can be written to.
pub(crate) enum Known<'a> {
    /// Yes; the gate says when.
    Gate(&'a Gate),
    /// Not yet: the brokers have not answered.
    NotYet,
    /// No.
    Refused(Refusal),
}

impl Topics {
    /// No topic is known; missing ones are created if `create` says how.
    pub(crate) fn new(create: Option<(NewTopics, ClientConfig)>) -> Topics {
        Topics { list: Vec::new(), by_name: HashMap::new(), last: TopicId(0), create }
    }

    /// The number of the topic called `name`.
    pub(crate) fn id(&mut self, name: &str, now: Instant) -> TopicId {
        if self.list.get(self.last.index()).is_some_and(|topic| topic.name == name) {
            return self.last;
        }
        if let Some(id) = self.by_name.get(name) {
            self.last = *id;
            return *id;
        }
        let id = TopicId(self.list.len() as u32);
        self.list.push(Topic { name: name.to_owned(), knowledge: Knowledge::AskAt(now) });
        self.by_name.insert(name.to_owned(), id);
        self.last = id;
        id
    }

    /// The topic's name.
    pub(crate) fn name(&self, id: TopicId) -> &str {
        &self.list[id.index()].name
    }

    /// The names of all topics, by number.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|topic| topic.name.as_str())
    }

    /// What is known of the topic; asks the brokers when nothing is.
    pub(crate) fn known(
        &mut self,
        id: TopicId,
        producer: &Arc<BaseProducer<Callbacks>>,
        now: Instant,
    ) -> Known<'_> {
        let topic = &mut self.list[id.index()];
        match &topic.knowledge {
            Knowledge::AskAt(when) if *when <= now => {
                let lookup = Lookup::start(producer, &topic.name, self.create.clone());
                topic.knowledge = Knowledge::Asking(lookup);
            }
            Knowledge::Asking(lookup) => {
                if let Some(answer) = lookup.answer() {
                    topic.knowledge = Knowledge::from(answer, &topic.name, now);
                }
            }
            Knowledge::AskAt(_) | Knowledge::Known(_) | Knowledge::Refused(_) => {}
        }
        match &topic.knowledge {
            Knowledge::Known(gate) => Known::Gate(gate),
            Knowledge::Refused(refusal) => Known::Refused(*refusal),
            Knowledge::AskAt(_) | Knowledge::Asking(_) => Known::NotYet,
        }
    }

    /// The topic's gate, which exists once a record was sent to it.
    pub(crate) fn gate_mut(&mut self, id: TopicId) -> Option<&mut Gate> {
        match &mut self.list[id.index()].knowledge {
            Knowledge::Known(gate) => Some(gate),
            _ => None,
        }
    }
}

impl Knowledge {
    fn from(answer: Answer, topic: &str, now: Instant) -> Knowledge {
        match answer {
            Answer::Exists(partitions) => Knowledge::Known(Gate::new(partitions)),
            Answer::Refused(refusal) => Knowledge::Refused(refusal),
            Answer::NotKnown(reason) => {
                tracing::debug!(topic, reason, "no answer about a topic yet");
                Knowledge::AskAt(now + ASK_AGAIN)
            }
        }
    }
}

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

    /// The topic of this number, for models of a producer.
    #[cfg(test)]
    pub(crate) fn numbered(number: usize) -> TopicId {
        TopicId(number as u32)
    }

    /// The number, from 0 without holes.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known of a topic. The gate appears with the first answer and stays.
enum Knowledge {
    AskAt(Instant),
    Asking(Lookup),
    Known { gate: Gate, again: Again, doubt: Doubt },
    Refused(Refusal),
}

/// A known topic is asked for again now and then: it may have got partitions.
enum Again {
    At(Instant),
    Asking(Lookup),
    /// It has another number of partitions. Keys change their places when nothing is in flight.
    Changed(u32),
}

struct Topic {
    name: String,
    knowledge: Knowledge,
}

/// Whether a record waits for a partition that the topic is not known to have.
#[derive(PartialEq)]
enum Doubt {
    None,
    Asked,
    /// The brokers were asked for the record's sake, and the partition is not there.
    Settled,
}

/// The topics of one producer.
pub(crate) struct Topics {
    list: Vec<Topic>,
    by_name: HashMap<String, TopicId>,
    /// The topic of the last record: most often the next one's too.
    last: TopicId,
    create: Option<(NewTopics, ClientConfig)>,
    /// How often a known topic is asked for again.
    refresh: Duration,
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
    /// No topic is known; missing ones are created if `create` says how, and known ones are asked
    /// for again every `refresh`.
    pub(crate) fn new(create: Option<(NewTopics, ClientConfig)>, refresh: Duration) -> Topics {
        Topics { list: Vec::new(), by_name: HashMap::new(), last: TopicId(0), create, refresh }
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
                    topic.knowledge = Knowledge::from(answer, &topic.name, now, self.refresh);
                }
            }
            Knowledge::AskAt(_) | Knowledge::Known { .. } | Knowledge::Refused(_) => {}
        }
        if let Knowledge::Known { gate, again, doubt } = &mut topic.knowledge {
            match again {
                Again::At(when) if *when <= now => {
                    *again = Again::Asking(Lookup::start(producer, &topic.name, None));
                }
                Again::Asking(lookup) => {
                    let asked = *doubt == Doubt::Asked;
                    match lookup.answer() {
                        None => {}
                        // Nobody has said that the topic lacks the partition.
                        Some(Answer::NotKnown(_)) if asked => *again = Again::At(now + ASK_AGAIN),
                        Some(answer) => {
                            *again = match answer {
                                Answer::Exists(count) if count != gate.partitions() => {
                                    Again::Changed(count)
                                }
                                // A topic that is gone shows in what was sent to it.
                                _ => Again::At(now + self.refresh),
                            };
                            if asked {
                                *doubt = Doubt::Settled;
                            }
                        }
                    }
                }
                Again::At(_) | Again::Changed(_) => {}
            }
            if let Again::Changed(count) = *again
                && gate.is_idle()
            {
                tracing::info!(topic = topic.name, partitions = count, "partitions have changed");
                gate.resize(count);
                *doubt = Doubt::None;
                *again = Again::At(now + self.refresh);
            }
        }
        match &topic.knowledge {
            Knowledge::Known { again: Again::Changed(_), .. } => Known::NotYet,
            Knowledge::Known { gate, .. } => Known::Gate(gate),
            Knowledge::Refused(refusal) => Known::Refused(*refusal),
            Knowledge::AskAt(_) | Knowledge::Asking(_) => Known::NotYet,
        }
    }

    /// A record is for a partition that the topic is not known to have. True when the brokers said so
    /// since; else they are asked.
    pub(crate) fn lacks_partition(&mut self, id: TopicId, now: Instant) -> bool {
        let Knowledge::Known { again, doubt, .. } = &mut self.list[id.index()].knowledge else {
            return false;
        };
        match (&doubt, again) {
            (Doubt::None, Again::At(when)) => {
                *when = now;
                *doubt = Doubt::Asked;
            }
            // A question that is under way may be older than the partition.
            (Doubt::None | Doubt::Asked, _) => {}
            (Doubt::Settled, _) => {
                *doubt = Doubt::None;
                return true;
            }
        }
        false
    }

    /// The topic's gate, which exists once a record was sent to it.
    pub(crate) fn gate_mut(&mut self, id: TopicId) -> Option<&mut Gate> {
        match &mut self.list[id.index()].knowledge {
            Knowledge::Known { gate, .. } => Some(gate),
            _ => None,
        }
    }
}

impl Knowledge {
    fn from(answer: Answer, topic: &str, now: Instant, refresh: Duration) -> Knowledge {
        match answer {
            Answer::Exists(partitions) => Knowledge::Known {
                gate: Gate::new(partitions),
                again: Again::At(now + refresh),
                doubt: Doubt::None,
            },
            Answer::Refused(refusal) => Knowledge::Refused(refusal),
            Answer::NotKnown(reason) => {
                tracing::debug!(topic, reason, "no answer about a topic yet");
                Knowledge::AskAt(now + ASK_AGAIN)
            }
        }
    }
}

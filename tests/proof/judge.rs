//! The judge: sees every record once, in the order of its partition, and remembers eight bytes of each.
//!
//! Each key has versions without holes: a row's version is given under a lock that is held until the
//! commit, and given back by a rollback. So the order of commits is known, and what is missing, too.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt::Display,
    time::{Duration, Instant},
};

use crate::{
    event::{self, EventId},
    harness::{Record, Sample, lsn, partition},
    intent::Intents,
};

/// A sample is at hand long before: it asks each partition with two seconds of patience.
const SAMPLE_IS_THERE: Duration = Duration::from_secs(30);

/// Where an event stood in the WAL, and where its first record stands in Kafka.
struct Placed {
    seen: Instant,
    commit: u64,
    topic: usize,
    partition: usize,
    offset: i64,
}

/// A topic and its partitions.
pub struct Topic {
    pub name: String,
    pub partitions: i32,
}

/// What is wrong, counted by kind, with the first few places.
#[derive(Debug, Default)]
pub struct Defects {
    pub counts: BTreeMap<&'static str, u64>,
    pub places: Vec<String>,
}

impl Defects {
    /// One more.
    pub fn add(&mut self, defect: &'static str, place: impl Display) {
        *self.counts.entry(defect).or_default() += 1;
        if self.places.len() < 100 {
            self.places.push(format!("{defect}: {place}"));
        }
    }

    /// How many of these there are.
    pub fn count(&self, defects: &[&str]) -> u64 {
        defects.iter().filter_map(|defect| self.counts.get(defect)).sum()
    }
}

#[derive(Default)]
struct Key {
    /// The id of each version, from 1 on.
    ids: Vec<u64>,
    position: (u64, u64),
    /// The version of the record before.
    before: u64,
}

/// See the module.
pub struct Judge {
    topics: Vec<Topic>,
    keys: HashMap<Vec<u8>, Key>,
    waiting: VecDeque<Placed>,
    /// Highest confirmed position so far and the watermarks then, only where it rose.
    samples: Vec<(u64, Vec<Vec<i64>>)>,
    pub defects: Defects,
    pub records: u64,
    pub repeats: u64,
    /// Repeats that landed behind what came after them.
    pub late: u64,
}

impl Judge {
    /// Nothing has been seen of these topics.
    pub fn new(topics: Vec<Topic>) -> Judge {
        Judge {
            topics,
            keys: HashMap::new(),
            waiting: VecDeque::new(),
            samples: Vec::new(),
            defects: Defects::default(),
            records: 0,
            repeats: 0,
            late: 0,
        }
    }

    /// Takes in what was confirmed at a moment, and what Kafka held after it.
    pub fn sample(&mut self, sample: &Sample) {
        if self.samples.last().is_some_and(|(highest, _)| *highest >= sample.confirmed) {
            return;
        }
        let marks = |topic: &Topic| sample.high.get(&topic.name).cloned().unwrap_or_default();
        self.samples.push((sample.confirmed, self.topics.iter().map(marks).collect()));
    }

    /// Takes in the next record of a partition.
    pub fn record(&mut self, record: &Record, now: Instant) {
        self.records += 1;
        let place = format!("{}[{}]@{}", record.topic, record.partition, record.offset);
        let Some(topic) = self.topics.iter().position(|topic| topic.name == record.topic) else {
            return self.defects.add("wrong topic", place);
        };
        let text = record.header("id").unwrap_or_default();
        let Some(id) = EventId::parse(&text) else {
            return self.defects.add("phantom", format!("{text:?} at {place}"));
        };
        if let Some(defect) = self.wrong(record, id, topic) {
            self.defects.add(defect, format!("{id} at {place}"));
        }
        let header = record.header("position").unwrap_or_default();
        let Some(position) = position(&header) else {
            return self.defects.add("wrong bytes", format!("position {header:?} at {place}"));
        };
        let Some(version) = record.payload.as_deref().and_then(event::version) else { return };
        let placed = Placed {
            seen: now,
            commit: position.0,
            topic,
            partition: record.partition as usize,
            offset: record.offset,
        };
        self.order(record.key.as_deref().unwrap_or_default(), (id, version, position), placed);
        self.compare_with_samples(Some(now));
    }

    /// What is wrong with a record by itself.
    fn wrong(&self, record: &Record, id: EventId, topic: usize) -> Option<&'static str> {
        let key = record.key.as_deref().unwrap_or_default();
        let version = event::version(record.payload.as_deref().unwrap_or_default());
        let expected =
            version.map(|version| event::payload(id, &String::from_utf8_lossy(key), version));
        if expected.is_none()
            || expected.map(String::into_bytes) != record.payload
            || record.header_names() != ["id", "type", "position"]
            || record.header("type").as_deref() != Some("made")
        {
            return Some("wrong bytes");
        }
        let misplaced = partition(key, self.topics[topic].partitions) != record.partition;
        misplaced.then_some("wrong partition")
    }

    fn order(
        &mut self,
        key: &[u8],
        (id, version, position): (EventId, u64, (u64, u64)),
        placed: Placed,
    ) {
        let place = || format!("{id}, version {version} at offset {}", placed.offset);
        let known = self.keys.entry(key.to_owned()).or_default();
        let next = known.ids.len() as u64 + 1;
        if version < next {
            self.repeats += 1;
            if known.ids[version as usize - 1] != id.packed() {
                self.defects.add("phantom", place());
            }
            // A repeat begins at a confirmed position and leaves nothing out behind it. Only a request
            // that was on the wire when its publisher died may still land among the next one's.
            self.late += u64::from(version > known.before + 1);
        } else {
            if version > next {
                self.defects.add("out of order", place());
                // What has been passed over may still come; then it is no repeat of anything.
                known.ids.resize(version as usize - 1, u64::MAX);
            }
            known.ids.push(id.packed());
            if position <= known.position {
                self.defects.add("out of order", place());
            }
            known.position = position;
            self.waiting.push_back(placed);
        }
        known.before = version;
    }

    /// What is confirmed was acknowledged before, so its first record is below the watermarks that
    /// were asked for after it.
    fn compare_with_samples(&mut self, now: Option<Instant>) {
        while let Some(placed) = self.waiting.front() {
            if now.is_some_and(|now| now.duration_since(placed.seen) < SAMPLE_IS_THERE) {
                return;
            }
            // A transaction whose commit record starts before the confirmed position is never
            // sent again.
            let first = self.samples.partition_point(|(confirmed, _)| *confirmed <= placed.commit);
            if let Some((confirmed, marks)) = self.samples.get(first) {
                let mark = marks[placed.topic].get(placed.partition).copied().unwrap_or(0);
                if placed.offset >= mark {
                    let at = (placed.partition, placed.offset);
                    self.defects
                        .add("confirmed too far", format!("{confirmed:X}, behind it {at:?}"));
                }
            }
            self.waiting.pop_front();
        }
    }

    /// The end: compares with what was intended, its outcomes being known now. `versions` holds each
    /// key's last one.
    pub fn finish(&mut self, intents: &Intents, versions: &HashMap<String, u64>) {
        self.compare_with_samples(None);
        let mut delivered = intents.none_delivered();
        for (key, last) in versions {
            let known = self.keys.remove(key.as_bytes()).unwrap_or_default();
            for packed in known.ids.iter().filter(|packed| **packed != u64::MAX) {
                let id = EventId::unpacked(*packed);
                match delivered
                    .get_mut(usize::from(id.writer))
                    .and_then(|w| w.get_mut(id.transaction as usize))
                {
                    Some(count) => *count += 1,
                    None => self.defects.add("phantom", id),
                }
            }
            let found = known.ids.len() as u64;
            for version in found + 1..=*last {
                self.defects.add("lost", format!("{key}, version {version}"));
            }
            if found > *last {
                self.defects.add("phantom", format!("{key}, versions {last} to {found}"));
            }
            for version in known.ids.iter().enumerate().filter(|(_, id)| **id == u64::MAX) {
                self.defects.add("lost", format!("{key}, version {}", version.0 + 1));
            }
        }
        for key in self.keys.keys() {
            self.defects.add("phantom", format!("key {}", String::from_utf8_lossy(key)));
        }
        intents.compare(&delivered, &mut self.defects);
    }
}

fn position(text: &str) -> Option<(u64, u64)> {
    let (position, ordinal) = text.rsplit_once('/')?;
    position.contains('/').then(|| Some((lsn(position), ordinal.parse().ok()?)))?
}

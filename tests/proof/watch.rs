//! The watch: a reader that follows the topics, and a sampler of slot and leaders, as threads.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::{
    harness::{PATIENCE, ROLE, Record, Sample, Sql, Stage, Topics, lsn},
    judge::{Judge, Topic},
};

/// What both threads tell while they run.
#[derive(Default)]
pub struct Seen {
    stop: AtomicBool,
    pub records: AtomicU64,
    pub repeats: AtomicU64,
    pub defects: AtomicU64,
    pub leader_moves: AtomicU64,
    /// Counts beginnings and ends of PostgreSQL's crashes: only they may set the confirmed position
    /// back. Odd while one is under way.
    pub lives: AtomicU64,
}

/// Both threads.
pub struct Watch {
    pub seen: Arc<Seen>,
    sampler: JoinHandle<()>,
    reader: JoinHandle<Judge>,
}

impl Watch {
    /// Starts to watch the slot and the topics of a stage over `brokers`.
    pub fn start(stage: &Stage<'_>, brokers: &str) -> Watch {
        let seen = Arc::new(Seen::default());
        let names = stage.topic_names();
        let (send, samples) = mpsc::channel();
        let sampler = Sampler {
            seen: seen.clone(),
            address: stage.postgres.address(ROLE, &stage.name),
            slot: stage.name.clone(),
            topics: Topics::of(brokers),
            names: names.clone(),
            session: None,
            leaders: Vec::new(),
        };
        let topics = Topics::of(brokers);
        let of = |name: &String| {
            let partitions = topics.partitions(name).expect("the topic exists");
            Topic { name: name.clone(), partitions }
        };
        let judge = Judge::new(names.iter().map(of).collect());
        let consumer = topics.follow(&names);
        let told = seen.clone();
        Watch {
            seen,
            sampler: std::thread::spawn(move || sampler.run(&send)),
            reader: std::thread::spawn(move || {
                read(judge, (&topics, &names), &consumer, (&samples, &told))
            }),
        }
    }

    /// Waits until every record that is there has been read; the judge has seen it.
    pub fn finish(self) -> Judge {
        self.seen.stop.store(true, Ordering::Relaxed);
        self.sampler.join().expect("the sampler must not panic");
        self.reader.join().expect("the reader must not panic")
    }
}

fn read(
    mut judge: Judge,
    (topics, names): (&Topics, &[String]),
    consumer: &BaseConsumer,
    (samples, seen): (&mpsc::Receiver<(Sample, bool)>, &Seen),
) -> Judge {
    let mut ends: Option<Vec<(String, i32, i64)>> = None;
    let mut last = Instant::now();
    loop {
        for (sample, went_back) in samples.try_iter() {
            if went_back {
                judge.defects.add("confirmed went back", format!("{:X}", sample.confirmed));
            }
            judge.sample(&sample);
        }
        if let Some(message) = consumer.poll(Duration::from_millis(50)) {
            // An outage is an error here, and over when it is over.
            if let Ok(message) = message {
                last = Instant::now();
                judge.record(&Record::of(&message), last);
                seen.records.store(judge.records, Ordering::Relaxed);
                seen.repeats.store(judge.repeats, Ordering::Relaxed);
            }
            seen.defects.store(judge.defects.counts.values().sum(), Ordering::Relaxed);
            if !judge.records.is_multiple_of(64) {
                continue;
            }
        }
        if seen.stop.load(Ordering::Relaxed) {
            let goal = ends.get_or_insert_with(|| watermarks(topics, names));
            if is_at(consumer, goal) {
                return judge;
            }
            assert!(last.elapsed() < PATIENCE, "the reader does not come to the end: {goal:?}");
        }
    }
}

fn watermarks(topics: &Topics, names: &[String]) -> Vec<(String, i32, i64)> {
    let of = |name: &String| {
        let marks = crate::harness::eventually("Kafka tells how much there is", PATIENCE, || {
            topics.watermarks(name)
        });
        let numbered = marks.into_iter().enumerate();
        numbered.map(|(partition, high)| (name.clone(), partition as i32, high)).collect::<Vec<_>>()
    };
    names.iter().flat_map(of).collect()
}

/// Whether everything below these offsets has been read.
fn is_at(consumer: &BaseConsumer, goal: &[(String, i32, i64)]) -> bool {
    let position = consumer.position().expect("a consumer knows where it stands");
    goal.iter().all(|(topic, partition, high)| {
        let at = position.find_partition(topic, *partition).and_then(|elem| elem.offset().to_raw());
        *high == 0 || at >= Some(*high)
    })
}

struct Sampler {
    seen: Arc<Seen>,
    address: String,
    slot: String,
    topics: Topics,
    names: Vec<String>,
    session: Option<Sql>,
    leaders: Vec<i32>,
}

impl Sampler {
    fn run(mut self, samples: &mpsc::Sender<(Sample, bool)>) {
        let mut before = (0, 0);
        while !self.seen.stop.load(Ordering::Relaxed) {
            let life = self.seen.lives.load(Ordering::Relaxed);
            if let Some(sample) = self.sample() {
                // Counted before a crash and after it: the same even number means that there was none.
                let is_whole = life.is_multiple_of(2);
                let same_life =
                    is_whole && before.0 == life && life == self.seen.lives.load(Ordering::Relaxed);
                let went_back = same_life && sample.confirmed < before.1;
                before = (life, sample.confirmed);
                let _ = samples.send((sample, went_back));
            }
            self.count_leader_moves();
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The confirmed position first, the watermarks after it. `None` while a server is away.
    fn sample(&mut self) -> Option<Sample> {
        let sql = self.session.take().or_else(|| Sql::connect(&self.address).ok())?;
        let asks = "select confirmed_flush_lsn from pg_replication_slots where slot_name =";
        let confirmed = sql.try_text(&format!("{asks} '{}'", self.slot)).ok()??;
        self.session = Some(sql);
        let marks = |name: &String| Some((name.clone(), self.topics.watermarks(name)?));
        let high = self.names.iter().map(marks).collect::<Option<_>>()?;
        Some(Sample { confirmed: lsn(&confirmed), high })
    }

    fn count_leader_moves(&mut self) {
        let leaders = self.names.iter().filter_map(|name| self.topics.leaders(name));
        let leaders: Vec<i32> = leaders.flatten().collect();
        self.leaders.resize(leaders.len(), -1);
        for (known, now) in self.leaders.iter_mut().zip(leaders) {
            // A partition without a leader has not moved yet.
            if now >= 0 {
                let moved = *known >= 0 && *known != now;
                self.seen.leader_moves.fetch_add(u64::from(moved), Ordering::Relaxed);
                *known = now;
            }
        }
    }
}

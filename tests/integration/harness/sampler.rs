//! Watches the slot's confirmed position while a test runs, so that the checker can compare it
//! with what Kafka held at that moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{checker::Sample, postgres::ROLE, sql, sql::Sql, stage::Stage, topics::Topics};

/// A thread that samples until it is asked for what it saw.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Sample>>>,
}

impl Sampler {
    /// Starts to watch this test's slot and topics.
    pub fn start(stage: &Stage<'_>) -> Sampler {
        let stop = Arc::new(AtomicBool::new(false));
        let address = stage.postgres.address(ROLE, &stage.name);
        let brokers = stage.kafka.brokers();
        let (slot, names) = (stage.name.clone(), stage.topic_names());
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let topics = Topics::of(&brokers);
            let mut session = None;
            let mut samples = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                samples.extend(sample(&mut session, &address, &slot, (&topics, &names)));
                std::thread::sleep(Duration::from_millis(100));
            }
            samples
        });
        Sampler { stop, thread: Some(thread) }
    }

    /// Stops and returns the samples.
    pub fn finish(mut self) -> Vec<Sample> {
        self.stop.store(true, Ordering::Relaxed);
        let samples = self.thread.take().unwrap().join().expect("the sampler must not panic");
        assert!(!samples.is_empty(), "the sampler saw nothing");
        samples
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// One sample: the position first, the watermarks after it. `None` while a server is away.
fn sample(
    session: &mut Option<Sql>,
    address: &str,
    slot: &str,
    (topics, names): (&Topics, &[String]),
) -> Option<Sample> {
    let sql = session.take().or_else(|| Sql::connect(address).ok())?;
    let confirmed = sql
        .try_text(&format!(
            "select confirmed_flush_lsn from pg_replication_slots where slot_name = '{slot}'"
        ))
        .ok()??;
    *session = Some(sql);
    let marks = |name: &String| Some((name.clone(), topics.watermarks(name)?));
    let high = names.iter().map(marks).collect::<Option<_>>()?;
    Some(Sample { confirmed: sql::lsn(&confirmed), high })
}

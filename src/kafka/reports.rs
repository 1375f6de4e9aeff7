//! Reports: librdkafka's callbacks, turned into values that the sending thread reads.

use std::sync::{
    atomic::{AtomicBool, AtomicU64, Ordering},
    mpsc::SyncSender,
};

use rdkafka::{
    ClientContext, Statistics,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::ProducerContext,
};

use super::refusal::Outcome;

/// The number of records whose fate nobody waits for.
pub(crate) const NOBODY: usize = usize::MAX - 1;

/// One delivery report: the record's number and what became of it.
pub(crate) struct Report {
    pub(crate) number: usize,
    pub(crate) outcome: Outcome,
    /// The partition that holds it, when acknowledged.
    pub(crate) partition: Option<u32>,
}

/// What librdkafka says of its connections.
pub(crate) enum News {
    /// A complaint, in its own words.
    Trouble(String),
    /// It is connected to this broker, `host:port`.
    Connected(String),
}

/// librdkafka calls this, from `poll` on the sending thread (reports, statistics) or from a thread
/// of its own (logs).
pub(crate) struct Callbacks {
    /// Has room for every record that can be in flight, so sending never blocks.
    reports: SyncSender<Report>,
    /// What librdkafka says of brokers. What nobody has read yet is enough: more is dropped.
    news: SyncSender<News>,
    /// How often librdkafka said something else than what became of a record.
    remarks: AtomicU64,
    /// No broker can be reached.
    brokers_down: AtomicBool,
    /// Retries of produce requests, summed over brokers.
    retries: AtomicU64,
}

impl Callbacks {
    pub(crate) fn new(reports: SyncSender<Report>, news: SyncSender<News>) -> Callbacks {
        let (remarks, retries) = (AtomicU64::new(0), AtomicU64::new(0));
        Callbacks { reports, news, remarks, brokers_down: AtomicBool::new(false), retries }
    }

    /// How often librdkafka said something else than what became of a record.
    pub(crate) fn remarks(&self) -> u64 {
        self.remarks.load(Ordering::Relaxed)
    }

    /// Whether librdkafka said that no broker can be reached, and none was seen since.
    pub(crate) fn brokers_down(&self) -> bool {
        self.brokers_down.load(Ordering::Relaxed)
    }

    /// Retries of produce requests so far.
    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.remarks.fetch_add(1, Ordering::Relaxed);
        if facility == "FAIL" {
            // A connection that failed. Not all of them come to `error`: a port that speaks another
            // protocol just closes the connection, and that is a line in the log alone.
            let _ = self.news.try_send(News::Trouble(message.to_owned()));
        }
        // librdkafka calls a lost connection an error. It retries, so for us it is not one.
        match level {
            RDKafkaLogLevel::Debug => {
                tracing::trace!(target: "librdkafka", "{facility}: {message}")
            }
            _ => tracing::debug!(target: "librdkafka", "{facility}: {message}"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.remarks.fetch_add(1, Ordering::Relaxed);
        let retries = statistics.brokers.values().map(|broker| broker.txretries).sum();
        self.retries.store(retries, Ordering::Relaxed);
        for broker in statistics.brokers.values().filter(|broker| broker.state == "UP") {
            self.brokers_down.store(false, Ordering::Relaxed);
            let _ = self.news.try_send(News::Connected(broker.nodename.clone()));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.remarks.fetch_add(1, Ordering::Relaxed);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            if !self.brokers_down.swap(true, Ordering::Relaxed) {
                tracing::info!("no broker of [kafka] brokers can be reached; trying on");
            }
            return;
        }
        tracing::debug!(target: "librdkafka", error = %error, "{reason}");
        let _ = self.news.try_send(News::Trouble(reason.to_owned()));
    }
}

impl ProducerContext for Callbacks {
    type DeliveryOpaque = usize;

    fn delivery(&self, report: &DeliveryResult<'_>, number: usize) {
        let (outcome, partition) = Outcome::of(report);
        if outcome == Outcome::Acknowledged {
            self.brokers_down.store(false, Ordering::Relaxed);
        }
        if number == NOBODY {
            return;
        }
        // Full is impossible (see the field); a closed channel means that the producer is being
        // destroyed and nobody listens any more. Neither acknowledges anything.
        let _ = self.reports.try_send(Report { number, outcome, partition });
    }
}

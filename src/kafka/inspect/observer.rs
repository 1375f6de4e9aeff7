//! Observer: what librdkafka says aside while it is asked: complaints, and the brokers' versions.

use std::sync::{
    atomic::{AtomicBool, AtomicI16, Ordering},
    mpsc::{Receiver, SyncSender, sync_channel},
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::ProducerContext,
};

/// As many complaints as a few seconds without a broker bring; the last one is told.
const COMPLAINTS: usize = 256;

/// No broker has told its versions.
const NOT_TOLD: i16 = -1;

/// librdkafka calls this from the thread that polls the client.
pub(super) struct Observer {
    complaints: SyncSender<String>,
    all_down: AtomicBool,
    produce_version: AtomicI16,
}

impl Observer {
    /// An observer, and where its complaints arrive.
    pub(super) fn new() -> (Observer, Receiver<String>) {
        let (complaints, received) = sync_channel(COMPLAINTS);
        let (all_down, produce_version) = (AtomicBool::new(false), AtomicI16::new(NOT_TOLD));
        (Observer { complaints, all_down, produce_version }, received)
    }

    /// Whether librdkafka said that no broker can be reached.
    pub(super) fn all_down(&self) -> bool {
        self.all_down.load(Ordering::Relaxed)
    }

    /// The highest version of the Produce request that a broker told.
    pub(super) fn produce_version(&self) -> Option<i16> {
        let version = self.produce_version.load(Ordering::Relaxed);
        (version != NOT_TOLD).then_some(version)
    }
}

impl ClientContext for Observer {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        // Not each connection that fails comes to `error`: a port that speaks another protocol just
        // closes it, and that is a line in the log alone.
        if facility == "FAIL" {
            let _ = self.complaints.try_send(message.to_owned());
        }
        if let Some(version) = produce_version(message) {
            self.produce_version.fetch_max(version, Ordering::Relaxed);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.all_down.store(true, Ordering::Relaxed);
            return;
        }
        // When it is full, enough was said.
        let _ = self.complaints.try_send(reason.to_owned());
    }
}

impl ProducerContext for Observer {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// The maximum in a line such as `[thrd:…]: …:  ApiKey Produce (0) Versions 0..13`.
fn produce_version(message: &str) -> Option<i16> {
    let (_, versions) = message.split_once("ApiKey Produce (0) Versions ")?;
    versions.split_once("..")?.1.trim().parse().ok()
}

/// A complaint without the thread that made it, how long it took and how often it came.
pub(super) fn words(complaint: &str) -> &str {
    let thread = complaint.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: "));
    let complaint = thread.map_or(complaint, |(_, rest)| rest);
    complaint.split(" (after ").next().unwrap_or(complaint).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_produce_is_found_in_its_line_alone() {
        let line = "[thrd:a:1/bootstrap]: a:1/bootstrap:   ApiKey Produce (0) Versions 0..13";
        assert_eq!(produce_version(line), Some(13));
        assert_eq!(produce_version("ApiKey Fetch (1) Versions 4..17"), None);
        assert_eq!(produce_version("ApiKey Produce (0) Versions odd"), None);
    }

    #[test]
    fn complaints_lose_thread_and_timing() {
        let said = "a:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused \
                    (after 0ms in state CONNECT, 5 identical error(s) suppressed)";
        let told = "a:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused";
        assert_eq!(words(said), told);
        assert_eq!(words(told), told);
        assert_eq!(words(&format!("[thrd:a:1/bootstrap]: {said}")), told);
    }
}

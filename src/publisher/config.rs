//! The publisher's settings: the window, the stall timeout, the waits after a refusal.

use std::time::Duration;

use crate::{kafka, observe::HttpConfig, outbox, postgres};

/// All that [`run`](super::run) needs: each edge's own settings beside the publisher's.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How to reach PostgreSQL.
    pub postgres: postgres::Config,
    /// The table and the route.
    pub outbox: outbox::Config,
    /// How to reach Kafka.
    pub kafka: kafka::Config,
    /// Where HTTP listens.
    pub http: HttpConfig,
    /// Sessions and waits.
    pub publisher: Config,
}

/// Settings of sessions and of the supervisor.
#[derive(Debug, Clone)]
pub struct Config {
    /// Events between the oldest unacknowledged one and the newest sent, at most.
    pub window: u32,
    /// The same in bytes; soft by one event, so that a large one can always pass.
    pub window_bytes: u64,
    /// When the oldest unacknowledged record is older than this, the session lets go of PostgreSQL.
    pub stall_timeout: Duration,
    /// The first wait after a refusal; doubles each time.
    pub first_wait: Duration,
    /// No wait after a refusal is longer.
    pub longest_wait: Duration,
    /// Leave the process on a fault that needs a person, instead of holding.
    pub exit_on_fault: bool,
}

//! What operators see of a running publisher: metrics, health and logs.
//!
//! ```text
//! session ──numbers──► Metrics ─┐
//! session ──turns────► Health ──┼──► http: /metrics /livez /readyz
//! supervisor ─Readiness► Health ┘
//! everybody ──tracing events──► logging: text or JSON on stderr
//! ```
//!
//! An edge: it knows LSNs and faults and nothing else of ours. Numbers are handed in, so that the
//! pure code below never meets a metric.

mod config;
mod declare;
mod families;
mod health;
pub mod http;
pub mod logging;
mod metrics;
mod patience;

pub use config::{HttpConfig, LogConfig, LogFormat};
pub use health::{Health, Liveness, Readiness};
pub use metrics::{Metrics, Server, SlotSample, SlotState, TopicMetrics};

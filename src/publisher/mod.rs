//! The publisher: one row's way from the WAL to Kafka, and the acknowledgement's way back.
//!
//! ```text
//!  walsender ─CopyData→ ReplicationStream → Engine::receive (decode → map → route) → Producer::offer
//!  walsender ←status── ReplicationStream::send ← Engine::status_update ← Engine::acknowledge ← delivery
//! ```
//!
//! - [`Engine`] is pure: frames and acknowledgements in, records and status updates out.
//! - `session` drives one engine over one connection until it ends. One task owns the socket, the
//!   engine and the producer; nothing is shared, so nothing is locked.
//! - `supervisor` starts sessions, tells transient faults from permanent ones, waits and tries
//!   again.
//! - [`run`] puts them on a thread of their own beside HTTP, signals and the sampler, which looks at
//!   slot and catalog once a second.

mod alarm;
mod attest;
mod backoff;
mod board;
#[cfg(test)]
mod broker_faults;
mod carrier;
#[cfg(test)]
mod carrier_tests;
mod config;
mod ending;
mod engine;
mod engine_error;
#[cfg(test)]
mod engine_frames;
mod gaps;
mod keeper;
mod memory;
mod opening;
mod process;
mod sampler;
#[cfg(test)]
mod seeds;
mod session;
#[cfg(test)]
mod simulation;
mod stopping;
mod supervisor;
mod suspects;

use crate::kafka;

pub use attest::attest;
pub use config::{Config, Settings};
pub use engine::{CatalogTable, Engine, EngineConfig, Received};
pub use engine_error::EngineError;
pub use process::run;

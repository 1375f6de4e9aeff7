//! Simulation: the publisher between a PostgreSQL and a Kafka that are models, from one seed.
//!
//! ```text
//!   Database ─ Walsender ─frames─► Session ─► Carrier ─► Engine      real: Carrier, Engine and all below,
//!      ▲                            │  ▲         │                   Suspects, Memory, Backoff, Gate, Flights
//!      └────── status updates ──────┘  │      Producer ─► Cluster    models: the rest
//!                                    Process                         Truth judges at every step
//! ```
//!
//! - One thread, no clock, no network: the same seed gives the same run. Time is an `Instant` that
//!   is handed in and moved by the dice.
//! - `carrier` is the file beside this folder, compiled once more with the models of Kafka
//!   and of the board as its neighbours. What is simulated is the product's code and no copy of it.
//! - `session` and `process` follow `session.rs` and `supervisor.rs`, which are made of
//!   sockets and timers.
//! - [`Truth`](truth::Truth) knows what was committed, what Kafka has and what it acknowledged. It
//!   sees both sides and is asked at every step.
//! - A [`Mutation`] plants one bug, so that tests can show that the judge is awake.

mod board;
mod brokers;
// What watches the catalog for a session is not in the models, and so not asked for the range.
#[expect(clippy::duplicate_mod, dead_code, reason = "the product's own, beside other neighbours")]
#[path = "../carrier.rs"]
mod carrier;
mod chance;
mod chronicle;
mod cluster;
mod coverage;
mod database;
mod examining;
mod kafka;
#[expect(clippy::duplicate_mod, reason = "the product's own, beside other neighbours")]
#[path = "../keeper.rs"]
mod keeper;
mod lane;
mod mutation;
mod process;
mod promises;
mod scene;
mod session;
mod truth;
mod wait_list;
mod walsender;
mod witness_topic;
mod world;

// What `carrier` finds beside itself in the product.
use super::{ending, engine, suspects};

pub(super) use coverage::Coverage;
pub(super) use mutation::Mutation;
pub(super) use world::{Run, play};

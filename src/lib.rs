//! Postrider carries a service's outbox from PostgreSQL to Kafka.
//!
//! It reads the WAL through a logical replication slot, forwards every outbox INSERT to Kafka and
//! moves the slot forward only after Kafka acknowledged. At least once, in order per key, nothing
//! that was rolled back, no loss window.
//!
//! A folder is a layer; imports go down only:
//!
//! ```text
//! shell      main → cli → config
//! assembly   publisher (session, supervisor) · check · demo
//! edges      postgres · kafka · observe            edges never import each other
//! pure       publisher::engine → outbox, ack → wal no async, clock, log, randomness or I/O
//!            witness → wal
//! ```
//!
//! `fault` is a leaf that every layer may use. To read the program, follow one row: [`wal`],
//! [`outbox`], [`ack`], then [`publisher`].

#[macro_use]
mod failpoint;

pub mod ack;
pub mod check;
pub mod cli;
pub mod config;
pub mod demo;
pub mod fault;
pub mod kafka;
pub mod observe;
pub mod outbox;
pub mod postgres;
pub mod publisher;
pub mod wal;
pub mod witness;

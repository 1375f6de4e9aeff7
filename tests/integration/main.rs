//! Tests of the built binary against a real PostgreSQL and a real Apache Kafka.
//!
//! Each test has a database, a slot and topics of its own on two servers that the run starts and
//! removes. `make servers` brings what they need.

#![allow(unreachable_pub, reason = "a test binary has no outside")]
#![allow(clippy::unwrap_used, reason = "all of it is test code, also outside #[test]")]

mod alters;
mod check_kafka;
mod check_postgres;
mod check_secure;
mod check_slot;
mod check_table;
mod columns;
mod crash;
mod delivery;
mod demo;
mod facts;
mod gaps;
mod hardships;
#[allow(dead_code, unused_imports, reason = "the proof stands on it, too, and uses the rest")]
mod harness;
mod leaves;
mod lifecycle;
mod network;
mod origin;
mod outage;
mod partitions;
mod refusal;
mod refusals;
mod renames;
mod secrets;
mod secure;
mod servers;
mod settings;
mod startup;
mod surroundings;
mod tls;
mod tls_refused;
mod tls_rotated;
mod topics_change;
mod transactions;
mod two_phase;
mod walsender;
mod walsender_cuts;
mod walsender_refused;
mod walsender_without_kafka;
mod watch;
mod writes;

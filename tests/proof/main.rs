//! The proof: the program under fire, on real servers, with a checker that sees every record.
//!
//! `make test` runs a short slice of each kind; `make proof` runs long ones. See CONTRIBUTING.md.

#![allow(unreachable_pub, reason = "a test binary has no outside")]
#![allow(clippy::unwrap_used, reason = "all of it is test code, also outside #[test]")]

mod chart;
mod event;
mod failpoints;
mod faults;
mod field;
#[path = "../integration/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests use the rest of it")]
mod harness;
mod intent;
mod judge;
mod judge_tests;
mod ledger;
mod points;
mod random;
mod report;
mod slices;
mod sweep;
mod traffic;
mod watch;

//! What the benchmark shares with the tests: servers, children, SQL and HTTP.

#![allow(dead_code, reason = "the tests use more of it")]
#![allow(clippy::unwrap_used, reason = "all of it is test code")]

#[path = "../../tests/integration/harness/postgres.rs"]
pub mod postgres;
#[path = "../../tests/integration/harness/process.rs"]
pub mod process;
#[path = "../../tests/integration/harness/publisher.rs"]
pub mod publisher;
#[path = "../../tests/integration/harness/sql.rs"]
pub mod sql;

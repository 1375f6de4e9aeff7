//! Broker faults: what our engine and librdkafka make of every error and every broken connection.
//!
//! A [`stage`] carries a small outbox to a broker as the supervisor does, session after session, and
//! checks that nothing is lost, nothing out of order, and nothing confirmed that Kafka does not have.
//! The broker is a [`fake`] of our own, which judges sequences as Kafka does and loses answers on
//! demand, or librdkafka's mock cluster ([`mock`]), which moves leaders and has distances.
//! [`list`] says what each error leads to; the tests hold us to it, and the manual is made from it.

mod cluster_tests;
mod codes_tests;
mod connection_tests;
mod fake;
mod list;
mod log;
mod metadata_tests;
mod mock;
mod page_tests;
mod scenario;
mod stage;
mod wire;

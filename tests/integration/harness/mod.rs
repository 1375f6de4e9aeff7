//! What the cases stand on: real servers, the built binary, and a checker that reads all back.

mod certificates;
mod checker;
#[cfg(test)]
mod checker_tests;
pub mod frames;
mod imposter;
mod kafka;
mod line;
mod load;
mod murmur2;
pub mod play;
mod postgres;
mod preflight;
mod process;
mod proxy;
mod publisher;
mod said;
mod sampler;
mod secure_kafka;
mod secured;
mod servers;
mod sql;
mod stage;
mod topics;
mod walsender;

pub use certificates::{Authority, Identity};
pub use checker::Row;
pub use imposter::{Imposter, Says};
pub use kafka::Kafka;
pub use line::Line;
pub use load::Load;
pub use murmur2::partition;
pub use postgres::{Copy, PASSWORD, Postgres, ROLE, Stop};
pub use preflight::preflight;
pub use process::{Process, directory, eventually, free_port};
pub use proxy::Proxy;
pub use publisher::{PATIENCE, Publisher};
pub use said::said;
pub use sampler::Sampler;
pub use secure_kafka::{PLAIN, SecureKafka};
pub use secured::Secured;
pub use servers::{Turn, kafka, postgres, secure_kafka, secured};
pub use sql::{Sql, lsn};
pub use stage::{Stage, TABLE, toml_text};
pub use topics::{Record, Topics};
pub use walsender::{Judge, Role, Walsender};

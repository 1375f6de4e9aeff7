//! `postrider run`: publishes until told to stop.

use crate::{config::Config, fault::Fault, observe::logging, publisher};

/// Runs the publisher with `config`.
pub(super) fn run(config: Config, exit_on_fault: bool) -> Result<(), Fault> {
    logging::install(&config.log)?;
    publisher::run(&publishers(config, exit_on_fault))
}

/// The settings of a publisher.
pub(super) fn publishers(config: Config, exit_on_fault: bool) -> publisher::Settings {
    publisher::Settings {
        postgres: config.postgres,
        outbox: config.outbox,
        kafka: config.kafka,
        http: config.http,
        publisher: publisher::Config { exit_on_fault, ..config.publisher },
    }
}

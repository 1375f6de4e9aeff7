//! `postrider demo`: the whole story on this machine.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::Answer;
use crate::{
    demo::{self, Ending},
    fault::Fault,
};

/// What may be chosen.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Use this Kafka instead of an embedded one; a topic of its own is made and removed
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// How long the shop is open
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(5..=120))]
    seconds: u64,
    /// The folder of PostgreSQL's server programs [else where packages put them, else PATH]
    #[arg(long, value_name = "FOLDER")]
    postgres_bin: Option<PathBuf>,
}

/// Tells the story; the answer is no when a count is wrong.
pub(super) fn run(options: Options) -> Result<Answer, Fault> {
    let config = demo::Config {
        kafka: options.kafka,
        postgres_bin: options.postgres_bin,
        open: Duration::from_secs(options.seconds),
    };
    match demo::run(&config).map_err(|error| error.fault())? {
        Ending::Good => Ok(Answer::Yes),
        Ending::Bad => Ok(Answer::No),
        Ending::Interrupted => Ok(Answer::Interrupted),
    }
}

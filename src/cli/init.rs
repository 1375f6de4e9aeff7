//! `postrider init`: creates what is missing, or prints the SQL that would.

use std::io::{self, Write};

use super::run::publishers;
use crate::{
    config::Config,
    fault::{Fault, FaultKind},
    postgres::{
        SqlClient,
        setup::{Outcome, Wishes, script, setup},
    },
    publisher::attest,
};

/// Creates table (if asked), publication, slot and witness topic, with a line on stdout for each;
/// with `print`, connects nowhere and prints the SQL instead.
///
/// # Errors
///
/// The fault of the first object that a person must mend; what was printed before it is done.
pub(super) fn run(config: Config, print: bool, wishes: Wishes) -> Result<(), Fault> {
    let table = (config.outbox.table.schema.as_str(), config.outbox.table.name.as_str());
    if print {
        say(&script(&config.postgres, table, wishes.create_table));
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let sentence = format!("no runtime could be started: {error}");
        Fault::new(FaultKind::Settings, sentence, "raise the limit of open files (ulimit -n)")
    })?;
    // PostgreSQL first: once the slot is there nothing more is lost, whatever Kafka says.
    let done = runtime.block_on(async {
        let mut client = SqlClient::connect(&config.postgres).await?;
        let mut report = |outcome: &Outcome| say(&format!("{outcome}\n"));
        setup(&mut client, table, wishes, &mut report).await
    });
    done.map_err(|error| error.fault())?;
    let mut report = |line: &str| say(&format!("{line}\n"));
    attest(&publishers(config, false), wishes.accept_gap, &runtime, &mut report)
}

/// A reader that has gone away does not stop the work.
fn say(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

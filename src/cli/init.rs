//! `postrider init`: creates what is missing in PostgreSQL, or prints the SQL that would.

use std::io::{self, Write};

use crate::{
    config::Config,
    fault::{Fault, FaultKind},
    postgres::{
        SqlClient,
        setup::{Outcome, script, setup},
    },
};

/// Creates table (if asked), publication and slot, with a line on stdout for each; with `print`,
/// connects nowhere and prints the SQL instead.
///
/// # Errors
///
/// The fault of the first object that a person must mend; what was printed before it is done.
pub(super) fn run(config: &Config, print: bool, create_table: bool) -> Result<(), Fault> {
    let table = (config.outbox.table.schema.as_str(), config.outbox.table.name.as_str());
    if print {
        say(&script(&config.postgres, table, create_table));
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let sentence = format!("no runtime could be started: {error}");
        Fault::new(FaultKind::Settings, sentence, "raise the limit of open files (ulimit -n)")
    })?;
    runtime
        .block_on(async {
            let mut client = SqlClient::connect(&config.postgres).await?;
            let mut report = |outcome: &Outcome| say(&format!("{outcome}\n"));
            setup(&mut client, table, create_table, &mut report).await
        })
        .map_err(|error| error.fault())
}

/// A reader that has gone away does not stop the work.
fn say(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

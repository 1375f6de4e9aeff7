//! `postrider check`: the preflight, printed for people or for programs.

mod json;
mod text;

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Answer, say};
use crate::{
    check::{Subject, examine},
    config::Config,
    fault::{Fault, FaultKind},
};

/// Lines longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 100;

/// Narrower than this, words would stand one below the other.
const NARROWEST: usize = 40;

/// Examines, prints, and returns the exit code that the report comes to.
///
/// # Errors
///
/// The report cannot be written.
pub(super) fn run(config: &Config, topics: &[String], json: bool) -> Result<Answer, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let sentence = format!("no runtime could be started: {error}");
        Fault::new(FaultKind::Settings, sentence, "raise the limit of open files (ulimit -n)")
    })?;
    let spinner = spinner();
    let subject = Subject {
        postgres: &config.postgres,
        outbox: &config.outbox,
        kafka: &config.kafka,
        topics,
    };
    let report =
        runtime.block_on(examine(subject, &|asking| spinner.set_message(asking.to_owned())));
    spinner.finish_and_clear();
    // A thread that still waits for Kafka must not keep the report waiting.
    runtime.shutdown_background();
    say(&match json {
        true => json::render(&report),
        false => text::render(&report, style()),
    })?;
    Ok(match report.exit_code() {
        0 => Answer::Yes,
        1 => Answer::No,
        code => Answer::Unseen(code),
    })
}

/// On a terminal alone, and gone before the report is there.
fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {msg} …");
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.set_message("asking");
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Colour and width as the terminal and its user want them; neither for files and pipes.
fn style() -> text::Style {
    if !io::stdout().is_terminal() {
        return text::Style { colour: false, width: None };
    }
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let dumb = given("TERM").is_none_or(|term| term == "dumb");
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    text::Style {
        colour: given("NO_COLOR").is_none() && !dumb,
        width: Some(width.unwrap_or(80).clamp(NARROWEST, WIDEST)),
    }
}

//! The commands: arguments in, one exit code out, and for each failure one sentence with a hint.

mod check;
mod demo;
mod examples;
mod init;
mod manual;
mod panics;
mod run;
mod settings;
mod usage;

pub use panics::report_panics;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::{
    config::Settings,
    fault::{Fault, FaultKind},
    postgres::setup::Wishes,
};

/// Carries a PostgreSQL outbox to Kafka: at least once, in order per key, nothing lost.
#[derive(Debug, Parser)]
#[command(name = "postrider", version = env!("POSTRIDER_VERSION"), about, after_help = examples::TOP)]
#[command(after_long_help = examples::MANUAL)]
struct Cli {
    /// The settings file [else POSTRIDER_CONFIG, else ./postrider.toml]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish until told to stop; SIGTERM drains what is in flight, confirms and leaves
    #[command(after_help = examples::RUN)]
    Run {
        /// Leave on a fault that needs a person, instead of holding
        #[arg(long)]
        exit_on_fault: bool,
    },
    /// Create what is missing in PostgreSQL, and the witness topic in Kafka; safe to repeat
    #[command(after_help = examples::INIT)]
    Init {
        /// Print the SQL instead of running it
        #[arg(long)]
        print: bool,
        /// Create the outbox table too
        #[arg(long)]
        create_table: bool,
        /// Go on though events may be missing: take slot, publication and table as they are now
        #[arg(long, conflicts_with = "print")]
        accept_gap: bool,
    },
    /// Look at PostgreSQL, table, slot, rights, Kafka and topics; exit code 1 when something is wrong
    #[command(after_help = examples::CHECK)]
    Check {
        /// A topic to examine, instead of those that the rows now in the table go to; repeatable
        #[arg(long, value_name = "NAME")]
        topic: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the effective settings and where each came from; secrets are hidden
    #[command(after_help = examples::SETTINGS)]
    Settings {
        /// Print a commented settings file instead
        #[arg(long, conflicts_with = "json")]
        example: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// See the whole story on this machine: a shop, a kill -9 or five, and each order granted once
    #[command(after_help = examples::DEMO)]
    Demo(demo::Options),
    /// Print the completion script of a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one for each command
    #[command(after_help = examples::MAN)]
    Man {
        /// The folder to write them to
        folder: Option<PathBuf>,
    },
}

/// What a command that ran has to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Done, or all is well.
    Yes,
    /// It found what should not be.
    No,
    /// It could not look, and has said why; the exit code of what kept it from looking.
    Unseen(u8),
    /// A person ended it: 128 and the signal's number, as shells have it.
    Interrupted,
}

impl Answer {
    fn exit_code(self) -> u8 {
        match self {
            Answer::Yes => 0,
            Answer::No => 1,
            Answer::Unseen(code) => code,
            Answer::Interrupted => 130,
        }
    }
}

/// Runs the command that `args` name, the program's own name first, and returns its exit code.
///
/// A failure is told on stderr in one sentence, with a hint what to do. Usage errors exit with 2.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(usage) => {
            match usage::refusal(&usage) {
                Some((sentence, hint)) => tell(&sentence, &hint),
                // A closed stderr or stdout leaves nobody to tell.
                None => drop(usage.print()),
            }
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    match cli.run() {
        Ok(answer) => ExitCode::from(answer.exit_code()),
        Err(fault) => {
            tell(&fault.sentence, &fault.hint);
            ExitCode::from(fault.kind.exit_code())
        }
    }
}

impl Cli {
    fn run(self) -> Result<Answer, Fault> {
        let config = || Settings::load(self.config.as_deref())?.config();
        match self.command {
            Command::Run { exit_on_fault } => run::run(config()?, exit_on_fault)?,
            Command::Init { print, create_table, accept_gap } => {
                init::run(config()?, print, Wishes { create_table, accept_gap })?;
            }
            Command::Check { topic, json } => return check::run(&config()?, &topic, json),
            Command::Settings { example: true, .. } => settings::example()?,
            Command::Settings { json, .. } => settings::run(self.config.as_deref(), json)?,
            Command::Demo(options) => return demo::run(options),
            Command::Completions { shell } => manual::completions(shell)?,
            Command::Man { folder } => manual::man(folder.as_deref())?,
        }
        Ok(Answer::Yes)
    }
}

/// Two lines, written at once so that nothing of another thread gets in between.
fn tell(sentence: &str, hint: &str) {
    let text = format!("postrider: {sentence}\nhint: {hint}\n");
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes what a command has to say to stdout.
fn say(text: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader such as `head` has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(Fault::new(
            FaultKind::Settings,
            format!("the output cannot be written: {e}"),
            "check where stdout leads to and whether there is room",
        )),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_declared_without_contradiction_and_each_has_an_example() {
        Cli::command().debug_assert();
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("postrider "), "{} has no example", command.get_name());
        }
    }
}

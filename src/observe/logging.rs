//! Logging: tracing events to stderr, as text for people or JSON for programs.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, registry};

use super::{LogConfig, LogFormat};
use crate::fault::{Fault, FaultKind};

/// Our own events; a bare level speaks of these.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// What librdkafka says passes through code of ours, which has chosen the levels already.
const KAFKA: &str = "librdkafka";

/// Libraries say what a person can act on from here up; below, it is their own diary.
const OTHERS: LevelFilter = LevelFilter::WARN;

/// Sends the process's log events to stderr from here on. Once per process.
///
/// A bare level is ours, and libraries speak at `warn` at most; `target=level` sets one target.
///
/// # Errors
///
/// A settings fault for a level that is none; a bug when logging is installed already.
pub fn install(config: &LogConfig) -> Result<(), Fault> {
    let targets = targets(&config.level)?;
    let subscriber = registry().with(match config.format {
        LogFormat::Text => text(io::stderr, has_colour()).with_filter(targets).boxed(),
        LogFormat::Json => json(io::stderr).with_filter(targets).boxed(),
    });
    tracing::subscriber::set_global_default(subscriber).map_err(|_| {
        Fault::new(
            FaultKind::Bug,
            "logging was installed twice",
            "report this with the command line that led to it",
        )
    })
}

/// What `[log] level` lets through.
fn targets(level: &str) -> Result<Targets, Fault> {
    let mut targets = Targets::new().with_target(OURS, LevelFilter::INFO).with_default(OTHERS);
    for part in level.split(',').map(str::trim) {
        targets = match part.split_once('=') {
            Some((target, level)) if !target.trim().is_empty() => {
                targets.with_target(target.trim(), parse(level)?)
            }
            Some(_) => return Err(not_a_level(part)),
            None => {
                let level = parse(part)?;
                let ours = targets.with_target(OURS, level).with_target(KAFKA, level);
                ours.with_default(level.min(OTHERS))
            }
        };
    }
    Ok(targets)
}

fn parse(level: &str) -> Result<LevelFilter, Fault> {
    match level.trim().to_ascii_lowercase().as_str() {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(not_a_level(level)),
    }
}

fn not_a_level(text: &str) -> Fault {
    Fault::new(
        FaultKind::Settings,
        format!("[log] level has {text:?}, which is not a level"),
        "use off, error, warn, info, debug or trace; target=level for one target, comma separated",
    )
}

fn has_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !refused
}

fn text<S, W>(writer: W, colour: bool) -> impl Layer<S> + Send + Sync
where
    S: tracing::Subscriber + for<'a> registry::LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().with_writer(writer).with_ansi(colour)
}

fn json<S, W>(writer: W) -> impl Layer<S> + Send + Sync
where
    S: tracing::Subscriber + for<'a> registry::LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().json().flatten_event(true).with_writer(writer)
}

#[cfg(test)]
#[path = "logging_tests.rs"]
mod tests;

//! `postrider settings`: what is in force, and where it came from.

use std::path::Path;

use super::say;
use crate::{
    config::{self, Settings},
    fault::Fault,
};

/// Prints the effective settings. Wrong ones fail here just as they would in `run`.
pub(super) fn run(file: Option<&Path>, json: bool) -> Result<(), Fault> {
    let settings = Settings::load(file)?;
    settings.config()?;
    say(&if json { settings.to_json() } else { settings.to_text() })
}

/// Prints the commented file.
pub(super) fn example() -> Result<(), Fault> {
    say(&config::example())
}

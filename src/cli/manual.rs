//! `postrider completions` and `postrider man`: made from the declaration of the commands.

use std::{fs, io, path::Path};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Cli, say};
use crate::fault::{Fault, FaultKind};

/// Prints a shell's completion script.
pub(super) fn completions(shell: Shell) -> Result<(), Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "postrider", &mut script);
    say(&String::from_utf8_lossy(&script))
}

/// Prints the page about the whole program, or writes one for it and each command to `folder`.
pub(super) fn man(folder: Option<&Path>) -> Result<(), Fault> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        let rendered = Man::new(Cli::command()).render(&mut page);
        rendered.map_err(|error| unwritten(Path::new("-"), &error))?;
        return say(&String::from_utf8_lossy(&page));
    };
    let written =
        fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|error| unwritten(folder, &error))
}

fn unwritten(folder: &Path, error: &io::Error) -> Fault {
    Fault::new(
        FaultKind::Settings,
        format!("the man page in {} cannot be written: {error}", folder.display()),
        "name a folder that we may write to",
    )
}

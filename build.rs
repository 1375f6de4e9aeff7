//! Tells the program which commit it is built from, for `postrider --version`.

use std::{path::Path, process::Command};

/// Names the commit where there is no git repository: a source archive, an image's build.
const VARIABLE: &str = "POSTRIDER_COMMIT";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let named = std::env::var(VARIABLE).ok().filter(|commit| !commit.is_empty());
    let commit = named.or_else(|| git(&["rev-parse", "--short=10", "HEAD"]));
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let whole = commit.map_or(version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=POSTRIDER_VERSION={whole}");
    // Grows with each commit and each checkout. A path that is not there would mean "always".
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && Path::new(&log).exists()
    {
        println!("cargo::rerun-if-changed={log}");
    }
}

/// What git says; `None` without git, or outside of a repository of ours.
fn git(arguments: &[&str]) -> Option<String> {
    // A vendored copy inside another project's repository must not take that one's commit.
    if !Path::new(".git").exists() {
        return None;
    }
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
}

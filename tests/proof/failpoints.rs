//! The program with failpoints: built where it is needed, started so that it stops at a place.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::harness::{Publisher, Stage, directory};

#[path = "../failpoints/names.rs"]
mod names;

pub(crate) use names::FAILPOINTS;

/// The program with failpoints, of the same profile as the shipped one. It is built apart from it:
/// no other test and nobody who installs ever meets it.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let shipped = Path::new(env!("CARGO_BIN_EXE_postrider"));
        let folder = shipped.parent().expect("a program lies in a folder");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--locked", "--quiet", "--example", "failpoints"]);
        cargo.args(["--features", "failpoints", "--target-dir"]);
        cargo.arg(folder.parent().expect("a profile lies in the target folder"));
        let profile = folder.file_name().and_then(|name| name.to_str()).expect("a name");
        cargo.args(["--profile", if profile == "debug" { "dev" } else { profile }]);
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        // What cargo tells a test of its package would make it build others anew.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "OUT_DIR"];
            if of_package.iter().any(|prefix| text.starts_with(prefix)) {
                cargo.env_remove(&name);
            }
        }
        let built = cargo.output().expect("cargo starts");
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "the program with failpoints is not built:\n{said}");
        folder.join("examples/failpoints")
    })
}

/// A publisher that stands still when it reaches a failpoint for the n-th time.
pub struct Pointed {
    pub publisher: Publisher,
    reached: PathBuf,
}

impl Pointed {
    /// Starts it on this stage.
    pub fn start(stage: &Stage<'_>, failpoint: &str, count: u64) -> Pointed {
        let reached = directory("failpoint").join("reached");
        let shipped = stage.use_program(program().to_owned());
        let variables = [
            ("FAILPOINT", format!("{failpoint}:{count}")),
            ("FAILPOINT_REACHED", reached.display().to_string()),
        ];
        let publisher = stage.start_with(&variables);
        stage.use_program(shipped);
        Pointed { publisher, reached }
    }

    /// Whether it stands there.
    pub fn is_reached(&self) -> bool {
        self.reached.exists()
    }
}

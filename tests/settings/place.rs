//! A directory in which the built binary runs, and how it must refuse.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// No refusal takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const URL: &str = "url = \"postgres://shop@db/shop\"";
pub(crate) const BROKERS: &str = "brokers = \"localhost:9092\"";

/// A directory of its own for one test, in which postrider runs with an empty environment.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("postrider-settings-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a fresh directory");
        Place(path)
    }

    pub(crate) fn with(file: &str) -> Place {
        let place = Place::new();
        place.write("postrider.toml", file);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), text).expect("a file in a directory of ours");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let file = self.0.join(name);
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// What a command says that has to end by itself: one that tries on is ended by SIGKILL.
    pub(crate) fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_postrider"))
            .args(args)
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .stdout(self.create("stdout"))
            .stderr(self.create("stderr"))
            .spawn()
            .expect("the binary runs");
        let limit = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child of ours") {
                break status;
            }
            if Instant::now() > limit {
                child.kill().expect("a child of ours");
            }
            thread::sleep(Duration::from_millis(2));
        };
        let read = |name| fs::read(self.0.join(name)).expect("a file that was just made");
        Output { status, stdout: read("stdout"), stderr: read("stderr") }
    }

    fn create(&self, name: &str) -> fs::File {
        fs::File::create(self.0.join(name)).expect("a file in a directory of ours")
    }

    /// Stdout of a command that must succeed.
    pub(crate) fn out(&self, args: &[&str], variables: &[(&str, &str)]) -> String {
        let output = self.run(args, variables);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Exit code 78, nothing on stdout, one sentence, one hint that contains `hint`.
#[track_caller]
pub(crate) fn refuses(output: &Output, sentence: &str, hint: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(output.stdout.is_empty());
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert_eq!(lines[0], format!("postrider: {sentence}"));
    assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{told}");
}

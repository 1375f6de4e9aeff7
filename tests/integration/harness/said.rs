//! Commands that end: what they said, and whether a refusal is told as promised.

use std::{fs, process::Command, time::Duration};

use super::{
    postgres::PASSWORD,
    process::{self, Process},
};

/// What a command that ended said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Fails unless it ended with `code` and one sentence with all of `parts`, and a hint.
    #[track_caller]
    pub fn refuses(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        let lines: Vec<&str> = self.err.lines().collect();
        let hint = lines.iter().position(|line| line.trim_start().starts_with("hint: "));
        let hint = hint.unwrap_or_else(|| panic!("no hint: {self:?}"));
        assert!(hint >= 1 && lines.len() == hint + 1, "a sentence and its hint last: {self:?}");
        for part in parts {
            assert!(lines[hint - 1].contains(part), "{part:?} is not in the sentence: {self:?}");
        }
        for never in ["panicked", "stack backtrace", PASSWORD] {
            assert!(!self.err.contains(never), "{never:?} must not be told: {self:?}");
        }
    }
}

/// Runs a command that must end by itself within 30 s.
#[track_caller]
pub fn said(mut command: Command) -> Said {
    let directory = process::directory("said");
    let (out, err) = (directory.join("out"), directory.join("err"));
    let mut process = Process::spawn(&mut command, &out, &err);
    let status = process.wait(Duration::from_secs(30));
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (out, err) = (read(out), read(err));
    let status = status.unwrap_or_else(|| panic!("{command:?} does not end:\n{out}{err}"));
    let code = status.code().unwrap_or_else(|| panic!("{command:?}: {status}\n{err}"));
    Said { code, out, err }
}

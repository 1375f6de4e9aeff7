//! A bug of ours ends the process at once, in one sentence. The slot keeps the place.

use std::{
    io::{self, Write as _},
    panic::{self, PanicHookInfo},
};

use crate::fault::FaultKind;

/// Makes a panic in any thread tell one sentence and end the process with exit code 70.
///
/// Leaving at once is safe, and going on with one thread gone is not: nothing is confirmed to
/// PostgreSQL that Kafka has not acknowledged, so the next start sends again what was in flight.
pub fn report_panics() {
    panic::set_hook(Box::new(|info| {
        let _ = io::stderr().write_all(told(info).as_bytes());
        std::process::exit(FaultKind::Bug.exit_code().into());
    }));
}

fn told(info: &PanicHookInfo<'_>) -> String {
    // A panic carries a literal, or a text that was put together, or (by no code of ours) neither.
    let payload = info.payload();
    let literal = payload.downcast_ref::<&str>().copied();
    let message = literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("a panic without words");
    // An assertion's message has several lines; a failure is told in one.
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let place =
        info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    format!(
        "postrider: a bug: {message}{place}\n\
         hint: please report it with these lines; the slot keeps the place, so starting again \
         loses nothing\n"
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    const CHILD: &str = "PANICS_TEST_CHILD";

    // The process has to die, so the test runs itself as a child and plays both parts.
    #[test]
    fn a_panic_in_any_thread_tells_one_sentence_and_exits_70() {
        if std::env::var_os(CHILD).is_some() {
            super::report_panics();
            let _ = std::thread::spawn(|| panic!("the sky\n  is falling")).join();
            unreachable!("the thread's panic must end the process");
        }
        let name = "cli::panics::tests::a_panic_in_any_thread_tells_one_sentence_and_exits_70";
        let program = std::env::current_exe().expect("the test's own binary");
        let child = Command::new(program)
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .env("RUST_BACKTRACE", "1")
            .output()
            .expect("the child starts");
        let told = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(70), "{told}");
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert!(lines[0].starts_with("postrider: a bug: the sky is falling at src/cli/panics.rs:"));
        assert!(lines[1].starts_with("hint: please report it"));
    }
}

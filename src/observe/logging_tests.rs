//! Tests of logging: what levels let through, and the shape of the lines.

use std::sync::mpsc;

use tracing::Level;

use super::*;

fn lets_through(level: &str, target: &str, at: Level) -> bool {
    targets(level).unwrap().would_enable(target, &at)
}

#[test]
fn a_bare_level_is_ours_and_libraries_stay_at_warn() {
    assert!(lets_through("debug", "postrider::publisher", Level::DEBUG));
    assert!(!lets_through("debug", "postrider::publisher", Level::TRACE));
    assert!(!lets_through("debug", "hyper", Level::INFO));
    assert!(lets_through("debug", "hyper", Level::WARN));
    assert!(!lets_through("error", "hyper", Level::WARN));
    assert!(!lets_through("off", "postrider", Level::ERROR));
}

#[test]
fn librdkafka_speaks_at_our_level() {
    assert!(lets_through("trace", "librdkafka", Level::TRACE));
    assert!(lets_through("debug", "librdkafka", Level::DEBUG));
    assert!(!lets_through("info", "librdkafka", Level::DEBUG));
}

#[test]
fn a_target_has_its_own_level_and_the_rest_keeps_the_default() {
    let level = "librdkafka=debug, postrider::kafka = trace";
    assert!(lets_through(level, "librdkafka", Level::DEBUG));
    assert!(lets_through(level, "postrider::kafka", Level::TRACE));
    assert!(lets_through(level, "postrider", Level::INFO));
    assert!(!lets_through(level, "postrider", Level::DEBUG));
    assert!(!lets_through(level, "hyper", Level::INFO));
}

#[test]
fn what_is_no_level_is_a_settings_fault_that_names_it() {
    for (level, named) in [("loud", "loud"), ("", ""), ("info,=debug", "=debug"), ("x=3", "3")] {
        let fault = targets(level).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Settings);
        assert!(fault.sentence.contains(&format!("{named:?}")), "{}", fault.sentence);
        assert!(fault.hint.contains("debug"));
    }
}

/// Where a test's log lines go.
#[derive(Clone)]
struct Lines(mpsc::Sender<Vec<u8>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_json_line_is_one_object_with_the_fields_at_the_top() {
    let (to, from) = mpsc::channel();
    let lines = Lines(to);
    let subscriber = registry().with(json(move || lines.clone()));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(target: "postrider", slot = "s1", "streaming\nnow");
    });
    let line = String::from_utf8(from.try_iter().flatten().collect()).unwrap();
    assert_eq!(line.trim_end().lines().count(), 1);
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(object["level"], "INFO");
    assert_eq!(object["message"], "streaming\nnow");
    assert_eq!(object["slot"], "s1");
    assert_eq!(object["target"], "postrider");
    assert!(object["timestamp"].is_string());
}

#[test]
fn a_text_line_has_no_colour_codes_unless_asked_for() {
    for colour in [false, true] {
        let (to, from) = mpsc::channel();
        let lines = Lines(to);
        let subscriber = registry().with(text(move || lines.clone(), colour));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(slot = "s1", "the slot is held by another process");
        });
        let line = String::from_utf8(from.try_iter().flatten().collect()).unwrap();
        assert!(line.contains("the slot is held by another process"));
        assert_eq!(line.contains('\u{1b}'), colour);
    }
}

//! Arrows: which layer may import which, and that no modules import each other in circles.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Finding,
    imports::{imports, module_of},
    source::Source,
};

/// Layer and what it may import besides itself. Design, section 3; a new arrow is a decision.
const ARROWS: [(&str, &[&str]); 15] = [
    ("failpoint", &[]),
    ("fault", &[]),
    ("wal", &[]),
    ("outbox", &["wal", "fault"]),
    ("ack", &["wal", "fault"]),
    ("witness", &["wal", "fault"]),
    ("postgres", &["wal", "ack", "outbox", "witness", "fault"]),
    ("kafka", &["outbox", "ack", "fault"]),
    ("observe", &["wal", "fault"]),
    ("publisher", &["postgres", "kafka", "observe", "witness", "outbox", "ack", "wal", "fault"]),
    ("check", &["postgres", "kafka", "outbox", "wal", "fault"]),
    ("config", &["publisher", "postgres", "kafka", "observe", "outbox", "fault"]),
    // It runs the built binary as anybody does and knows nothing of its inside.
    ("demo", &["fault"]),
    (
        "cli",
        &[
            "config",
            "check",
            "demo",
            "publisher",
            "postgres",
            "kafka",
            "observe",
            "outbox",
            "ack",
            "wal",
            "fault",
        ],
    ),
    ("main", &["cli", "fault"]),
];

/// The engine is pure: below it are the pure layers, beside it only settings and simulation.
const ENGINE: &[&str] = &["outbox", "ack", "wal", "fault"];
const BESIDE_ENGINE: &[&str] = &["engine", "config", "simulation"];

/// The simulation drives more of the product: of Kafka's edge what knows no librdkafka, and beside
/// the engine what a session and its supervisor decide by.
const SIMULATION: &[&str] = &["kafka", "witness", "outbox", "ack", "wal", "fault"];
const BESIDE_SIMULATION: &[&str] =
    &["engine", "config", "simulation", "backoff", "ending", "memory", "suspects"];

/// Imports that the table does not allow, and layers that it does not know.
pub(crate) fn arrows(source: &Source) -> Vec<Finding> {
    let module = module_of(&source.path);
    let (true, Some(layer)) = (source.path.starts_with("src/"), module.first()) else {
        return Vec::new();
    };
    let Some((_, below)) = ARROWS.iter().find(|(name, _)| name == layer) else {
        let sentence = format!("layer {layer} has no place in the table of arrows");
        return vec![Finding::new(&source.path, 1, sentence)];
    };
    let beside =
        |of: fn(&str) -> bool| layer == "publisher" && module.get(1).is_some_and(|m| of(m));
    let simulation = beside(|name| name == "simulation");
    let engine = simulation || beside(|name| name.starts_with("engine"));
    let (below, beside_engine) = match (engine, simulation) {
        (false, _) => (*below, BESIDE_ENGINE),
        (true, false) => (ENGINE, BESIDE_ENGINE),
        (true, true) => (SIMULATION, BESIDE_SIMULATION),
    };
    let mut findings = Vec::new();
    for import in imports(source, &source.code) {
        let mut parts = import.path.split("::").skip(1);
        let Some(to) = import.path.starts_with("crate::").then(|| parts.next()).flatten() else {
            continue;
        };
        let known = ARROWS.iter().any(|(name, _)| *name == to);
        if known && to != layer && !below.contains(&to) {
            let from = speaker(layer, engine, simulation);
            findings.push(Finding::new(
                &source.path,
                import.line,
                format!("{from} may not import {to} ({})", import.path),
            ));
        }
        let beside = parts.next().unwrap_or_default();
        let is_module = beside.starts_with(|c: char| c.is_ascii_lowercase());
        if engine && to == "publisher" && is_module {
            let allowed = beside_engine.iter().any(|name| beside.starts_with(name));
            if !allowed {
                let from = speaker(layer, engine, simulation);
                let sentence = format!("{from} may not import publisher::{beside}");
                findings.push(Finding::new(&source.path, import.line, sentence));
            }
        }
    }
    findings
}

/// Who a finding is about.
fn speaker(layer: &str, engine: bool, simulation: bool) -> &str {
    match (engine, simulation) {
        (_, true) => "the simulation",
        (true, false) => "the engine",
        (false, false) => layer,
    }
}

/// Circles among files of the program. A file and its front page (`mod.rs`) may know each other.
pub(crate) fn cycles(sources: &[Source]) -> Vec<Finding> {
    let program = || sources.iter().filter(|s| s.path.starts_with("src/") && !s.is_test());
    let modules: BTreeMap<String, &str> =
        program().map(|s| (module_of(&s.path).join("::"), s.path.as_str())).collect();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in program() {
        let from = module_of(&source.path).join("::");
        let code = source.code_without_tests();
        let to = imports(source, &code).into_iter().filter_map(|import| {
            let path = import.path.strip_prefix("crate::")?.to_owned();
            let parts: Vec<&str> = path.split("::").collect();
            (1..=parts.len()).rev().map(|n| parts[..n].join("::")).find(|m| modules.contains_key(m))
        });
        let related = |to: &String| {
            *to == from
                || from.starts_with(&format!("{to}::"))
                || to.starts_with(&format!("{from}::"))
        };
        edges.insert(from.clone(), to.filter(|to| !related(to)).collect());
    }
    let circle = |start: &String| -> Option<Vec<String>> {
        let mut ways = vec![vec![start.clone()]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            for next in edges.get(way.last()?).into_iter().flatten() {
                let longer: Vec<String> = way.iter().chain([next]).cloned().collect();
                if next == start {
                    return Some(longer);
                }
                if seen.insert(next.clone()) {
                    ways.push(longer);
                }
            }
        }
        None
    };
    let circles = modules.keys().filter_map(|start| Some((modules[start], circle(start)?)));
    circles
        .map(|(path, way)| Finding::new(path, 1, format!("a circle: {}", way.join(" → "))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_refused(path: &str, text: &str, sentence: &str) {
        let findings = arrows(&Source::new(path, text));
        let sentences: Vec<&str> = findings.iter().map(|f| f.sentence.as_str()).collect();
        assert!(sentences.len() == 1 && sentences[0].contains(sentence), "{sentences:?}");
    }

    #[test]
    fn an_arrow_that_goes_up_or_sideways_is_found() {
        for (path, import, sentence) in [
            ("src/wal/x.rs", "crate::fault::Fault", "wal may not import fault"),
            ("src/outbox/x.rs", "crate::ack::Ticket", "outbox may not import ack"),
            ("src/ack/x.rs", "crate::{wal::Lsn, outbox::Record}", "ack may not import outbox"),
            ("src/postgres/x.rs", "crate::kafka::Producer", "postgres may not import kafka"),
            ("src/kafka/mod.rs", "super::observe::Metrics", "kafka may not import observe"),
            ("src/kafka/x.rs", "super::super::wal::Lsn", "kafka may not import wal"),
            ("src/observe/x.rs", "crate::publisher::Session", "observe may not import publisher"),
            ("src/publisher/x.rs", "crate::config::Config", "publisher may not import config"),
            ("src/check/x.rs", "crate::publisher::Session", "check may not import publisher"),
            ("src/config/x.rs", "crate::cli::run", "config may not import cli"),
            ("src/fault.rs", "crate::wal::Lsn", "fault may not import wal"),
            ("src/main.rs", "postrider::publisher::run", "main may not import publisher"),
            ("src/publisher/engine.rs", "crate::postgres::X", "the engine may not import postgres"),
            ("src/publisher/engine.rs", "super::session::X", "may not import publisher::session"),
            ("src/publisher/engine.rs", "super::memory::X", "may not import publisher::memory"),
            ("src/publisher/engine.rs", "crate::kafka::Gate", "the engine may not import kafka"),
            (
                "src/publisher/simulation/x.rs",
                "crate::postgres::X",
                "the simulation may not import postgres",
            ),
            (
                "src/publisher/simulation/x.rs",
                "crate::publisher::session::X",
                "the simulation may not import publisher::session",
            ),
        ] {
            assert_refused(path, &format!("use {import};"), sentence);
        }
        assert_refused("src/wal/x.rs", "fn f() -> crate::ack::Ticket {}", "wal may not import ack");
    }

    #[test]
    fn a_layer_that_nobody_decided_on_is_found() {
        assert_refused("src/extras/x.rs", "", "layer extras has no place");
    }

    #[test]
    fn arrows_of_the_design_are_free() {
        for (path, import) in [
            ("src/ack/x.rs", "crate::{fault::Fault, wal::Lsn}"),
            ("src/publisher/session.rs", "crate::{kafka, postgres, observe, outbox, ack, wal}"),
            ("src/publisher/engine.rs", "super::{Config, engine::feed, config::Config}"),
            ("src/publisher/simulation/x.rs", "crate::{kafka::Gate, publisher::memory::Memory}"),
            ("src/lib.rs", "crate::cli"),
            ("src/kafka/x.rs", "std::wal"),
        ] {
            assert_eq!(arrows(&Source::new(path, &format!("use {import};"))), [], "{path}");
        }
    }

    #[test]
    fn a_circle_of_files_is_found_and_a_front_page_is_none() {
        let source = |path: &str, text: &str| Source::new(path, text);
        let front = source("src/ack/mod.rs", "pub use self::tracker::Tracker;");
        let tracker = source("src/ack/tracker.rs", "use super::{Error, feedback::Due};");
        let straight = source("src/ack/feedback.rs", "use crate::wal::Lsn;");
        let round = source("src/ack/feedback.rs", "use super::tracker::Tracker;");
        assert_eq!(cycles(&[front.clone(), tracker.clone(), straight]), []);
        let findings = cycles(&[front, tracker, round]);
        assert_eq!(findings.len(), 2);
        assert!(findings[0].sentence.contains("ack::feedback → ack::tracker → ack::feedback"));
    }

    #[test]
    fn the_table_itself_has_no_circle() {
        for (at, (layer, below)) in ARROWS.iter().enumerate() {
            for name in *below {
                let place = ARROWS.iter().position(|(other, _)| other == name);
                assert!(place.is_some_and(|place| place < at), "{layer} → {name}");
            }
        }
    }
}

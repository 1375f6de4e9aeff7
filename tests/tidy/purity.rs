//! Purity: the layers that decide have no async, clock, log, randomness or I/O.

use crate::{
    Finding,
    imports::imports,
    source::{Source, words},
};

const IMPURE_WORDS: [&str; 7] =
    ["async", "await", "tokio", "rdkafka", "tracing", "prometheus", "rand"];

const IMPURE_PATHS: [&str; 5] =
    ["std::fs", "std::net", "std::thread", "Instant::now", "SystemTime::now"];

/// In the layer that judges what was read, the one file that asks.
const ASKS: &str = "src/check/examine.rs";

/// Whether a file belongs to the pure part of the program.
pub(crate) fn is_pure(path: &str) -> bool {
    ["src/wal/", "src/outbox/", "src/ack/", "src/witness/"]
        .iter()
        .any(|folder| path.starts_with(folder))
        || path.starts_with("src/publisher/engine")
        || (path.starts_with("src/check/") && path != ASKS)
        || (path.starts_with("src/publisher/") && path.contains("simulation"))
}

/// No word and no path of the outer world in pure files. Their tests may have them, a simulation
/// may not: the same seed has to give the same run.
pub(crate) fn purity(source: &Source) -> Vec<Finding> {
    let simulation = source.path.contains("simulation");
    if !is_pure(&source.path) || (source.is_test() && !simulation) {
        return Vec::new();
    }
    let code = if simulation { source.code.clone() } else { source.code_without_tests() };
    let in_words = IMPURE_WORDS
        .into_iter()
        .flat_map(|word| words(&code, word).map(move |at| (at, word)).collect::<Vec<_>>());
    let in_code = IMPURE_PATHS
        .into_iter()
        .flat_map(|path| words(&code, path).map(move |at| (at, path)).collect::<Vec<_>>());
    let mut found: Vec<(usize, &str)> =
        in_words.chain(in_code).map(|(at, what)| (Source::line_at(&code, at), what)).collect();
    // Written out, so that `use std::{fs, io}` is seen too.
    for import in imports(source, &code) {
        let outer = IMPURE_PATHS.into_iter().find(|path| {
            import
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
        found.extend(outer.map(|path| (import.line, path)));
    }
    found.sort_unstable();
    found.dedup();
    found
        .into_iter()
        .map(|(line, what)| {
            Finding::new(&source.path, line, format!("{what} in pure code; hand the value in"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        purity(&Source::new(path, text)).len()
    }

    #[test]
    fn each_impurity_is_found_in_each_pure_layer() {
        for path in [
            "src/wal/x.rs",
            "src/outbox/x.rs",
            "src/ack/x.rs",
            "src/publisher/engine.rs",
            "src/publisher/engine/x.rs",
            "src/publisher/simulation.rs",
            "src/check/x.rs",
        ] {
            for planted in [
                "async fn f() {}",
                "f().await",
                "use tokio::sync::mpsc;",
                "fn f(e: rdkafka::error::KafkaError) {}",
                "tracing::info!(\"x\")",
                "use prometheus::Counter;",
                "let now = Instant::now();",
                "let now = std::time::SystemTime::now();",
                "rand::random()",
                "use std::{fs, io};",
                "std::fs::read(p)",
                "use std::net::IpAddr;",
                "use std::{thread::sleep};",
            ] {
                assert_eq!(findings(path, planted), 1, "{path}: {planted}");
            }
        }
    }

    #[test]
    fn edges_may_and_names_that_only_resemble_are_no_finding() {
        assert_eq!(findings("src/kafka/x.rs", "async fn f() {}"), 0);
        assert_eq!(findings("src/publisher/session.rs", "async fn f() {}"), 0);
        assert_eq!(findings("src/check/examine.rs", "async fn f() {}"), 0);
        let text = "/// Not async.\nfn operand(at: Instant) { \"tokio\"; use std::time::Instant; }";
        assert_eq!(findings("src/wal/x.rs", text), 0);
    }

    #[test]
    fn tests_beside_pure_code_may_and_simulations_may_not() {
        let tests = "#[cfg(test)]\nmod tests { use std::fs; }";
        assert_eq!(findings("src/wal/x.rs", tests), 0);
        assert_eq!(findings("src/wal/x_tests.rs", "use std::fs;"), 0);
        assert_eq!(findings("src/wal/x.rs", "#[cfg(test)]\nmod tests;\nuse std::fs;"), 1);
        assert_eq!(findings("src/publisher/simulation.rs", tests), 1);
    }
}

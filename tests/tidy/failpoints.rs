//! Failpoints: the list in the tests and the places in the program are the same.

use crate::{Finding, source::Source};

#[path = "../failpoints/names.rs"]
mod names;

const LIST: &str = "tests/failpoints/names.rs";

/// Names in the tests' list.
pub(crate) fn listed() -> Vec<&'static str> {
    names::FAILPOINTS.iter().map(|(name, _)| *name).collect()
}

/// Places that the list does not have, and names that no place has, or several.
pub(crate) fn differences(sources: &[Source], listed: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut placed = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/")) {
        for (number, line) in source.text.lines().enumerate() {
            let Some(rest) = line.trim_start().strip_prefix("failpoint!(\"") else { continue };
            let name = rest.split('"').next().unwrap_or_default();
            if !listed.contains(&name) {
                let sentence = format!("failpoint {name} is not in {LIST}");
                findings.push(Finding::new(&source.path, number + 1, sentence));
            }
            placed.push(name.to_owned());
        }
    }
    for name in listed {
        let count = placed.iter().filter(|placed| placed == name).count();
        if count != 1 {
            let sentence = format!("failpoint {name} is at {count} places of the program");
            findings.push(Finding::new(LIST, 1, sentence));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failpoint_that_only_one_side_knows_is_found() {
        let source = |name: &str| {
            vec![Source::new("src/x.rs", &format!("fn a() {{\n    failpoint!(\"{name}\");\n}}\n"))]
        };
        assert!(differences(&source("a"), &["a"]).is_empty());
        assert_eq!(differences(&source("b"), &["a"]).len(), 2);
        assert_eq!(differences(&[], &["a"]).len(), 1);
    }
}

//! Catalogue: every case has a row that says something, and every test that it names exists.

use crate::{Finding, source::Source};

const PLACE: &str = "proof/CATALOGUE.md";

/// Cases of each group, from 1 on.
const GROUPS: [(&str, u32); 8] =
    [("P", 5), ("G", 6), ("B", 9), ("N", 9), ("S", 20), ("H", 5), ("C", 2), ("R", 4)];

/// Cases that have no row, and tests that are nowhere.
pub(crate) fn catalogue(text: &str, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut cases = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, case, what, shown, _] = cells[..] else { continue };
        cases.push(case);
        if what.is_empty() || shown.is_empty() {
            findings.push(Finding::new(PLACE, number + 1, format!("{case} says nothing")));
        }
        for test in shown.split('`').skip(1).step_by(2).filter(|name| name.contains("::")) {
            if !exists(test, sources) {
                findings.push(Finding::new(PLACE, number + 1, format!("there is no test {test}")));
            }
        }
    }
    let expected =
        GROUPS.iter().flat_map(|(group, last)| (1..=*last).map(move |n| format!("{group}{n}")));
    for case in expected.filter(|case| !cases.contains(&case.as_str())) {
        findings.push(Finding::new(PLACE, 1, format!("case {case} has no row")));
    }
    findings
}

/// Whether a file of that module has a test of that name.
fn exists(test: &str, sources: &[Source]) -> bool {
    let Some((module, name)) = test.rsplit_once("::") else { return false };
    let file = format!("/{}.rs", module.replace("::", "/"));
    let function = format!("fn {name}()");
    sources.iter().filter(|source| source.path.ends_with(&file)).any(|source| {
        let Some(at) = source.code.find(&function) else { return false };
        source.code[..at].trim_end().ends_with("#[test]")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_case_and_a_test_that_is_nowhere_are_found() {
        let source = Source::new("tests/x/crash.rs", "#[test]\nfn a() {}\nfn b() {}\n");
        let mut rows: String = GROUPS
            .iter()
            .flat_map(|(group, last)| (1..=*last).map(move |n| format!("| {group}{n} | x | y |\n")))
            .collect();
        let find = |text: &str| catalogue(text, std::slice::from_ref(&source)).len();
        assert_eq!(find(&rows), 0);
        assert_eq!(find(&rows.replace("| P3 | x | y |\n", "")), 1);
        assert_eq!(find(&rows.replace("| P3 | x | y |", "| P3 | x | |")), 1);
        rows.push_str("| K | x | `crash::a` |\n");
        assert_eq!(find(&rows), 0);
        assert_eq!(find(&rows.replace("crash::a", "crash::b")), 1);
        assert_eq!(find(&rows.replace("crash::a", "crash::c")), 1);
        assert_eq!(find(&rows.replace("crash::a", "other::a")), 1);
    }
}

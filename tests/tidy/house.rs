//! House: what holds for the repository around the code.

use crate::Finding;

const LARGEST_FILE: u64 = 1024 * 1024;

/// What the compiler and clippy have to enforce for the other rules to be enough.
const LINTS: [(&str, &str, &str); 9] = [
    ("rust", "unsafe_code", "forbid"),
    ("rust", "missing_docs", "deny"),
    ("rust", "unreachable_pub", "warn"),
    ("rustdoc", "broken_intra_doc_links", "deny"),
    ("clippy", "too_many_lines", "warn"),
    ("clippy", "too_many_arguments", "warn"),
    ("clippy", "unwrap_used", "warn"),
    ("clippy", "await_holding_lock", "warn"),
    ("clippy", "missing_errors_doc", "warn"),
];

const THRESHOLDS: [(&str, i64); 2] =
    [("too-many-lines-threshold", 70), ("too-many-arguments-threshold", 5)];

/// What every metric's name begins with.
const PREFIX: &str = "postrider_";

const SECTIONS: [&str; 5] = ["Guarantees", "Settings", "Metrics", "Commands", "Changed"];

/// The lints are on, at the level and with the thresholds agreed on.
pub(crate) fn lints(manifest: &str, clippy: &str) -> Vec<Finding> {
    let missing = |place: &str, what: String| Finding::new(place, 1, format!("{what} is not set"));
    let lints = LINTS
        .iter()
        .filter(|(tool, lint, level)| {
            let section = manifest.split("\n[").find(|s| s.starts_with(&format!("lints.{tool}]")));
            !section.is_some_and(|section| has_line(section, &format!("{lint} = \"{level}\"")))
        })
        .map(|(tool, lint, level)| missing("Cargo.toml", format!("{tool} {lint} = {level:?}")));
    let limits = THRESHOLDS
        .iter()
        .map(|(name, limit)| format!("{name} = {limit}"))
        .filter(|line| !has_line(clippy, line))
        .map(|line| missing("clippy.toml", line));
    lints.chain(limits).collect()
}

fn has_line(text: &str, wanted: &str) -> bool {
    text.lines().any(|line| line.trim() == wanted)
}

/// Every metric named in `text` is among those that `/metrics` announces.
pub(crate) fn metrics_exist(path: &str, text: &str, announced: &str) -> Vec<Finding> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (at, _) in line.match_indices(PREFIX).filter(|(at, _)| !line[..*at].ends_with(of_name))
        {
            let name: String = line[at..].chars().take_while(|c| of_name(*c)).collect();
            if !is_announced(&name, announced) {
                let sentence = format!("there is no metric {name}");
                findings.push(Finding::new(path, number + 1, sentence));
            }
        }
    }
    findings
}

fn is_announced(name: &str, announced: &str) -> bool {
    let head = |name: &str, kind: &str| announced.contains(&format!("# TYPE {name} {kind}\n"));
    let parts = ["_bucket", "_sum", "_count"];
    head(name, "counter")
        || head(name, "gauge")
        || parts
            .iter()
            .filter_map(|part| name.strip_suffix(part))
            .any(|base| head(base, "histogram"))
}

/// A file that git should not carry.
pub(crate) fn size(path: &str, bytes: u64) -> Option<Finding> {
    (bytes > LARGEST_FILE).then(|| {
        Finding::new(path, 1, format!("{bytes} bytes; generate it or fetch it where it is used"))
    })
}

/// First `Unreleased`, then releases, the newest no newer than the version; in each only the
/// sections that an operator looks for.
pub(crate) fn changelog(text: &str, version: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut note = |line: usize, sentence: String| {
        findings.push(Finding::new("CHANGELOG.md", line + 1, sentence));
    };
    let mut entries = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix("## ") {
            entries.push((at, name.trim()));
        } else if let Some(section) = line.strip_prefix("### ")
            && !SECTIONS.contains(&section.trim())
        {
            note(at, format!("section {section:?} is none of {SECTIONS:?}"));
        }
    }
    if entries.first().is_none_or(|(_, name)| *name != "Unreleased") {
        note(0, "the first entry is not \"## Unreleased\"".to_owned());
    }
    for (at, name) in entries.iter().skip(1) {
        match (numbers(name), numbers(version)) {
            (Some(released), Some(ours)) if released <= ours => {}
            (Some(_), _) => note(*at, format!("{name} is newer than Cargo.toml's {version}")),
            (None, _) => note(*at, format!("{name:?} does not begin with a version")),
        }
    }
    findings
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    let version = text.split(' ').next()?;
    let parts: Option<Vec<u64>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.filter(|parts| parts.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lint_that_is_gone_or_weaker_is_found() {
        let manifest = crate::tree::read("Cargo.toml");
        let clippy = crate::tree::read("clippy.toml");
        for (_, lint, level) in LINTS {
            let line = format!("{lint} = \"{level}\"");
            assert_eq!(lints(&manifest.replace(&line, ""), &clippy).len(), 1, "{lint}");
        }
        let weaker = manifest.replace("missing_docs = \"deny\"", "missing_docs = \"allow\"");
        assert_eq!(lints(&weaker, &clippy).len(), 1);
        assert_eq!(lints(&manifest, &clippy.replace("= 70", "= 700")).len(), 1);
    }

    #[test]
    fn a_metric_that_nobody_declares_is_found() {
        let announced = "# TYPE postrider_a_total counter\n# TYPE postrider_b_seconds histogram\n";
        let find = |text: &str| metrics_exist("grafana/x.json", text, announced).len();
        assert_eq!(find("rate(postrider_a_total[5m])"), 0);
        assert_eq!(find("postrider_b_seconds_bucket + postrider_b_seconds_sum"), 0);
        assert_eq!(find("postrider_b_seconds"), 1);
        assert_eq!(find("postrider_a"), 1);
        assert_eq!(find("postrider_a_total\npostrider_gone_total"), 1);
    }

    #[test]
    fn a_large_file_is_found() {
        assert!(size("x", LARGEST_FILE).is_none());
        assert!(size("x", LARGEST_FILE + 1).is_some());
    }

    #[test]
    fn a_changelog_that_operators_could_not_read_is_found() {
        let find = |text: &str| changelog(text, "0.2.0").len();
        assert_eq!(
            find("# Changelog\n## Unreleased\n### Settings\n- x\n## 0.2.0 (2030-01-02)\n"),
            0
        );
        assert_eq!(find("# Changelog\n## 0.2.0\n"), 1);
        assert_eq!(find(""), 1);
        assert_eq!(find("## Unreleased\n### Internals\n"), 1);
        assert_eq!(find("## Unreleased\n## 0.10.0\n"), 1);
        assert_eq!(find("## Unreleased\n## soon\n"), 1);
    }
}

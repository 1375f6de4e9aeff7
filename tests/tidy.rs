//! Tidy: the rules of design and style that a compiler does not know, as tests without services.
//!
//! A rule takes the text of files and gives findings, so that each is also tested against a
//! violation planted in a text. See `tidy/source.rs` for what the reading of Rust cannot see.

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/bugs.rs"]
mod bugs;
#[path = "tidy/catalogue.rs"]
mod catalogue;
#[path = "tidy/failpoints.rs"]
mod failpoints;
#[path = "tidy/house.rs"]
mod house;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/purity.rs"]
mod purity;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;

use std::fmt;

use source::Source;

/// One violation: where, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    place: String,
    line: usize,
    sentence: String,
}

impl Finding {
    fn new(place: &str, line: usize, sentence: impl Into<String>) -> Finding {
        Finding { place: place.to_owned(), line, sentence: sentence.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.place, self.line, self.sentence)
    }
}

#[track_caller]
fn assert_tidy(findings: Vec<Finding>) {
    let list: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(list.is_empty(), "{} findings\n{}", list.len(), list.join("\n"));
}

fn each(rule: impl Fn(&Source) -> Vec<Finding>) -> Vec<Finding> {
    tree::sources().iter().flat_map(rule).collect()
}

#[test]
fn the_tree_is_read_at_all() {
    let paths: Vec<String> = tree::sources().into_iter().map(|source| source.path).collect();
    for expected in ["src/lib.rs", "src/main.rs", "src/wal/lsn.rs", "tests/tidy.rs"] {
        assert!(paths.iter().any(|path| path == expected), "{expected} is not among {paths:?}");
    }
}

#[test]
fn every_file_says_why_it_exists() {
    assert_tidy(each(shape::first_line));
}

#[test]
fn files_and_functions_are_short() {
    assert_tidy(each(shape::file_length));
    assert_tidy(each(shape::function_length));
}

#[test]
fn no_module_is_a_drawer_for_odds_and_ends() {
    assert_tidy(each(shape::module_name));
}

#[test]
fn nothing_is_left_for_later_skipped_or_hidden() {
    assert_tidy(each(shape::unfinished));
}

#[test]
fn pure_code_is_pure() {
    assert_tidy(each(purity::purity));
}

#[test]
fn imports_go_down_only() {
    assert_tidy(each(arrows::arrows));
}

#[test]
fn modules_do_not_import_each_other_in_circles() {
    assert_tidy(arrows::cycles(&tree::sources()));
}

#[test]
fn the_lints_that_hold_the_rest_are_on() {
    assert_tidy(house::lints(&tree::read("Cargo.toml"), &tree::read("clippy.toml")));
}

#[test]
fn dashboards_and_alerts_name_metrics_that_exist() {
    let declared = postrider::observe::Metrics::new().text().unwrap();
    for (path, text) in tree::texts("grafana") {
        assert_tidy(house::metrics_exist(&path, &text, &declared));
    }
}

#[test]
fn every_failpoint_is_in_the_list_and_in_the_program() {
    assert_tidy(failpoints::differences(&tree::sources(), &failpoints::listed()));
}

#[test]
fn every_case_of_the_catalogue_has_a_row_and_every_test_in_it_exists() {
    assert_tidy(catalogue::catalogue(&tree::read("proof/CATALOGUE.md"), &tree::sources()));
}

#[test]
fn no_file_is_larger_than_a_mebibyte() {
    assert_tidy(tree::files().iter().flat_map(|(path, size)| house::size(path, *size)).collect());
}

#[test]
fn the_changelog_is_for_operators_and_fits_the_version() {
    assert_tidy(house::changelog(&tree::read("CHANGELOG.md"), env!("CARGO_PKG_VERSION")));
}

#[test]
fn planted_bugs_still_fit_the_tree_and_name_a_test() {
    let functions: String = tree::sources().iter().map(|source| tree::read(&source.path)).collect();
    let patches = tree::texts("tests/bugs");
    assert!(patches.len() >= 20, "{} bugs", patches.len());
    let read = |path: &str| tree::files().iter().any(|(f, _)| f == path).then(|| tree::read(path));
    for (place, text) in patches {
        assert_tidy(bugs::patch(&place, &text, read, &functions));
    }
}

//! Shape: what a file and a function look like.

use crate::{
    Finding,
    source::{Source, item_end, words},
};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;
const DRAWERS: [&str; 7] = ["common", "helper", "helpers", "misc", "types", "util", "utils"];

/// The first line is `//!` and says something.
pub(crate) fn first_line(source: &Source) -> Vec<Finding> {
    let first = source.text.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty());
    let sentence = "begin the file with `//!` and the one reason it exists";
    if says { Vec::new() } else { vec![Finding::new(&source.path, 1, sentence)] }
}

/// At most 400 lines, tests included.
pub(crate) fn file_length(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES {
        return Vec::new();
    }
    let sentence = format!("{lines} lines; find the second reason in it and move that out");
    vec![Finding::new(&source.path, lines, sentence)]
}

/// At most 70 lines from `fn` to the closing brace: what one sees on a screen, comments included.
pub(crate) fn function_length(source: &Source) -> Vec<Finding> {
    let code = &source.code;
    let mut findings = Vec::new();
    for at in words(code, "fn") {
        if code[at + 2..].trim_start().starts_with('(') {
            continue; // the type of a function
        }
        let Some(end) = item_end(&code[at..]) else { continue };
        let lines = code[at..at + end].lines().count();
        if lines > FUNCTION_LINES {
            let name: String =
                code[at + 2..].trim_start().chars().take_while(|c| !"(<".contains(*c)).collect();
            let sentence = format!("fn {name} has {lines} lines; {FUNCTION_LINES} is the limit");
            findings.push(Finding::new(&source.path, Source::line_at(code, at), sentence));
        }
    }
    findings
}

/// No file, folder or inline module has a name that says nothing.
pub(crate) fn module_name(source: &Source) -> Vec<Finding> {
    let in_path = source.path.trim_end_matches(".rs").split('/').map(|part| (1, part.to_owned()));
    let inline = words(&source.code, "mod").map(|at| {
        let rest = source.code[at + 3..].trim_start();
        let name = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        (Source::line_at(&source.code, at), name)
    });
    in_path
        .chain(inline)
        .filter(|(_, name)| DRAWERS.contains(&name.as_str()))
        .map(|(line, name)| {
            let sentence = format!("a module named {name} says nothing about what is in it");
            Finding::new(&source.path, line, sentence)
        })
        .collect()
}

/// Nothing for later, nothing skipped, nothing unsafe, no lint of ours switched off.
pub(crate) fn unfinished(source: &Source) -> Vec<Finding> {
    let code: String = source.code.clone();
    let squeezed = |needle: &'static str| code.match_indices(needle).map(|(at, _)| at);
    let in_code = words(&code, "unsafe")
        .map(|at| (at, "unsafe code"))
        .chain(words(&code, "todo!").map(|at| (at, "code that is not written")))
        .chain(words(&code, "unimplemented!").map(|at| (at, "code that is not written")))
        .chain(squeezed("#[ignore").map(|at| (at, "a test that is skipped")))
        .chain(squeezed("(missing_docs").map(|at| (at, "missing_docs switched")))
        .map(|(at, what)| (Source::line_at(&code, at), what));
    let in_comments = ["TODO", "FIXME", "XXX"].into_iter().flat_map(|word| {
        words(&source.comments, word)
            .map(|at| (Source::line_at(&source.comments, at), "a note for later"))
            .collect::<Vec<_>>()
    });
    in_code.chain(in_comments).map(|(line, what)| Finding::new(&source.path, line, what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("src/x.rs", text)
    }

    #[test]
    fn a_file_without_a_reason_is_found() {
        assert_eq!(first_line(&source("use std::fmt;\n")).len(), 1);
        assert_eq!(first_line(&source("//!\n")).len(), 1);
        assert_eq!(first_line(&source("")).len(), 1);
        assert!(first_line(&source("//! X: does y.\n")).is_empty());
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(file_length(&source(&"x\n".repeat(400))).is_empty());
        assert_eq!(file_length(&source(&"x\n".repeat(401))).len(), 1);
    }

    #[test]
    fn a_long_function_is_found_and_named() {
        let function = |body: usize| {
            format!("fn short() -> [u8; 2] {{}}\nfn long(x: u8) {{\n{}}}\n", "x;\n".repeat(body))
        };
        assert!(function_length(&source(&function(68))).is_empty());
        let findings = function_length(&source(&function(69)));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].to_string(), "src/x.rs:2: fn long has 71 lines; 70 is the limit");
    }

    #[test]
    fn the_type_of_a_function_is_not_a_function() {
        let text = format!("struct S {{ f: fn(u8) }}\nimpl S {{\n{}}}\n", "x;\n".repeat(80));
        assert!(function_length(&source(&text)).is_empty());
    }

    #[test]
    fn braces_in_texts_do_not_end_a_function() {
        let text = format!("fn f() {{\n let x = '}}';\n{}}}\n", "x;\n".repeat(70));
        assert_eq!(function_length(&source(&text)).len(), 1);
    }

    #[test]
    fn a_drawer_is_found_by_file_folder_and_inline_name() {
        assert_eq!(module_name(&Source::new("src/wal/utils.rs", "")).len(), 1);
        assert_eq!(module_name(&Source::new("tests/common/mod.rs", "")).len(), 1);
        assert_eq!(module_name(&source("mod helpers {}")).len(), 1);
        assert!(module_name(&source("mod lsn; // mod utils")).is_empty());
    }

    #[test]
    fn what_is_left_for_later_is_found_with_its_line() {
        for planted in [
            "fn f() { todo!() }",
            "fn f() { unimplemented!(\"x\") }",
            "#[test]\n#[ignore]\nfn f() {}",
            "#[ignore = \"slow\"]\nfn f() {}",
            "unsafe { f() }",
            "#![allow(missing_docs)]",
            "// TODO: later",
            "/* FIXME */",
        ] {
            assert_eq!(unfinished(&source(planted)).len(), 1, "{planted}");
        }
        assert_eq!(unfinished(&source("x\n\n// TODO"))[0].line, 3);
        assert!(
            unfinished(&source("let x = \"TODO\"; // unsafe, todo!() and #[ignore]")).is_empty()
        );
    }
}

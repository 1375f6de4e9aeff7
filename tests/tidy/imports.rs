//! Imports: every path a file names, `use` groups written out, `self` and `super` resolved.
//!
//! Inline modules count as a part of their file, so a `super::super` inside one may be read one
//! level too high. Names that come through a re-export are those of the module that re-exports.

use crate::source::{Source, words};

/// A path that a file names, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) line: usize,
    /// From the crate's root for our own (`crate::wal::Lsn`), as written for others.
    pub(crate) path: String,
}

/// Paths of `use` items, and paths in the code that begin with `crate`, `super`, `self` or `postrider`.
pub(crate) fn imports(source: &Source, code: &str) -> Vec<Import> {
    let module = module_of(&source.path);
    let mut written = Vec::new();
    let mut rest = code.to_owned();
    for at in words(code, "use") {
        let Some(length) = code[at..].find(';') else { continue };
        let tree: String =
            code[at + 3..at + length].split_whitespace().collect::<Vec<_>>().join(" ");
        for path in expand(&tree) {
            written.push((at, path));
        }
        let blank: String = code[at..at + length].replace(|c: char| c != '\n', " ");
        if blank.len() == length {
            rest.replace_range(at..at + length, &blank);
        }
    }
    for root in ["crate", "super", "self", "postrider"] {
        for at in words(&rest, root) {
            let of_path = |c: &char| c.is_alphanumeric() || "_:".contains(*c);
            let path: String = rest[at..].chars().take_while(of_path).collect();
            let is_middle = rest[..at].ends_with("::");
            if path.contains("::") && !is_middle {
                written.push((at, path));
            }
        }
    }
    written
        .into_iter()
        .map(|(at, path)| Import { line: Source::line_at(code, at), path: resolve(&path, &module) })
        .collect()
}

/// The module a file is, from the crate's root: `src/wal/mod.rs` and `src/wal.rs` are `wal`.
pub(crate) fn module_of(path: &str) -> Vec<String> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    // A file of tests is declared by the file it tests, as its module `tests`.
    if let Some(name) = parts.last_mut()
        && let Some(tested) = name.strip_suffix("_tests")
    {
        *name = tested.to_owned();
        parts.push("tests".to_owned());
    }
    parts
}

fn expand(tree: &str) -> Vec<String> {
    let Some((prefix, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return if path.is_empty() { Vec::new() } else { vec![path.to_owned()] };
    };
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let mut depth = 0;
    let members = group.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    members
        .flat_map(|member| expand(member.trim()))
        .map(|path| match path.as_str() {
            "self" => prefix.trim().trim_end_matches("::").to_owned(),
            _ => format!("{}{path}", prefix.trim()),
        })
        .collect()
}

fn resolve(path: &str, module: &[String]) -> String {
    let mut parts: Vec<&str> = path.split("::").collect();
    let mut from = module.to_vec();
    match parts[0] {
        "crate" | "postrider" => from.clear(),
        "self" => {}
        "super" => {
            while parts.first() == Some(&"super") {
                from.pop();
                parts.remove(0);
            }
            parts.insert(0, "crate");
        }
        _ => return path.to_owned(),
    }
    let below = parts.iter().skip(1).map(|part| (*part).to_owned());
    let whole: Vec<String> = ["crate".to_owned()].into_iter().chain(from).chain(below).collect();
    whole.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(file: &str, text: &str) -> Vec<String> {
        let source = Source::new(file, text);
        imports(&source, &source.code).into_iter().map(|import| import.path).collect()
    }

    #[test]
    fn groups_are_written_out() {
        assert_eq!(
            paths("src/ack/x.rs", "use crate::{fault::{self, Fault}, wal::Lsn as L};\n"),
            ["crate::fault", "crate::fault::Fault", "crate::wal::Lsn"]
        );
        assert_eq!(
            paths("src/ack/x.rs", "pub(crate) use std::{\n    fs,\n    time::Duration,\n};"),
            ["std::fs", "std::time::Duration"]
        );
    }

    #[test]
    fn super_and_self_are_resolved_from_the_file() {
        assert_eq!(
            paths("src/wal/lsn.rs", "use super::frame::Frame;"),
            ["crate::wal::frame::Frame"]
        );
        assert_eq!(paths("src/wal/lsn.rs", "use super::super::ack;"), ["crate::ack"]);
        assert_eq!(paths("src/wal/mod.rs", "pub use self::lsn::Lsn;"), ["crate::wal::lsn::Lsn"]);
        assert_eq!(paths("src/wal/lsn_tests.rs", "use super::*;"), ["crate::wal::lsn::*"]);
        assert_eq!(paths("src/main.rs", "use postrider::cli;"), ["crate::cli"]);
    }

    #[test]
    fn a_path_in_the_middle_of_code_counts_and_one_in_a_comment_does_not() {
        let text = "/// See [`crate::wal`].\nfn f() -> crate::ack::Ticket { super::g() }";
        assert_eq!(paths("src/kafka/x.rs", text), ["crate::ack::Ticket", "crate::kafka::g"]);
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let source = Source::new("src/ack/x.rs", "//! X.\n\nuse crate::wal;\n");
        assert_eq!(imports(&source, &source.code)[0].line, 3);
    }
}

//! Bugs: the patches of `tests/bugs` say what they are and still fit the tree.

use crate::Finding;

/// What the lines above a patch have to say.
const HEADERS: [&str; 3] = ["Bug: ", "Peer: ", "Test: "];

/// A patch has its headers, names a test that exists, and applies to the files as they are.
///
/// `read` gives a file's text, `functions` is the text of everything that may hold a test.
pub(crate) fn patch(
    place: &str,
    text: &str,
    read: impl Fn(&str) -> Option<String>,
    functions: &str,
) -> Vec<Finding> {
    let finding = |line: usize, sentence: String| Finding::new(place, line, sentence);
    let mut findings = Vec::new();
    for header in HEADERS {
        if !text.lines().any(|line| line.len() > header.len() && line.starts_with(header)) {
            findings.push(finding(1, format!("there is no line {header:?}")));
        }
    }
    if text.lines().any(|line| line.starts_with("Peer: ") && line.contains(',')) {
        findings.push(finding(2, "peers are parted by \";\", the table's columns by \",\"".into()));
    }
    let test = text.lines().find_map(|line| line.strip_prefix("Test: ")).unwrap_or_default();
    let name = test.rsplit("::").next().unwrap_or_default();
    if !functions.contains(&format!("fn {name}()")) {
        findings.push(finding(3, format!("there is no test {test}")));
    }
    let hunks = hunks(text);
    if hunks.is_empty() {
        findings.push(finding(1, "it changes nothing".into()));
    }
    for hunk in hunks {
        let fits = read(&hunk.file).is_some_and(|file| has_lines(&file, &hunk.before));
        if !fits || hunk.before == hunk.after {
            let sentence = format!("it does not apply to {} any more; make it anew", hunk.file);
            findings.push(finding(hunk.line, sentence));
        }
    }
    findings
}

/// One place that a patch changes.
#[derive(Debug, Default)]
struct Hunk {
    /// Where it is in the patch.
    line: usize,
    file: String,
    /// Lines as they have to be, and as they become.
    before: Vec<String>,
    after: Vec<String>,
}

fn hunks(text: &str) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut file = String::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix("+++ b/") {
            name.clone_into(&mut file);
            continue;
        }
        if line.starts_with("@@ ") {
            let file = file.clone();
            hunks.push(Hunk { line: number + 1, file, ..Hunk::default() });
            continue;
        }
        if line.starts_with("diff ") || line.starts_with("--- ") {
            file.clear();
            continue;
        }
        let Some(hunk) = hunks.last_mut().filter(|_| !file.is_empty()) else { continue };
        // An editor may have taken the space from an empty line.
        let (mark, rest) = line.split_at(line.len().min(1));
        if mark != "+" {
            hunk.before.push(rest.to_owned());
        }
        if mark != "-" {
            hunk.after.push(rest.to_owned());
        }
    }
    hunks
}

fn has_lines(text: &str, wanted: &[String]) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "fn right() {\n    one();\n    two();\n}\n";
    const PATCH: &str = "Bug: b\nPeer: p\nTest: a::tests::it_holds\n\ndiff --git a/x.rs b/x.rs\n\
                         --- a/x.rs\n+++ b/x.rs\n@@ -1,4 +1,3 @@\n fn right() {\n     one();\n\
                         -    two();\n }\n";

    fn find(text: &str, file: &str, functions: &str) -> usize {
        let read = |path: &str| (path == "x.rs").then(|| file.to_owned());
        patch("01.patch", text, read, functions).len()
    }

    #[test]
    fn a_patch_that_fits_is_let_pass_wherever_its_place_has_moved() {
        assert_eq!(find(PATCH, FILE, "fn it_holds()"), 0);
        assert_eq!(find(PATCH, &format!("use a;\n{FILE}"), "fn it_holds()"), 0);
    }

    #[test]
    fn a_patch_that_fits_no_more_is_found() {
        assert_eq!(find(PATCH, &FILE.replace("two", "three"), "fn it_holds()"), 1);
        assert_eq!(find(&PATCH.replace("x.rs", "y.rs"), FILE, "fn it_holds()"), 1);
        assert_eq!(find(&PATCH.replace("-    two", "     two"), FILE, "fn it_holds()"), 1);
    }

    #[test]
    fn a_patch_without_its_headers_or_its_test_is_found() {
        assert_eq!(find(&PATCH.replace("Peer: p\n", ""), FILE, "fn it_holds()"), 1);
        assert_eq!(find(&PATCH.replace("Peer: p", "Peer: p, q"), FILE, "fn it_holds()"), 1);
        assert_eq!(find(PATCH, FILE, "fn another()"), 1);
        assert_eq!(find("Bug: b\nPeer: p\nTest: it_holds\n", FILE, "fn it_holds()"), 1);
    }
}

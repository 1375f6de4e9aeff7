//! Source: one Rust file, split into code, comments and texts.
//!
//! A scanner of characters, no parser. It knows nested comments, raw strings, characters and
//! lifetimes. It does not expand macros, does not follow `include!`, and takes what macros are
//! given as code.

/// One file, as written and as two views in which everything else is blank. Lines stay in place.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// From the root of the repository, with `/`.
    pub(crate) path: String,
    /// As written.
    pub(crate) text: String,
    /// Without comments and without the contents of strings and characters.
    pub(crate) code: String,
    /// Comments alone.
    pub(crate) comments: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let chars: Vec<char> = text.chars().collect();
        let kinds = Scanner { chars: &chars, kinds: Vec::with_capacity(chars.len()) }.scan();
        let view = |wanted: Kind| -> String {
            let kept = |(c, kind): (&char, &Kind)| {
                if *kind == wanted || *c == '\n' { *c } else { ' ' }
            };
            chars.iter().zip(&kinds).map(kept).collect()
        };
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            code: view(Kind::Code),
            comments: view(Kind::Comment),
        }
    }

    /// Whether the whole file is tests.
    pub(crate) fn is_test(&self) -> bool {
        let path = self.path.trim_end_matches(".rs");
        path.starts_with("tests/")
            || path.ends_with("_tests")
            || path.ends_with("/tests")
            || path.contains("/tests/")
    }

    /// The code without `#[cfg(test)] mod … { … }`.
    pub(crate) fn code_without_tests(&self) -> String {
        let mut code = self.code.clone();
        let mut from = 0;
        while let Some(at) = code[from..].find("#[cfg(test)]").map(|at| from + at) {
            let after_attribute = at + "#[cfg(test)]".len();
            let end = match item_end(&code[after_attribute..]) {
                Some(end) if code[after_attribute..].trim_start().starts_with("mod ") => {
                    after_attribute + end
                }
                _ => after_attribute,
            };
            let blank: String =
                code[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            code.replace_range(at..end, &blank);
            from = at + blank.len();
        }
        code
    }

    /// The 1-based line of a byte position in `code`.
    pub(crate) fn line_at(code: &str, position: usize) -> usize {
        code[..position].matches('\n').count() + 1
    }
}

/// Byte positions of a word that is not a part of a longer one.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let of_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        !code[..*at].ends_with(of_name) && !code[at + word.len()..].starts_with(of_name)
    })
}

/// Where an item ends: behind its block, or behind `;` when it has none.
pub(crate) fn item_end(code: &str) -> Option<usize> {
    let mut round = 0_i32;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            '}' => return None,
            ';' if round == 0 => return Some(at + 1),
            '{' if round == 0 => return block_end(&code[at..]).map(|end| at + end),
            _ => {}
        }
    }
    None
}

fn block_end(code: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, c) in code.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

struct Scanner<'a> {
    chars: &'a [char],
    kinds: Vec<Kind>,
}

impl Scanner<'_> {
    fn scan(mut self) -> Vec<Kind> {
        while let Some(c) = self.at(0) {
            let word_before = self.before().is_some_and(|c| c.is_alphanumeric() || c == '_');
            match c {
                '/' if self.at(1) == Some('/') => self.line_comment(),
                '/' if self.at(1) == Some('*') => self.block_comment(),
                '"' => self.string(),
                'r' if !word_before && self.raw_hashes(1).is_some() => self.raw_string(1),
                'b' | 'c' if !word_before && self.at(1) == Some('r') => match self.raw_hashes(2) {
                    Some(_) => self.raw_string(2),
                    None => self.take(Kind::Code, 1),
                },
                '\'' => self.character_or_lifetime(),
                _ => self.take(Kind::Code, 1),
            }
        }
        self.kinds
    }

    fn at(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.kinds.len() + ahead).copied()
    }

    fn before(&self) -> Option<char> {
        self.kinds.len().checked_sub(1).map(|at| self.chars[at])
    }

    fn take(&mut self, kind: Kind, count: usize) {
        let end = (self.kinds.len() + count).min(self.chars.len());
        self.kinds.resize(end, kind);
    }

    fn line_comment(&mut self) {
        while self.at(0).is_some_and(|c| c != '\n') {
            self.take(Kind::Comment, 1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.at(0), self.at(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => return,
                _ => {
                    self.take(Kind::Comment, 1);
                    continue;
                }
            }
            self.take(Kind::Comment, 2);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.take(Kind::Text, 1);
        while let Some(c) = self.at(0) {
            self.take(Kind::Text, if c == '\\' { 2 } else { 1 });
            if c == '"' {
                return;
            }
        }
    }

    fn raw_hashes(&self, prefix: usize) -> Option<usize> {
        let hashes = (prefix..).take_while(|i| self.at(*i) == Some('#')).count();
        (self.at(prefix + hashes) == Some('"')).then_some(hashes)
    }

    fn raw_string(&mut self, prefix: usize) {
        let hashes = self.raw_hashes(prefix).unwrap_or(0);
        self.take(Kind::Text, prefix + hashes + 1);
        while let Some(c) = self.at(0) {
            let closes = c == '"' && (1..=hashes).all(|i| self.at(i) == Some('#'));
            self.take(Kind::Text, if closes { 1 + hashes } else { 1 });
            if closes {
                return;
            }
        }
    }

    fn character_or_lifetime(&mut self) {
        match (self.at(1), self.at(2)) {
            (Some('\\'), _) => {
                self.take(Kind::Text, 3);
                while self.before() != Some('\'') && self.at(0).is_some() {
                    self.take(Kind::Text, 1);
                }
            }
            (Some(_), Some('\'')) => self.take(Kind::Text, 3),
            _ => self.take(Kind::Code, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new("src/x.rs", text).code
    }

    #[test]
    fn comments_and_texts_are_not_code() {
        assert_eq!(code("a /* b /* c */ d */ e // f\ng").split_whitespace().count(), 3);
        assert_eq!(
            code(r##"x("in // text", r#"a "quoted" one"#, b"y") z"##).matches('z').count(),
            1
        );
        assert!(!code(r##"x(r#"a "quoted" one"#)"##).contains("one"));
        assert!(!code(r#"x("a \" b")"#).contains('b'));
        assert_eq!(code("a \"two\nlines\" b").lines().count(), 2);
    }

    #[test]
    fn a_quote_may_begin_a_character_or_a_lifetime() {
        assert!(code("match c { '\"' => one, '\\'' => two, '{' => three }").contains("three"));
        assert!(!code("'{'").contains('{'));
        assert!(code("fn f<'a>(x: &'a str) {}").contains("str"));
        assert!(!code(r"'\u{7b}' ").contains('7'));
    }

    #[test]
    fn comments_are_kept_apart() {
        let source = Source::new("src/x.rs", "let x = \"// no\"; // yes");
        assert_eq!(source.comments.trim(), "// yes");
    }

    #[test]
    fn inline_tests_are_left_out_and_the_code_behind_them_is_not() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { if x { } } }\nfn c() {}";
        let code = Source::new("src/x.rs", text).code_without_tests();
        assert!(!code.contains("fn b"));
        assert!(code.contains("fn c"));
        assert_eq!(code.lines().count(), 4);
    }

    #[test]
    fn a_word_is_not_found_inside_a_longer_one() {
        assert_eq!(words("rand operand rand_core a::rand", "rand").count(), 2);
    }
}

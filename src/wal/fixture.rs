//! Reads the captured messages in `tests/fixtures/pgoutput`, for tests.

use std::collections::BTreeMap;

/// The messages of a fixture by name. Its lines are `# comment` or `name hex`.
pub(super) fn parse(fixture: &'static str) -> BTreeMap<&'static str, Vec<u8>> {
    let messages: Vec<_> = fixture
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').expect("a line is: name, space, hex"))
        .map(|(name, hex)| (name, from_hex(hex)))
        .collect();
    let by_name: BTreeMap<_, _> = messages.iter().cloned().collect();
    assert_eq!(by_name.len(), messages.len(), "a name stands twice in the fixture");
    by_name
}

fn from_hex(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "hex has two digits a byte");
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

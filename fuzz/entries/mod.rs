//! Entries: what a fuzzer's bytes are given to. The targets of the fuzzer and a plain test share them.
//!
//! An entry takes any bytes and panics only where something is wrong with us.

mod engine;
mod pgoutput;
mod row;
mod text;

/// Takes the bytes that a fuzzer made up.
pub(crate) type Entry = fn(&[u8]);

/// A name and what it runs. There is a file of that name in `fuzz_targets`, and a corpus.
pub(crate) const ALL: [(&str, Entry); 8] = [
    ("frame", pgoutput::frame),
    ("logical_message", pgoutput::logical_message),
    ("engine", engine::run),
    ("headers", row::headers),
    ("routing", row::routing),
    ("settings", text::settings),
    ("conninfo", text::conninfo),
    ("identifier", text::identifier),
];

/// Runs the entry called `name`.
pub(crate) fn run(name: &str, data: &[u8]) {
    let (_, entry) = ALL.iter().find(|(entry, _)| *entry == name).expect("the entry exists");
    entry(data);
}

//! Fuzz target `frame`, see entries.

#![no_main]

#[path = "../entries/mod.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::run("frame", data));

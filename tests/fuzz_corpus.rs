//! Every file of the fuzzer's kept corpus, run once: what was found stays mended.

#![allow(clippy::unwrap_used, reason = "all of it is test code, also outside #[test]")]

#[path = "../fuzz/entries/mod.rs"]
mod entries;

use std::{collections::BTreeSet, fs, path::Path};

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn names(name: &str) -> BTreeSet<String> {
    let listed = fs::read_dir(folder(name)).unwrap();
    listed.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().into()).collect()
}

#[test]
fn every_file_of_the_corpus_passes_its_entry() {
    for (name, _) in entries::ALL {
        let mut count = 0;
        for file in fs::read_dir(folder("corpus").join(name)).unwrap() {
            let path = file.unwrap().path();
            let data = fs::read(&path).unwrap();
            // A panic's own words say nothing of the file.
            println!("{}", path.display());
            entries::run(name, &data);
            count += 1;
        }
        assert!(count >= 3, "the corpus of {name} has {count} files");
    }
}

#[test]
fn entries_targets_and_corpora_have_the_same_names() {
    let entries: BTreeSet<String> =
        entries::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), entries);
    assert_eq!(names("corpus"), entries);
}

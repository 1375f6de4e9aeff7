//! The tree: files of the repository, without what `.gitignore` names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::source::Source;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of one file that has to exist.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("read {path}: {error}"))
}

/// Every Rust file of program and tests.
pub(crate) fn sources() -> Vec<Source> {
    files()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.starts_with("src/") || path.starts_with("tests/"))
        .filter(|path| path.ends_with(".rs"))
        .map(|path| Source::new(&path, &read(&path)))
        .collect()
}

/// Path and text of every text file in a folder; none when there is no such folder.
pub(crate) fn texts(folder: &str) -> Vec<(String, String)> {
    files()
        .into_iter()
        .filter(|(path, _)| path.starts_with(&format!("{folder}/")))
        .filter_map(|(path, _)| {
            let text = fs::read_to_string(root().join(&path)).ok()?;
            Some((path, text))
        })
        .collect()
}

/// Path and size of every file, sorted.
pub(crate) fn files() -> Vec<(String, u64)> {
    let ignored: Vec<PathBuf> = read(".gitignore")
        .lines()
        .filter_map(|line| line.strip_prefix('/'))
        .map(|name| root().join(name.trim_end_matches('/')))
        .chain([root().join(".git")])
        .collect();
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the tree can be listed") {
            let entry = entry.expect("a folder of the tree can be listed to its end");
            let path = entry.path();
            let facts = entry.metadata().expect("a file of the tree has a size");
            if ignored.contains(&path) {
                continue;
            }
            if facts.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(root())
                    .expect("the walk begins at the root")
                    .to_string_lossy()
                    .into_owned();
                found.push((name, facts.len()));
            }
        }
    }
    found.sort();
    found
}

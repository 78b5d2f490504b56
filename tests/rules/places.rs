//! What lies at the top of the repository.

use std::collections::BTreeSet;

use crate::source::{read, root};

/// The folders at the top, hidden ones aside.
const FOLDERS: [&str; 6] = ["assets", "benches", "envs", "shaders", "src", "tests"];

/// Folders among `all` that are neither [`FOLDERS`], nor hidden, nor named in `ignored`, the text of a `.gitignore`.
fn strangers(all: &[String], ignored: &str) -> Vec<String> {
    let made: BTreeSet<_> = ignored.lines().map(|line| line.trim_matches('/')).collect();
    let known =
        |name: &str| FOLDERS.contains(&name) || name.starts_with('.') || made.contains(name);
    all.iter().filter(|name| !known(name)).cloned().collect()
}

#[test]
fn the_top_has_six_folders() {
    let entries = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let all: Vec<_> = folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(strangers(&all, &read(".gitignore")), [""; 0]);
    for folder in FOLDERS {
        assert!(
            all.iter().any(|name| name == folder),
            "no folder `{folder}`"
        );
    }
}

#[test]
fn a_seventh_folder_is_seen() {
    let all = ["src", "docs", ".ci", "runs"].map(str::to_owned);
    assert_eq!(strangers(&all, "/runs\n"), ["docs"]);
}

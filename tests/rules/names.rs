//! A public type name has one home.

use std::collections::BTreeMap;

use crate::source::{File, Rust, files};

/// Names that may have several homes, and why.
const ALLOWED: [(&str, &str); 1] = [("Args", "the flags of a subcommand, read as `train::Args`")];

const KINDS: [&str; 5] = ["struct ", "enum ", "trait ", "type ", "union "];

/// Names of the public types that `source` declares.
fn declared(source: &str) -> Vec<String> {
    let code = Rust::of(source).code;
    let public = code
        .lines()
        .filter_map(|l| l.trim_start().strip_prefix("pub "));
    let named = public.filter_map(|l| KINDS.iter().find_map(|kind| l.strip_prefix(kind)));
    let word = |l: &str| {
        l.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    // What a macro names, `$name`, is no word.
    named
        .map(word)
        .filter(|name: &String| !name.is_empty())
        .collect()
}

/// Names with more than one home, and their homes.
fn shared(files: &[File]) -> Vec<String> {
    let mut homes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for file in files {
        for name in declared(&file.text) {
            homes.entry(name).or_default().push(&file.path);
        }
    }
    let several = homes.iter().filter(|(_, homes)| homes.len() > 1);
    several
        .map(|(name, homes)| format!("{name}: {}", homes.join(", ")))
        .collect()
}

#[test]
fn a_public_type_name_has_one_home() {
    let mut several = shared(&files("src", "rs"));
    several.retain(|line| {
        !ALLOWED
            .iter()
            .any(|(name, _)| line.starts_with(&format!("{name}:")))
    });
    assert!(
        several.is_empty(),
        "give each its own name:\n{}",
        several.join("\n")
    );
}

#[test]
fn a_second_home_is_seen() {
    let files = [
        File::of("a.rs", "pub struct Batch<T>(T);\n// pub struct Spec;\n"),
        File::of(
            "b.rs",
            "mod inner {\n    pub type Batch = f32;\n}\npub(crate) enum Spec {}\n",
        ),
        File::of("c.rs", "pub trait Spec {}\nstruct Batch;\n"),
    ];
    assert_eq!(shared(&files), ["Batch: a.rs, b.rs"]);
}

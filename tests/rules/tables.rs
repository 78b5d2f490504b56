//! What a table lists has its files, and a file has its line in the table. (That a listed file is there, the compiler
//! sees: it is included.)

use std::collections::BTreeSet;

use h2oplus::engine::ENGINES;
use h2oplus::env::Task;
use h2oplus::method::{METHODS, Method};

use crate::source::{File, Rust, files, read, root, without_tests};

fn stems(files: &[File]) -> BTreeSet<String> {
    files.iter().map(|file| file.stem().to_owned()).collect()
}

/// Files among `files` whose stem no text of `sources`, Rust, says outside of tests; `ending` may follow it there.
fn unlisted(files: &[File], sources: &[File], ending: &str) -> Vec<String> {
    let texts = sources
        .iter()
        .flat_map(|source| Rust::of(without_tests(&source.text)).texts);
    let texts: BTreeSet<String> = texts.map(|(_, text)| text).collect();
    let listed = |file: &&File| {
        let stem = file.stem();
        texts.contains(stem) || texts.contains(&format!("{stem}{ending}"))
    };
    let unlisted = files.iter().filter(|file| !listed(file));
    unlisted.map(|file| file.path.clone()).collect()
}

#[test]
fn every_cuda_source_is_a_kernel_of_the_table() {
    let listed: Vec<_> = h2oplus::kernel::cuda::entries()
        .iter()
        .map(|entry| entry.name.to_owned())
        .collect();
    let names: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(names.len(), listed.len(), "no name twice");
    assert_eq!(names, stems(&files("src/learn", "cu")));
}

#[test]
fn every_method_has_a_file_or_is_another_with_other_defaults() {
    let mut files = files("src/learn/method", "rs");
    files.retain(|file| Rust::of(&file.text).code.contains("\nimpl Record for "));
    // A file's name has `_` where a method's has `-`.
    let stems: BTreeSet<_> = stems(&files).iter().map(|s| s.replace('_', "-")).collect();
    let (files, names) = (stems, METHODS.iter().map(|method| method.name));
    let unlisted: Vec<_> = files
        .iter()
        .filter(|stem| !names.clone().any(|name| name == *stem))
        .collect();
    assert!(unlisted.is_empty(), "not in the table: {unlisted:?}");
    let keys = |method: &Method| method.settings.iter().map(|s| s.key).collect::<Vec<_>>();
    for method in METHODS.iter().filter(|method| !files.contains(method.name)) {
        let mut others = METHODS.iter().filter(|other| files.contains(other.name));
        let name = method.name;
        let other = others.find(|other| keys(other) == keys(method));
        let other = other.unwrap_or_else(|| panic!("{name} has no file"));
        assert_ne!(
            method.defaults(),
            other.defaults(),
            "{name} is {}",
            other.name
        );
    }
}

#[test]
fn every_engine_has_a_folder_and_every_folder_builds_one() {
    let entries = std::fs::read_dir(root().join("src/sim/engine")).unwrap();
    let entries = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir());
    let folders: BTreeSet<_> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    for card in ENGINES {
        assert!(
            folders.contains(&card.physics.to_string()),
            "{}",
            card.physics
        );
    }
    let table = Rust::of(&read("src/sim/engine/mod.rs")).code;
    for folder in folders {
        assert!(
            table.contains(&format!("{folder}::build")),
            "{folder} is not in the table"
        );
    }
}

#[test]
fn every_shader_is_listed() {
    let table = files("src/sim/gpu", "rs");
    assert_eq!(unlisted(&files("shaders", "wgsl"), &table, ""), [""; 0]);
}

#[test]
fn every_task_of_envs_is_built_in() {
    let tasks = files("envs", "toml");
    let tasks = tasks
        .into_iter()
        .filter(|file| file.text.starts_with("doc = "));
    let shipped = tasks.filter(|file| file.path.matches('/').count() == 1);
    let shipped: Vec<_> = shipped.collect();
    let names: BTreeSet<_> = Task::names().map(str::to_owned).collect();
    assert_eq!(names, stems(&shipped));
}

#[test]
fn every_robot_of_assets_is_built_in() {
    let table = files("src/sim/env", "rs");
    assert_eq!(unlisted(&files("assets", "xml"), &table, ".xml"), [""; 0]);
}

#[test]
fn a_file_without_a_line_is_seen() {
    let all = [
        File::of("shaders/reset.wgsl", ""),
        File::of("shaders/blur.wgsl", ""),
    ];
    let table = [File::of(
        "a.rs",
        "const KERNELS: [&str; 1] = [\"reset\"]; // \"blur\"",
    )];
    assert_eq!(unlisted(&all, &table, ""), ["shaders/blur.wgsl"]);
}

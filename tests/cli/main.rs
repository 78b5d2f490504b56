//! The program as a user meets it: outputs, exit codes, messages, interruption.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changed;
mod collect;
mod config;
mod data;
mod doctor;
mod errors;
mod export;
mod gaps;
mod human;
mod made_up;
mod numbers;
mod population;
mod real_gap;
mod render;
mod report;
mod resume;
mod rliable;
mod robot;
mod robots;
mod runs;
mod sets;
mod signals;
mod streams;
mod suite;
mod train;
mod verify;
mod watch;
mod whole;

use std::path::Path;
use std::process::{Command, Output};

/// `h2oplus ARGS` in `dir`.
fn h2oplus(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().expect("the program starts")
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("h2oplus"));
    command.current_dir(dir).args(args);
    command
}

fn stdout(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// What `h2oplus ARGS`, which ends well, prints.
fn printed(dir: &Path, args: &[&str]) -> String {
    let out = h2oplus(dir, args);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", stderr(&out));
    stdout(&out)
}

/// The same, as JSON.
fn json(dir: &Path, args: &[&str]) -> serde_json::Value {
    let text = printed(dir, &[args, &["--format", "json"]].concat());
    serde_json::from_str(&text).expect("JSON alone on stdout")
}

/// A run small enough for a test: a second or two.
const SMALL: [&str; 19] = [
    "train",
    "--recipe",
    "paper",
    "--rows",
    "2000",
    "--cycle-steps",
    "64",
    "--cycle-updates",
    "20",
    "--eval-every",
    "40",
    "--eval-episodes",
    "1",
    "--checkpoint-every",
    "20",
    "--log-every",
    "20",
    "--replay-cap",
    "500",
];

fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SMALL.iter().copied().chain(more.iter().copied()).collect()
}

/// The only run folder under `dir/runs`.
fn only_run(dir: &Path) -> std::path::PathBuf {
    let mut runs: Vec<_> = std::fs::read_dir(dir.join("runs"))
        .expect("runs/ was made")
        .map(|e| e.expect("readable").path())
        .collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.remove(0)
}

//! Suites: plans, shares of them, interruption, failures.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{command, h2oplus, stderr, stdout};

mod plans;
mod work;

/// The plan that `suite ARGS` would train.
fn plan(args: &[&str]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let fixed = ["--dry-run", "--no-predict", "--format", "json"];
    let out = h2oplus(dir.path(), &[&["suite"], args, &fixed[..]].concat());
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    assert!(
        !dir.path().join("suites").exists(),
        "a dry run writes nothing"
    );
    serde_json::from_str(&stdout(&out)).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

/// Runs (group, member) of a cell.
fn runs(cell: &Value) -> Vec<(String, u64)> {
    let run = |run: &Value| {
        (
            text(run, "group").to_owned(),
            run["member"].as_u64().unwrap(),
        )
    };
    list(cell, "runs").iter().map(run).collect()
}

/// A suite that takes seconds: two columns, two rows.
const MINI: &str = r#"
title = "mini"
doc = "Two methods in two gaps."
columns = [
  { name = "iql", label = "IQL" },
  { name = "h2oplus", label = "H2O+" },
]
[paper]
recipe = "paper"
updates = 1000
[quick]
recipe = "fast"
updates = 1000
[smoke]
recipe = "smoke"
seeds = "0..1"
[[tables]]
name = "mini"
title = "mini"
task = "halfcheetah-v2"
data = "medium"
[[tables.rows]]
label = "gravity"
gap = "gravity"
paper = { iql = [5000, 100], h2oplus = [6861] }
[[tables.rows]]
label = "friction"
gap = "friction"
"#;

fn mini(dir: &Path, text: &str) {
    fs::write(dir.join("mini.toml"), text).unwrap();
}

const START: [&str; 7] = [
    "suite",
    "mini.toml",
    "--smoke",
    "--no-predict",
    "--out",
    "out",
    "--members=2",
];

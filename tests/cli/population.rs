//! Runs whose members differ: each ends as it would alone; one that diverges is reported.

use std::path::Path;

use super::resume::state;
use super::{h2oplus, only_run, small, stderr, stdout};

const UPDATES: [&str; 4] = ["--updates", "40", "--hidden", "64,64"];

/// Runs `train` with `more`; exit code, standard error, standard output.
fn train(dir: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let args: Vec<&str> = UPDATES.iter().chain(more).copied().collect();
    let out = h2oplus(dir, &small(&args));
    (out.status.code(), stderr(&out), stdout(&out))
}

/// Member `member`'s parameters after 40 updates, of a run with `members`.
fn theta(dir: &Path, member: usize, members: usize) -> Vec<u8> {
    let all = state(&only_run(dir), 40).remove("agent.theta").unwrap();
    let len = all.len() / members;
    all[member * len..(member + 1) * len].to_vec()
}

#[test]
fn members_end_as_they_would_alone() {
    let dir = tempfile::tempdir().unwrap();
    let vary = [
        "gap=gravity,friction=0.5",
        "lambda=0.1,0.9",
        "data=medium-replay,medium",
    ];
    let flags = vary.iter().flat_map(|axis| ["--vary", axis]);
    let flags: Vec<&str> = flags.chain(["--seeds", "3", "--format", "short"]).collect();
    let (code, err, out) = train(dir.path(), &flags);
    assert_eq!(code, Some(0), "{err}");
    let name = "h2oplus seed 3 data=medium gap=friction=0.5 lambda=0.9";
    assert!(out.contains(name), "{out}");
    assert!(
        err.contains(&name[8..]),
        "the evaluation names members: {err}"
    );

    let run = only_run(dir.path());
    let folder = run.file_name().unwrap().to_string_lossy().into_owned();
    assert!(folder.contains("2-gaps"), "{folder}");
    let text = std::fs::read_to_string(run.join("config.toml")).unwrap();
    let config: toml::Table = text.parse().unwrap();
    let members = config["members"].as_array().unwrap();
    assert_eq!(members.len(), 8);
    let last = members[7].as_table().unwrap();
    assert_eq!(last["name"].as_str(), Some(&name[8..]));
    assert_eq!(last["gap"].as_str(), Some("friction=0.5"));
    assert_eq!(last["data"].as_str(), Some("medium"));
    assert_eq!(last["settings"]["lambda"].as_float(), Some(0.9));
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(
        metrics.contains(&format!("\"name\":\"{}\"", &name[8..])),
        "{metrics}"
    );
    let events = run.join("7_seed_3_data=medium_gap=friction=0.5_lambda=0.9");
    assert!(events.is_dir(), "{events:?}");
    let eval = ["eval", "--episodes", "1", "--format", "short"];
    let eval = stdout(&h2oplus(dir.path(), &eval));
    assert!(eval.contains(name), "{eval}");

    let alone = |gap: &str, lambda: &str, data: &str| {
        let dir = tempfile::tempdir().unwrap();
        let flags = [
            "--gap", gap, "--lambda", lambda, "--data", data, "--seeds", "3",
        ];
        let (code, err, _) = train(dir.path(), &flags);
        assert_eq!(code, Some(0), "{err}");
        theta(dir.path(), 0, 1)
    };
    assert!(theta(dir.path(), 7, 8) == alone("friction=0.5", "0.9", "medium"));
    assert!(theta(dir.path(), 0, 8) == alone("gravity", "0.1", "medium-replay"));
    // Negative control: neighbours differ.
    assert!(theta(dir.path(), 0, 8) != theta(dir.path(), 1, 8));
    assert!(theta(dir.path(), 0, 8) != theta(dir.path(), 2, 8));
    assert!(theta(dir.path(), 0, 8) != theta(dir.path(), 4, 8));
}

#[test]
fn a_member_that_diverges_is_reported_and_the_others_end_as_without_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("c.toml"),
        "[vary]\nlambda = [0.1, 0.5]\nqf_lr = [3e-4, 1e30]\n",
    )
    .unwrap();
    let flags = ["--config-file", "c.toml", "--vary", "lambda=0.1"];
    let (code, err, out) = train(dir.path(), &[&flags[..], &["--format", "short"]].concat());
    assert_eq!(code, Some(1), "{err}");
    let name = "seed 0 lambda=0.1 qf_lr=1e30";
    assert!(err.contains(&format!("{name} has diverged")), "{err}");
    let line = out.lines().find(|line| line.contains(name)).unwrap();
    assert!(line.contains("(diverged in update"), "{out}");
    assert_eq!(out.matches("diverged").count(), 1, "{out}");
    let metrics = std::fs::read_to_string(only_run(dir.path()).join("metrics.jsonl")).unwrap();
    assert!(metrics.contains("charts/diverged_at"), "{metrics}");

    let other = tempfile::tempdir().unwrap();
    let (code, err, _) = train(other.path(), &["--lambda", "0.1"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(theta(dir.path(), 0, 2) == theta(other.path(), 0, 1));
}

#[test]
fn populations_that_cannot_be_are_refused() {
    for (vary, part) in [
        ("lambda", "KEY=V1,V2"),
        ("lambda=1,1", "twice"),
        ("seed=1,2", "--seeds"),
        ("lamda=1,2", "lamda"),
        ("real_batch=64,128", "differs between members"),
        ("gap=gravity,gravitation", "gravitation"),
        ("data=medium,nowhere.hdf5", "nowhere.hdf5"),
    ] {
        super::errors::refused(&["train", "--vary", vary], &[part]);
    }
}

//! An interrupted run ends in the same bits as an uninterrupted one.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{command, h2oplus, only_run, small, stderr};

/// Every tensor of the checkpoint after `updates` updates.
pub fn state(run: &Path, updates: u64) -> BTreeMap<String, Vec<u8>> {
    let path = run.join(format!("checkpoints/step_{updates}.safetensors"));
    let data = std::fs::read(&path).expect("the checkpoint is there");
    let file = safetensors::SafeTensors::deserialize(&data).unwrap();
    file.tensors()
        .into_iter()
        .map(|(name, view)| (name, view.data().to_vec()))
        .collect()
}

fn uninterrupted(more: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let out = h2oplus(dir.path(), &small(more));
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    state(&only_run(dir.path()), 120)
}

/// Starts a run, sends it `signal` as soon as a first checkpoint lies there (some way into the next
/// stretch), resumes it, and gives the first process's exit code and the final state.
fn interrupted(signal: &str, flags: &[&str]) -> (Option<i32>, BTreeMap<String, Vec<u8>>) {
    let dir = tempfile::tempdir().unwrap();
    let mut child = command(dir.path(), &small(flags)).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let first = || {
        let runs = std::fs::read_dir(dir.path().join("runs")).ok()?;
        let run = runs.flatten().next()?.path();
        run.join("checkpoints/step_20.safetensors")
            .is_file()
            .then_some(run)
    };
    let run = loop {
        if let Some(run) = first() {
            break run;
        }
        assert!(Instant::now() < deadline, "no checkpoint appeared");
        std::thread::sleep(Duration::from_millis(2));
    };
    let kill = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let code = child.wait().unwrap().code();
    let out = h2oplus(dir.path(), &["train", "--resume", run.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    (code, state(&run, 120))
}

#[test]
fn interrupted_runs_resume_to_the_same_bits() {
    let flags = ["--updates", "120", "--seeds", "0..1"];
    let expected = uninterrupted(&flags);
    let (code, killed) = interrupted("-KILL", &flags);
    assert_eq!(code, None, "a killed process has no exit code");
    assert!(killed == expected, "killed, the run ended in other bits");
    let (code, stopped) = interrupted("-INT", &flags);
    assert_eq!(code, Some(130), "Ctrl-C saves and says so");
    assert!(
        stopped == expected,
        "stopped by Ctrl-C, the run ended in other bits"
    );
    // Negative control: other seeds end elsewhere.
    let other = uninterrupted(&["--updates", "120", "--seeds", "1..2"]);
    assert!(other != expected, "the comparison sees nothing");
}

#[test]
fn thread_counts_do_not_change_the_bits() {
    let one = uninterrupted(&["--updates", "120", "--threads", "1"]);
    assert!(one == uninterrupted(&["--updates", "120", "--threads", "2"]));
}

#[test]
fn a_budget_may_grow() {
    let expected = uninterrupted(&["--updates", "120"]);
    let dir = tempfile::tempdir().unwrap();
    let out = h2oplus(dir.path(), &small(&["--updates", "60"]));
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let run = only_run(dir.path());
    let path = run.to_str().unwrap();
    let out = h2oplus(dir.path(), &["train", "--resume", path, "--updates", "120"]);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    assert!(state(&run, 120) == expected);
    let out = h2oplus(
        dir.path(),
        &["train", "--resume", path, "--gap", "friction"],
    );
    assert_eq!(out.status.code(), Some(2), "a changed gap must be refused");
}

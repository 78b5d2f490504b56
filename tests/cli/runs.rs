//! Run folders: used twice, changed, damaged, cut short, deleted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ::h2oplus::run::record::checkpoint::Checkpoint;
use candle_core::Device;

use super::resume::state;
use super::{command, h2oplus, only_run, stderr};

/// IQL on few rows: a run of a moment, with a checkpoint every 10 updates.
const QUICK: [&str; 23] = [
    "train",
    "--recipe",
    "paper",
    "--task",
    "walker2d",
    "--algo",
    "iql",
    "--gap",
    "none",
    "--hidden",
    "8",
    "--rows",
    "300",
    "--eval-episodes",
    "1",
    "--eval-every",
    "10",
    "--checkpoint-every",
    "10",
    "--log-every",
    "5",
    "--data",
    "random",
];

pub fn quick<'a>(more: &[&'a str]) -> Vec<&'a str> {
    QUICK.iter().copied().chain(more.iter().copied()).collect()
}

pub fn done(dir: &Path, args: &[&str]) -> String {
    let out = h2oplus(dir, args);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", stderr(&out));
    stderr(&out)
}

/// What is said when `args` are refused, which must contain `parts`.
pub fn refused(dir: &Path, args: &[&str], parts: &[&str]) -> String {
    let out = h2oplus(dir, args);
    let text = stderr(&out);
    assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
    for part in parts.iter().chain(&["help:"]) {
        assert!(text.contains(part), "{args:?}: no `{part}` in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// A finished run of `updates` updates.
pub fn finished(dir: &Path, updates: &str) -> PathBuf {
    done(dir, &quick(&["--updates", updates]));
    only_run(dir)
}

pub fn resume<'a>(run: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let run = run.to_str().unwrap();
    [&["train", "--resume", run], more].concat()
}

/// Waits until `ready` is so.
fn wait(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !ready() {
        assert!(Instant::now() < deadline, "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A run without an end, that has written a checkpoint.
fn endless(dir: &Path) -> (Child, PathBuf) {
    let mut child = command(dir, &quick(&["--updates", "1000000000"]));
    let child = child.stderr(Stdio::piped()).spawn().unwrap();
    let folder = || fs::read_dir(dir.join("runs")).ok()?.flatten().next();
    let checkpoint = |run: PathBuf| {
        let entries = fs::read_dir(run.join("checkpoints"));
        entries.is_ok_and(|mut entries| entries.next().is_some())
    };
    wait("a checkpoint", || {
        folder().is_some_and(|run| checkpoint(run.path()))
    });
    (child, only_run(dir))
}

#[test]
fn a_folder_in_use_is_refused_with_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, run) = endless(dir.path());
    let process = format!("process works in it: {}", child.id());
    refused(dir.path(), &resume(&run, &[]), &[&process]);
    // Reading is allowed.
    done(
        dir.path(),
        &["eval", run.to_str().unwrap(), "--episodes", "1"],
    );
    assert!(child.try_wait().unwrap().is_none(), "the first one goes on");
    child.kill().unwrap();
    child.wait().unwrap();
    // The lock ends with its process; left-overs of a killed write go.
    let left = run.join("checkpoints/step_7.safetensors.12.tmp");
    fs::write(&left, "half").unwrap();
    let text = refused(
        dir.path(),
        &resume(&run, &["--updates", "1"]),
        &["may only grow"],
    );
    assert!(!text.contains("process"), "{text}");
    assert!(!left.exists());
}

#[test]
fn a_folder_that_is_deleted_meanwhile_is_not_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let (child, run) = endless(dir.path());
    wait("the folder's end", || {
        let _ = fs::remove_dir_all(&run);
        !run.exists()
    });
    let out = child.wait_with_output().unwrap();
    let text = stderr(&out);
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(text.contains("gone") && text.contains("help:"), "{text}");
    assert!(!run.exists(), "half a folder was made anew");
}

#[test]
fn a_damaged_newest_checkpoint_gives_way_to_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let run = finished(dir.path(), "40");
    let expected = state(&run, 40);
    let path = run.join("checkpoints/step_40.safetensors");
    let mut flipped = fs::read(&path).unwrap();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for bytes in [&b""[..], &flipped] {
        fs::write(&path, bytes).unwrap();
        let text = done(dir.path(), &resume(&run, &[]));
        for part in ["step_40", "step_30", ".aside"] {
            assert!(text.contains(part), "no `{part}` in: {text}");
        }
        assert!(state(&run, 40) == expected, "other bits");
        let aside = run.join("checkpoints/step_40.safetensors.aside");
        assert_eq!(fs::read(aside).unwrap(), bytes, "nothing is thrown away");
    }
    for step in ["30", "40"] {
        let path = run.join(format!("checkpoints/step_{step}.safetensors"));
        fs::write(path, "").unwrap();
    }
    refused(
        dir.path(),
        &resume(&run, &[]),
        &["step_40", "delete them all"],
    );
    for entry in fs::read_dir(run.join("checkpoints")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    done(dir.path(), &resume(&run, &[]));
    assert!(state(&run, 40) == expected, "other bits from the beginning");
}

/// As after a kill in the first stretch: nothing but the config may be there.
#[test]
fn a_run_without_a_checkpoint_begins_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut args = quick(&["--replay-cap", "1000", "--updates", "20"]);
    for (from, to) in [("iql", "h2oplus"), ("none", "gravity=1..2")] {
        let at = args.iter().position(|flag| *flag == from).unwrap();
        args[at] = to;
    }
    done(dir.path(), &args);
    let run = only_run(dir.path());
    let expected = state(&run, 20);
    let values = |run: &Path| -> Vec<serde_json::Value> {
        let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let timeless = |mut line: serde_json::Value| {
            let object = line.as_object_mut().unwrap();
            object.retain(|key, _| {
                !key.starts_with("perf/") && key != "wall_s" && key != "charts/SPS"
            });
            line
        };
        lines.map(timeless).collect()
    };
    let recorded = values(&run);
    for gone in [&[][..], &["metrics.jsonl", "dynamics.jsonl"]] {
        fs::remove_dir_all(run.join("checkpoints")).unwrap();
        fs::create_dir(run.join("checkpoints")).unwrap();
        for file in gone {
            fs::remove_file(run.join(file)).unwrap();
        }
        refused(
            dir.path(),
            &["eval", run.to_str().unwrap()],
            &["no checkpoint", "--resume"],
        );
        done(dir.path(), &resume(&run, &[]));
        assert!(state(&run, 20) == expected, "other bits");
        assert_eq!(values(&run), recorded);
    }
}

#[test]
fn lines_that_are_missing_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let run = finished(dir.path(), "20");
    let path = run.join("metrics.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let half = &text[..text.len() / 2];
    for cut in ["", half] {
        fs::write(&path, cut).unwrap();
        let more = resume(&run, &["--updates", "30"]);
        refused(dir.path(), &more, &["metrics.jsonl", "lines"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), cut);
    }
    fs::remove_file(&path).unwrap();
    let said = done(dir.path(), &resume(&run, &["--updates", "30"]));
    assert!(said.contains("metrics.jsonl is not there"), "{said}");
    done(dir.path(), &resume(&run, &["--updates", "40"]));
}

#[test]
fn counters_that_cannot_be_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = finished(dir.path(), "20");
    let path = run.join("checkpoints/step_20.safetensors");
    let sound = fs::read(&path).unwrap();
    let read = || Checkpoint::load(&path, &Device::Cpu).unwrap();
    type Change = fn(&mut Checkpoint);
    let changes: [Change; 9] = [
        |c| c.header.cycles = u64::MAX,
        |c| c.header.replay_pushed = 1 << 62,
        |c| c.header.metrics_lines += 1,
        |c| c.header.latest.push(c.header.latest[0].clone()),
        |c| c.header.latest[0].returns.push(0.0),
        |c| c.header.latest[0].lengths.clear(),
        |c| c.header.seconds = -1.0,
        |c| drop(c.bytes.remove("env")),
        |c| drop(c.tensors.remove("agent.counters")),
    ];
    for (n, change) in changes.iter().enumerate() {
        fs::write(&path, &sound).unwrap();
        let mut checkpoint = read();
        change(&mut checkpoint);
        checkpoint.save(&path).unwrap();
        let text = refused(dir.path(), &resume(&run, &["--updates", "30"]), &[]);
        assert!(!text.contains("panicked"), "change {n}: {text}");
    }
    // An evaluation that was cut short is made again.
    fs::write(&path, &sound).unwrap();
    let mut checkpoint = read();
    checkpoint.header.latest.clear();
    checkpoint.save(&path).unwrap();
    done(dir.path(), &resume(&run, &[]));
    let mean = |c: &Checkpoint| c.header.latest[0].mean();
    let again = mean(&read());
    fs::write(&path, &sound).unwrap();
    assert_eq!(mean(&read()), again);
}

#[test]
fn what_is_no_run_folder_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let run = finished(dir.path(), "10");
    let checkpoint = run.join("checkpoints/step_10.safetensors");
    let folder = run.to_str().unwrap();
    refused(
        dir.path(),
        &resume(&checkpoint, &[]),
        &["name the run's folder", folder],
    );
    refused(
        dir.path(),
        &resume(Path::new("nowhere"), &[]),
        &["no such run folder"],
    );
    // A folder that a killed process was making is swept by the next run.
    let unborn = dir.path().join("runs/.new.12.0");
    fs::create_dir(&unborn).unwrap();
    fs::write(unborn.join("lock"), "12\n").unwrap();
    done(dir.path(), &quick(&["--updates", "1"]));
    assert!(!unborn.exists());
}

//! Run folders: used twice, changed, damaged, cut short, deleted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ::h2oplus::train::checkpoint::Checkpoint;
use candle_core::Device;

use super::resume::state;
use super::{command, h2oplus, only_run, stderr};

/// IQL on few rows: a run of a moment, with a checkpoint every 10 updates.
const QUICK: [&str; 21] = [
    "train",
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

fn quick<'a>(more: &[&'a str]) -> Vec<&'a str> {
    QUICK.iter().copied().chain(more.iter().copied()).collect()
}

fn done(dir: &Path, args: &[&str]) -> String {
    let out = h2oplus(dir, args);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", stderr(&out));
    stderr(&out)
}

/// What is said when `args` are refused, which must contain `parts`.
fn refused(dir: &Path, args: &[&str], parts: &[&str]) -> String {
    let out = h2oplus(dir, args);
    let text = stderr(&out);
    assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
    for part in parts.iter().chain(&["help:"]) {
        assert!(text.contains(part), "{args:?}: no `{part}` in: {text}");
    }
    text
}

/// A finished run of `updates` updates.
fn finished(dir: &Path, updates: &str) -> PathBuf {
    done(dir, &quick(&["--updates", updates]));
    only_run(dir)
}

fn resume<'a>(run: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
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
fn a_longer_budget_is_written_down_and_a_shorter_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = finished(dir.path(), "20");
    let updates = || {
        let text = fs::read_to_string(run.join("config.toml")).unwrap();
        text.parse::<toml::Table>().unwrap()["updates"].clone()
    };
    done(dir.path(), &resume(&run, &["--updates", "30"]));
    assert_eq!(updates(), toml::Value::Integer(30));
    for shorter in ["12", "29"] {
        refused(
            dir.path(),
            &resume(&run, &["--updates", shorter]),
            &["--updates", "30"],
        );
    }
    assert_eq!(updates(), toml::Value::Integer(30));
    let config = run.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("updates = 30", "updates = 12")).unwrap();
    refused(
        dir.path(),
        &resume(&run, &[]),
        &["config.toml", "30 are done"],
    );
}

#[test]
fn a_changed_config_is_refused_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let run = finished(dir.path(), "20");
    let config = run.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let expected = state(&run, 20);
    for (from, to, key) in [
        ("discount = 0.99", "discount = 0.9", "settings.discount"),
        ("gap = \"none\"", "gap = \"gravity\"", "gap"),
        ("rows = 300", "rows = 200", "rows"),
        ("task = \"walker2d\"", "task = \"walker2d-v5\"", "task"),
        ("log_every = 5", "log_every = 0", "log_every"),
        ("envs = 8", "envs = 0", "envs"),
        ("replay_ratio = 10.0", "replay_ratio = nan", "replay_ratio"),
        ("data = \"random\"", "data = \"medium\"", "data"),
    ] {
        assert!(text.contains(from), "no `{from}` in {text}");
        fs::write(&config, text.replacen(from, to, 1)).unwrap();
        refused(
            dir.path(),
            &resume(&run, &["--updates", "30"]),
            &["config.toml", key],
        );
    }
    fs::write(&config, &text).unwrap();
    done(dir.path(), &resume(&run, &[]));
    assert!(state(&run, 20) == expected);
}

#[test]
fn changed_data_are_refused_and_found_from_any_folder() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for seed in ["1", "2"] {
        let args = [
            "collect", "--task", "walker2d", "--from", "random", "--rows", "200",
        ];
        done(
            dir.path(),
            &[&args[..], &["--seed", seed, "--out", seed]].concat(),
        );
    }
    let at = |path: &str| dir.path().join(path);
    let (first, second) = ("1/walker2d-v2-random.hdf5", "2/walker2d-v2-random.hdf5");
    fs::copy(at(first), at("data.hdf5")).unwrap();
    let mut args = quick(&["--updates", "20"]);
    let random = args.iter().position(|flag| *flag == "random").unwrap();
    args[random] = "data.hdf5";
    done(dir.path(), &args);
    let run = only_run(dir.path());
    fs::copy(at(second), at("data.hdf5")).unwrap();
    refused(
        dir.path(),
        &resume(&run, &["--updates", "40"]),
        &["data.hdf5", "changed"],
    );
    fs::remove_file(at("data.hdf5")).unwrap();
    refused(
        dir.path(),
        &resume(&run, &["--updates", "40"]),
        &["data.hdf5", "config.toml"],
    );
    fs::copy(at(first), at("data.hdf5")).unwrap();
    done(elsewhere.path(), &resume(&run, &["--updates", "40"]));
    // Moved, and config.toml told so: contents count, not places.
    fs::rename(at("data.hdf5"), at("moved.hdf5")).unwrap();
    let config = run.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("data.hdf5", "moved.hdf5")).unwrap();
    done(elsewhere.path(), &resume(&run, &["--updates", "50"]));
}

#[test]
fn a_changed_task_robot_or_gap_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("envs/monoped");
    for file in ["task.toml", "robot.xml", "gaps.toml"] {
        fs::copy(example.join(file), dir.path().join(file)).unwrap();
    }
    let gap = "[gaps]\ngravity = { uniform = [1.2, 2.0] }\n";
    fs::write(dir.path().join("drawn.toml"), gap).unwrap();
    let mut args = quick(&["--updates", "10"]);
    for (from, to) in [("walker2d", "task.toml"), ("none", "drawn.toml")] {
        let at = args.iter().position(|flag| *flag == from).unwrap();
        args[at] = to;
    }
    done(dir.path(), &args);
    let run = only_run(dir.path());
    for (file, more) in [
        ("task.toml", "\n# a word\n"),
        ("robot.xml", "\n<!-- a word -->\n"),
        ("gaps.toml", "\n# a word\n"),
        ("drawn.toml", "\n# a word\n"),
    ] {
        let path = dir.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{more}")).unwrap();
        refused(
            dir.path(),
            &resume(&run, &["--updates", "20"]),
            &[file, "changed"],
        );
        fs::write(&path, text).unwrap();
    }
    done(Path::new("/"), &resume(&run, &["--updates", "20"]));
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

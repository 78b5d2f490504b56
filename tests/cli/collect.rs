//! `collect`: what it goes on with, what it does not replace, and files of behaviours.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ::h2oplus::data::Dataset;
use safetensors::{Dtype, tensor::TensorView};

use super::runs::{done, refused};
use super::{command, h2oplus, only_run, stderr};

const WALKER: [&str; 7] = [
    "collect",
    "--task",
    "walker2d",
    "--updates",
    "6",
    "--rows",
    "60",
];
const MADE: [&str; 3] = ["medium.hdf5", "medium-replay.hdf5", "behaviour.safetensors"];

/// A short training does not reach the target: exit code 1, everything written.
fn walker(dir: &Path, more: &[&str]) {
    let out = h2oplus(dir, &[&WALKER[..], more].concat());
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
}

#[test]
fn a_training_goes_on_with_its_own_task() {
    let dir = tempfile::tempdir().unwrap();
    walker(dir.path(), &["--out", "d"]);
    let run = only_run(dir.path());
    let run = run.to_str().unwrap();
    let resume = ["collect", "--resume", run];
    let out = h2oplus(
        dir.path(),
        &[&resume[..], &["--rows", "60", "--out", "d3"]].concat(),
    );
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    for name in MADE {
        let read =
            |folder: &str| fs::read(dir.path().join(folder).join(format!("walker2d-v2-{name}")));
        assert!(read("d").unwrap() == read("d3").unwrap(), "{name}");
    }
    assert_eq!(fs::read_dir(dir.path().join("d3")).unwrap().count(), 3);
    // Said again, or nothing said: rows and folder are those of the beginning.
    fs::remove_dir_all(dir.path().join("d")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let again = [
        &resume[..],
        &["--task", "walker2d-v2", "--seed", "0", "--updates", "7"],
    ]
    .concat();
    let out = h2oplus(elsewhere.path(), &again);
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    let data = Dataset::read(dir.path().join("d/walker2d-v2-medium.hdf5")).unwrap();
    assert_eq!(data.len(), 60);
    for (flag, value) in [
        ("--task", "halfcheetah"),
        ("--seed", "1"),
        ("--target-return", "9"),
        ("--gap", "gravity"),
        ("--updates", "5"),
    ] {
        refused(dir.path(), &[&resume[..], &[flag, value]].concat(), &[flag]);
    }
    refused(
        dir.path(),
        &["train", "--resume", run],
        &["h2oplus collect --resume"],
    );
}

#[test]
fn a_run_of_train_is_not_collected() {
    let dir = tempfile::tempdir().unwrap();
    let sizes = [
        "--rows",
        "100",
        "--hidden",
        "8",
        "--updates",
        "1",
        "--eval-episodes",
        "1",
    ];
    let train = ["train", "--algo", "iql", "--data", "random"];
    done(dir.path(), &[&train[..], &sizes].concat());
    let run = only_run(dir.path());
    let args = ["collect", "--resume", run.to_str().unwrap()];
    refused(
        dir.path(),
        &args,
        &["collect.toml", "h2oplus train --resume"],
    );
}

#[test]
fn interrupted_it_names_a_command_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let mut args = WALKER;
    args[4] = "100";
    let mut child = command(dir.path(), &args);
    let child = child.stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let evaluated = || {
        let run = fs::read_dir(dir.path().join("runs"))
            .ok()?
            .flatten()
            .next()?;
        let text = fs::read_to_string(run.path().join("metrics.jsonl")).ok()?;
        (!text.is_empty()).then_some(())
    };
    while evaluated().is_none() {
        assert!(Instant::now() < deadline, "nothing was recorded");
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let out = child.wait_with_output().unwrap();
    let text = stderr(&out);
    assert_eq!(out.status.code(), Some(130), "{text}");
    let (_, told) = text.split_once("go on with: h2oplus ").expect("it is told");
    let told: Vec<&str> = told.lines().next().unwrap().split(' ').collect();
    let out = h2oplus(dir.path(), &told);
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    let straight = tempfile::tempdir().unwrap();
    let out = h2oplus(straight.path(), &args);
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    for name in MADE {
        let read = |dir: &Path| fs::read(dir.join(format!("data/walker2d-v2-{name}"))).unwrap();
        assert!(read(dir.path()) == read(straight.path()), "{name} differs");
    }
}

#[test]
fn a_target_that_is_reached_at_once_leaves_data_too() {
    let dir = tempfile::tempdir().unwrap();
    done(
        dir.path(),
        &[&WALKER[..], &["--target-return=-1e9"]].concat(),
    );
    for name in MADE {
        assert!(
            dir.path()
                .join(format!("data/walker2d-v2-{name}"))
                .is_file()
        );
    }
    // Refused as the flag is read, by its range.
    let out = h2oplus(dir.path(), &["collect", "--updates", "0"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(stderr(&out).contains("--updates"), "{}", stderr(&out));
}

#[test]
fn another_robots_data_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let made = ["collect", "--from", "random", "--rows", "50", "--task"];
    done(dir.path(), &[&made[..], &["hopper"]].concat());
    let file = dir.path().join("data/walker2d-v2-random.hdf5");
    fs::rename(dir.path().join("data/hopper-v2-random.hdf5"), &file).unwrap();
    let before = fs::read(&file).unwrap();
    let walker = [&made[..], &["walker2d"]].concat();
    refused(
        dir.path(),
        &walker,
        &["walker2d-v2-random.hdf5", "another robot", "--out"],
    );
    assert!(fs::read(&file).unwrap() == before);
    fs::copy(&file, dir.path().join("data/walker2d-v2-medium.hdf5")).unwrap();
    refused(
        dir.path(),
        &WALKER,
        &["walker2d-v2-medium.hdf5", "another robot"],
    );
    assert!(!dir.path().join("runs").exists(), "refused before training");
    // Its own are, and it is said.
    fs::remove_file(&file).unwrap();
    done(dir.path(), &walker);
    assert!(done(dir.path(), &walker).contains("replacing"));
}

/// A behaviour file of one snapshot whose layers have these `(name, outputs, inputs)`, filled with `value`.
fn behaviour(path: &Path, layers: &[(&str, usize, usize)], value: u16) {
    let mut parts = Vec::new();
    for (name, outputs, inputs) in layers {
        let fill = |n: usize| value.to_le_bytes().repeat(n);
        let shape = vec![1, *outputs, *inputs];
        parts.push((format!("{name}.weight"), shape, fill(outputs * inputs)));
        parts.push((format!("{name}.bias"), vec![1, *outputs], fill(*outputs)));
    }
    let views = parts.iter().map(|(name, shape, data)| {
        let view = TensorView::new(Dtype::F16, shape.clone(), data).unwrap();
        (name.as_str(), view)
    });
    let about = [("updates", "[5]"), ("returns", "[1.0]")];
    let about = about.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let bytes = safetensors::serialize(views, Some(about.into())).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn behaviours_whose_layers_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("walker2d.safetensors");
    let sound = [
        ("fc0", 8, 17),
        ("fc1", 9, 8),
        ("last_fc", 6, 9),
        ("last_fc_log_std", 6, 9),
    ];
    let commands = [
        &["collect", "--task", "walker2d", "--rows", "20", "--from"][..],
        &["eval", "--episodes", "1", "--task", "walker2d"],
    ];
    let file = path.to_str().unwrap();
    behaviour(&path, &sound, 0);
    for command in commands {
        done(dir.path(), &[command, &[file]].concat());
    }
    let change = |n: usize, outputs: usize, inputs: usize| {
        let mut layers = sound;
        (layers[n].1, layers[n].2) = (outputs, inputs);
        layers
    };
    for layers in [
        change(1, 9, 12),
        change(1, 9, 4),
        change(0, 0, 17),
        change(0, 8, 0),
        change(2, 5, 9),
        change(3, 6, 8),
        change(3, 0, 9),
    ] {
        behaviour(&path, &layers, 0);
        for command in commands {
            refused(
                dir.path(),
                &[command, &[file]].concat(),
                &["behaviour snapshots"],
            );
        }
    }
    behaviour(&path, &sound[1..], 0);
    let elsewhere = [commands[0], &[file]].concat();
    let out = h2oplus(dir.path(), &elsewhere);
    assert_eq!(out.status.code(), Some(2), "without fc0: {}", stderr(&out));
    // NaN and infinity as half precision holds them.
    for value in [0x7e00, 0x7c00] {
        behaviour(&path, &sound, value);
        refused(
            dir.path(),
            &[commands[1], &[file]].concat(),
            &["not finite"],
        );
    }
}

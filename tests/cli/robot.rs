//! A robot of the user's own, from its two files to a trained policy: the commands of its README.

use super::{h2oplus, json, only_run, printed, small, stderr};
use ::h2oplus::data::Dataset;
use std::path::{Path, PathBuf};

/// The example's files in `folder`, as a user would copy them; the task file.
fn copied(folder: &Path) -> PathBuf {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("envs/monoped");
    for file in ["task.toml", "robot.xml", "gaps.toml"] {
        std::fs::copy(example.join(file), folder.join(file)).unwrap();
    }
    folder.join("task.toml")
}

#[test]
fn it_is_shown_and_measured() {
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    let report = json(dir.path(), &["gap", "list", "--task", "task.toml"]);
    let gaps = report["gaps"].as_array().unwrap();
    let mut names: Vec<&str> = gaps.iter().map(|g| g["gap"].as_str().unwrap()).collect();
    names.sort();
    let all = [
        "friction=0.3",
        "gravity=1.5",
        "heavy-tail=3",
        "weak-knee=0.6",
    ];
    assert_eq!(
        (report["robot"].as_str(), names),
        (Some("monoped"), all.to_vec())
    );

    let bench = ["bench", "sim", "--task", "task.toml", "--num-envs", "32"];
    let bench = json(dir.path(), &[&bench[..], &["--seconds", "0.05"]].concat());
    assert!(bench["env_steps_per_s"].as_f64().unwrap() > 0.0, "{bench}");
}

#[test]
fn data_come_from_chance_and_train_a_policy() {
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    let collect = |seed: &str, rows: &str| {
        let args = ["collect", "--task", "task.toml", "--from", "random"];
        let more = ["--rows", rows, "--seed", seed, "--out", seed];
        printed(dir.path(), &[&args[..], &more[..]].concat());
        Dataset::read(dir.path().join(seed).join("task-random.hdf5")).unwrap()
    };
    let (data, other) = (collect("0", "2000"), collect("1", "700"));
    assert_eq!((data.len(), data.obs_dim, data.act_dim), (2000, 11, 3));
    assert_eq!(other.len(), 700);
    assert_ne!(data.actions[..300], other.actions[..300]);
    let n = data.actions.len() as f64;
    let mean = data.actions.iter().map(|a| f64::from(*a)).sum::<f64>() / n;
    let square = data
        .actions
        .iter()
        .map(|a| f64::from(*a).powi(2))
        .sum::<f64>()
        / n;
    assert!(data.actions.iter().all(|a| a.abs() <= 1.0));
    assert!(
        mean.abs() < 0.05 && (square - 1.0 / 3.0).abs() < 0.02,
        "{mean} {square}"
    );
    assert!(
        data.terminals.iter().filter(|t| **t).count() > 10,
        "it falls"
    );

    // From the file, and made on the way: the same rows, so the same networks.
    let train = |data: &str| {
        let more = ["--task", "task.toml", "--gap", "heavy-tail", "--data", data];
        let size = ["--updates", "20", "--hidden", "16"];
        let args = small(&[&more[..], &size[..]].concat());
        printed(dir.path(), &args);
        let run = only_run(dir.path());
        let bytes = std::fs::read(run.join("checkpoints/step_20.safetensors")).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let rows = json(
            dir.path(),
            &["eval", run.to_str().unwrap(), "--episodes", "1"],
        );
        assert!(!rows.as_array().unwrap().is_empty(), "{rows}");
        std::fs::remove_dir_all(dir.path().join("runs")).unwrap();
        bytes[8 + header..].to_vec()
    };
    let made = train("random");
    assert!(train("0/task-random.hdf5") == made);
    assert!(train("1/task-random.hdf5") != made);
}

/// Without a behaviour, a target return or a policy of one's own: SAC on the task, for as long as told.
#[test]
fn a_behaviour_is_trained() {
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    let args = ["collect", "--task", "task.toml", "--updates", "30"];
    printed(dir.path(), &[&args[..], &["--rows", "600"]].concat());
    for name in ["medium", "medium-replay"] {
        let path = dir.path().join(format!("data/task-{name}.hdf5"));
        assert_eq!(Dataset::read(path).unwrap().len(), 600, "{name}");
    }
    assert!(dir.path().join("data/task-behaviour.safetensors").is_file());
}

#[test]
fn mistakes_are_named_with_their_line() {
    let dir = tempfile::tempdir().unwrap();
    let task = copied(dir.path());
    let robot = dir.path().join("robot.xml");
    let read = |path| std::fs::read_to_string(path).unwrap();
    let (text, toml): (String, String) = (read(&robot), read(&task));
    let line =
        |text: &str, needle: &str| text.lines().position(|l| l.contains(needle)).unwrap() + 1;
    let shin = line(&text, "name=\"shin\" size");
    let refused = |args: &[&str], parts: &[String]| {
        let out = h2oplus(dir.path(), args);
        let message = stderr(&out);
        assert_eq!(out.status.code(), Some(2), "{message}");
        for part in parts {
            assert!(message.contains(part), "no `{part}` in: {message}");
        }
    };
    let bench = ["bench", "sim", "--task", "task.toml"];
    std::fs::write(&robot, text.replace("0.035 0.17", "0.035 -0.17")).unwrap();
    refused(&bench, &[format!("robot.xml:{shin}: "), "help:".into()]);
    std::fs::write(&robot, &text).unwrap();
    std::fs::write(&task, toml.replace("frame_skip", "frameskip")).unwrap();
    let at = format!("task.toml:{}: ", line(&toml, "frame_skip"));
    refused(&bench, &[at, "frameskip".into()]);
    std::fs::write(&task, &toml).unwrap();
    // No behaviour is shipped for it: the message says where data come from.
    let train = ["train", "--task", "task.toml", "--gap", "gravity"];
    refused(&train, &["--data random".into(), "h2oplus collect".into()]);
    assert!(!dir.path().join("runs").exists());
}

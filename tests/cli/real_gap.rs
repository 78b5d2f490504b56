//! A gap on the real robot: data, training, evaluation and resumption keep to it.

use std::fs;
use std::path::Path;

use ::h2oplus::data::Dataset;

use super::resume::state;
use super::runs::refused;
use super::{h2oplus, only_run, small, stderr, stdout};

fn done(dir: &Path, args: &[&str]) -> String {
    let out = h2oplus(dir, args);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", stderr(&out));
    stderr(&out) + &stdout(&out)
}

#[test]
fn data_of_the_shifted_robot_are_told_from_others() {
    let dir = tempfile::tempdir().unwrap();
    let collect = ["collect", "--from", "random", "--rows", "2000"];
    for more in [&["--real-gap", "gravity=0.5"][..], &[]] {
        done(dir.path(), &[&collect[..], more].concat());
    }
    let file = "data/halfcheetah_gravity=0.5_random.hdf5";
    let data = Dataset::read(dir.path().join(file)).unwrap();
    assert!(data.gap["gravity"].iter().all(|k| *k == 0.5));
    let train = |data: &str, more: &[&str]| {
        let all = small(&["--updates", "20", "--data", data, "--algo", "iql"]);
        done(dir.path(), &[&all[..], more].concat())
    };
    // The shifted robot's own rows: no word about them.
    let real = ["--real-gap", "gravity=0.5"];
    assert!(!train(file, &real).contains("note:"));
    // Of another strength, and of the plain robot: both are said.
    let text = train(file, &["--real-gap", "gravity=0.2"]);
    assert!(text.contains("were made under the gaps gravity"), "{text}");
    let text = train(
        "data/halfcheetah-v2-random.hdf5",
        &["--real-gap", "gravity=5"],
    );
    assert!(text.contains("of another robot or another world"), "{text}");
}

#[test]
fn a_run_keeps_to_its_real_robot() {
    let dir = tempfile::tempdir().unwrap();
    let flags = [
        "--updates",
        "40",
        "--data",
        "random",
        "--real-gap",
        "gravity=0.1",
    ];
    let text = done(dir.path(), &small(&flags));
    assert!(text.contains("halfcheetah-v2 with gravity=0.1"), "{text}");
    let run = only_run(dir.path());
    let name = run.file_name().unwrap().to_str().unwrap();
    let parts = "halfcheetah_gravity=0.1__h2oplus__none__0__";
    assert!(name.starts_with(parts), "{name}");
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    for line in ["gap = \"none\"", "real_gap = \"gravity=0.1\""] {
        assert!(config.contains(line), "{config}");
    }

    let eval = |more: &[&str]| {
        let all = [
            "eval",
            run.to_str().unwrap(),
            "--format",
            "json",
            "--episodes",
            "2",
        ];
        let text = stdout(&h2oplus(dir.path(), &[&all[..], more].concat()));
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        (rows[0]["gap"].clone(), rows[0]["return_mean"].clone())
    };
    let own = eval(&[]);
    assert_eq!(own.0, "gravity=0.1");
    let simulator = eval(&["--gap", "gravity=0.1", "--real-gap", "none"]);
    assert_eq!(own, simulator);
    assert_ne!(own.1, eval(&["--real-gap", "none"]).1);

    // The last checkpoint away, the run ends in the same bits.
    let last = state(&run, 40);
    fs::remove_file(run.join("checkpoints/step_40.safetensors")).unwrap();
    done(dir.path(), &["train", "--resume", run.to_str().unwrap()]);
    assert_eq!(last, state(&run, 40));
}

/// The wheel-legged robot's real world is said by its task: it goes without saying, and the simulator is the plain robot.
#[test]
fn a_task_may_say_what_its_real_robot_is() {
    let dir = tempfile::tempdir().unwrap();
    let task = ["--task", "wheelleg-stand"];
    let collect = ["collect", "--from", "random", "--rows", "2000"];
    done(dir.path(), &[&collect[..], &task].concat());
    let file = "data/wheelleg-stand-random.hdf5";
    let data = Dataset::read(dir.path().join(file)).unwrap();
    assert!(data.gap["rolling-resistance"].iter().all(|k| *k > 0.0));
    let flags = ["--updates", "20", "--data", file];
    let text = done(dir.path(), &[&small(&flags)[..], &task].concat());
    assert!(!text.contains("note:"), "{text}");
    let run = only_run(dir.path());
    let name = run.file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with("wheelleg-stand__h2oplus__none__"),
        "{name}"
    );
    let returned = |more: &[&str]| {
        let all = ["eval", run.to_str().unwrap(), "--format", "json"];
        let text = stdout(&h2oplus(dir.path(), &[&all[..], more].concat()));
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        rows[0]["return_mean"].clone()
    };
    let own = returned(&[]);
    assert_eq!(own, returned(&["--real-gap", "task"]));
    assert_eq!(own, returned(&["--gap", "task", "--real-gap", "none"]));
    assert_ne!(own, returned(&["--real-gap", "none"]));
}

#[test]
fn what_the_real_robot_cannot_have() {
    let dir = tempfile::tempdir().unwrap();
    for (gap, parts) in [
        ("gravity=0.5..2.0", &["one gap of fixed strength"][..]),
        ("none/gravity", &["one gap of fixed strength"]),
        ("no-such", &["there is no gap `no-such`"]),
        ("gravity=1", &["changes nothing"]),
    ] {
        refused(dir.path(), &["train", "--real-gap", gap], parts);
        refused(dir.path(), &["collect", "--real-gap", gap], parts);
    }
    let both = ["collect", "--real-gap", "gravity", "--gap", "friction"];
    refused(dir.path(), &both, &["gap: is friction=0.3", "gravity=2"]);
    assert!(!dir.path().join("runs").exists());
}

/// Each member has its own real robot: returns, scores and rolled-out data are those of members that have it alone.
#[test]
fn members_may_differ_in_their_real_robot() {
    let dir = tempfile::tempdir().unwrap();
    let small = |more: &[&str]| {
        let fixed = ["--updates", "20", "--data", "random", "--algo", "iql"];
        let mut all: Vec<String> = small(&fixed).into_iter().map(String::from).collect();
        all.extend(more.iter().map(ToString::to_string));
        all
    };
    let returns = |out: &str, more: &[&str]| -> Vec<(f64, bool)> {
        let args = small(&[&["--out", out], more].concat());
        done(
            dir.path(),
            &args.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        let run = fs::read_dir(dir.path().join(out)).unwrap().next().unwrap();
        let text = fs::read_to_string(run.unwrap().path().join("metrics.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let lines: Vec<serde_json::Value> = lines.collect();
        let last = |member: u64| {
            let of = |line: &&serde_json::Value| {
                line["member"] == member && line["eval/return"].is_number()
            };
            let line = lines.iter().rfind(of)?;
            let scored = line["eval/normalized_score"].is_number();
            Some((line["eval/return"].as_f64()?, scored))
        };
        (0..2).filter_map(last).collect()
    };
    let both = returns("both", &["--vary", "real_gap=gravity=0.1;gravity_0.5"]);
    let one = returns("one", &["--real-gap", "gravity=0.1"]);
    let other = returns("other", &["--real-gap", "gravity_0.5"]);
    assert_eq!(both, [one[0], other[0]]);
    assert_ne!(both[0].0, both[1].0);
    assert_eq!(
        [both[0].1, both[1].1],
        [false, true],
        "the named shift has a scale"
    );
}

/// What an agent did while it learnt on the shifted robot is told as such, in its states' own dynamics.
#[test]
fn a_whole_replay_is_of_the_shifted_robot() {
    let dir = tempfile::tempdir().unwrap();
    let shift = ["--real-gap", "gravity=0.5"];
    let whole = ["collect", "--replay", "whole", "--rows", "1000"];
    let quality = ["--quality", "medium-replay"];
    done(dir.path(), &[&whole[..], &quality, &shift].concat());
    let file = "data/halfcheetah_gravity=0.5_medium-replay.hdf5";
    let data = Dataset::read(dir.path().join(file)).unwrap();
    assert_eq!(data.len(), 1000);
    assert!(data.gap["gravity"].iter().all(|k| *k == 0.5));
    let train = |real: &[&str]| {
        let all = small(&["--updates", "20", "--data", file, "--algo", "iql"]);
        done(dir.path(), &[&all[..], real].concat())
    };
    assert!(!train(&shift).contains("note:"));
    let text = train(&["--real-gap", "gravity=0.2"]);
    assert!(text.contains("were made under the gaps gravity"), "{text}");
}

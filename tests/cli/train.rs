//! A small run leaves what it promises.

use std::path::Path;

use ::h2oplus::run::config::recipe::RECIPES;

use super::{h2oplus, only_run, small, stderr, stdout};

#[test]
fn a_run_leaves_its_records() {
    let dir = tempfile::tempdir().unwrap();
    let args = small(&[
        "--updates",
        "40",
        "--seeds",
        "0..1",
        "--lambda",
        "0.2",
        "--format",
        "json",
    ]);
    let out = h2oplus(dir.path(), &args);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let doc: serde_json::Value = serde_json::from_str(&stdout(&out)).expect("JSON alone on stdout");
    let results = doc["results"].as_array().unwrap();
    assert_eq!(results.len(), 3, "the data and two seeds: {doc}");
    assert!(
        results
            .iter()
            .all(|r| r["mean"].as_f64().is_some_and(f64::is_finite))
    );

    let run = only_run(dir.path());
    let config: toml::Table = std::fs::read_to_string(run.join("config.toml"))
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(config["settings"]["lambda"].as_float(), Some(0.2));
    assert!(
        config["settings"].as_table().unwrap().len() > 5,
        "settings are saved resolved"
    );
    for file in [
        "meta.json",
        "metrics.jsonl",
        "learning_curve.svg",
        "checkpoints/step_40.safetensors",
    ] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    let events = std::fs::read_dir(&run).unwrap().flatten();
    assert!(
        events
            .flat_map(|e| std::fs::read_dir(e.path())
                .into_iter()
                .flatten()
                .flatten()
                .chain([e]))
            .any(|e| e.file_name().to_string_lossy().contains("tfevents")),
        "no TensorBoard events"
    );
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    for name in [
        "eval/return",
        "eval/normalized_score",
        "losses/qf1_loss",
        "perf/updates_per_s",
    ] {
        assert!(metrics.contains(name), "{name} is not in metrics.jsonl");
    }

    // The run, its checkpoint, and no argument at all evaluate to the same numbers.
    let checkpoint = run.join("checkpoints/step_40.safetensors");
    let flags = ["--episodes", "1", "--format", "json"];
    let of = |what: &[&str]| {
        let args: Vec<&str> = ["eval"].iter().chain(what).chain(&flags).copied().collect();
        let out = h2oplus(dir.path(), &args);
        assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
        stdout(&out)
    };
    let newest = of(&[]);
    assert_eq!(newest, of(&[run.to_str().unwrap()]));
    assert_eq!(newest, of(&[checkpoint.to_str().unwrap()]));
    assert_ne!(newest, of(&["--gap", "gravity"]), "the gap has no effect");
}

#[test]
fn flags_win_over_the_config_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("c.toml"),
        "updates = 60\nseeds = \"3\"\n[settings]\nlambda = 0.3\nexpectile = 0.9\n",
    )
    .unwrap();
    let args = small(&[
        "--config-file",
        "c.toml",
        "--updates",
        "20",
        "--lambda",
        "0.4",
    ]);
    let out = h2oplus(dir.path(), &args);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let run = only_run(dir.path());
    let config: toml::Table = std::fs::read_to_string(run.join("config.toml"))
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(config["updates"].as_integer(), Some(20));
    assert_eq!(config["seeds"].as_str(), Some("3"));
    assert_eq!(config["settings"]["lambda"].as_float(), Some(0.4));
    assert_eq!(config["settings"]["expectile"].as_float(), Some(0.9));
}

/// Every method trains from the command line, by every recipe; one that needs no simulator takes no step in it, and one
/// that is zero-shot learns from no real transition.
#[test]
fn every_method_trains() {
    let methods = ::h2oplus::method::METHODS.iter();
    for (method, (recipe, _)) in methods.flat_map(|m| RECIPES.map(|recipe| (m, recipe))) {
        let offline = method.offline;
        let method = method.name;
        let dir = tempfile::tempdir().unwrap();
        let mut args = small(&["--algo", method, "--updates", "20", "--hidden", "16"]);
        args[2] = recipe;
        let out = h2oplus(dir.path(), &args);
        assert_eq!(out.status.code(), Some(0), "{method}: {}", stderr(&out));
        let lines = metrics(&only_run(dir.path()));
        let has = |key: &str| lines.iter().any(|line| line[key].as_f64().is_some());
        let rates = lines.iter().map(|line| &line["perf/env_steps_per_s"]);
        let stepped = { rates }.any(|rate| rate.as_f64().is_some_and(|rate| rate > 0.0));
        assert_eq!(stepped, !offline, "{method}");
        let zero_shot = ["sac", "darc"].contains(&method);
        assert_eq!(has("losses/td_error_real"), !zero_shot, "{method}");
        assert_eq!(has("losses/td_error_sim"), !offline, "{method}");
    }
}

/// Lines of a run's metrics.
fn metrics(run: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

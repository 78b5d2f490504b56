//! Runs that go on after something of theirs was changed.

use std::fs;
use std::path::Path;

use super::only_run;
use super::resume::state;
use super::runs::{done, finished, quick, refused, resume};

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

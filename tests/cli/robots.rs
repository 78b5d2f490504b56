//! Robots as users have them: motors of any range, and bodies that break.

use super::{h2oplus, small, stderr, stdout};
use ::h2oplus::data::{Dataset, d4rl};
use std::path::{Path, PathBuf};

/// A case's own folder of files.
fn case(name: &str) -> PathBuf {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/cases");
    cases.join(name)
}

fn task(name: &str) -> String {
    case(name).join("task.toml").display().to_string()
}

/// The task of `name` in `folder`, its robot with `from` replaced by `to`.
fn edited(folder: &Path, name: &str, from: &str, to: &str) -> String {
    let robot = std::fs::read_to_string(case(name).join("robot.xml")).unwrap();
    assert!(robot.contains(from));
    std::fs::write(folder.join("robot.xml"), robot.replace(from, to)).unwrap();
    std::fs::copy(task(name), folder.join("task.toml")).unwrap();
    folder.join("task.toml").display().to_string()
}

#[test]
fn random_actions_fill_the_motors_range() {
    let dir = tempfile::tempdir().unwrap();
    let wide = task("action-bounds");
    let args = ["collect", "--task", &wide, "--from", "random", "--rows"];
    let out = h2oplus(dir.path(), &[&args[..], &["400"]].concat());
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let path = dir.path().join("data/task-random.hdf5");
    let mut data = Dataset::read(&path).unwrap();
    let largest = data.actions.iter().fold(0f32, |m, a| m.max(a.abs()));
    assert!(largest > 2.9 && largest <= 3.0, "{largest}");

    // Such a file trains without a note; beyond 3 it is clipped, and said once.
    let train = |data: &Path| {
        let more = ["--task", &wide, "--gap", "none", "--algo", "iql"];
        let size = ["--updates", "2", "--hidden", "8", "--data"];
        let args = [&more[..], &size, &[data.to_str().unwrap()]].concat();
        let out = h2oplus(dir.path(), &small(&args));
        assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
        stderr(&out)
    };
    for sound in [&path, &case("action-bounds").join("data.hdf5")] {
        let said = train(sound);
        assert!(!said.contains("clipped"), "{said}");
    }
    data.actions[5] = -3.5;
    let beyond = dir.path().join("beyond.hdf5");
    d4rl::write(&beyond, &data).unwrap();
    let said = train(&beyond);
    let note = "actions of 1 rows leave [-3, 3] (first in row 2, column 1: -3.5); they are clipped";
    assert_eq!(said.matches(note).count(), 1, "{said}");
}

#[test]
fn robots_that_break_are_counted_and_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let collect = |task: &str| {
        let args = ["collect", "--task", task, "--from", "random"];
        h2oplus(dir.path(), &[&args[..], &["--rows", "2000"]].concat())
    };
    let out = collect(&task("unstable-robot"));
    let said = stderr(&out);
    assert!(said.contains("episodes broke"), "{said}");
    assert!(said.contains("smaller timestep"), "{said}");
    let path = dir.path().join("data/task-random.hdf5");
    if out.status.code() == Some(0) {
        let data = Dataset::read(&path).unwrap();
        assert!(data.len() < 2000 && said.contains("left out"), "{said}");
    } else {
        assert_eq!(out.status.code(), Some(2), "{said}");
    }
    // With the gear of its sibling it holds: nothing is said, and no row is missing.
    let calm = tempfile::tempdir().unwrap();
    let text = r#"timestep="0.05""#;
    let sound = edited(calm.path(), "unstable-robot", text, r#"timestep="0.003""#);
    let robot = calm.path().join("robot.xml");
    let xml = std::fs::read_to_string(&robot).unwrap();
    std::fs::write(&robot, xml.replace("60000", "60")).unwrap();
    let out = collect(&sound);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    assert!(!stderr(&out).contains("broke"), "{}", stderr(&out));
    assert_eq!(Dataset::read(&path).unwrap().len(), 2000);

    // A policy's evaluation says it too.
    let more = ["--task", &task("unstable-robot"), "--gap", "none"];
    let size = ["--algo", "iql", "--updates", "2", "--hidden", "8"];
    let data = ["--data", path.to_str().unwrap()];
    let out = h2oplus(dir.path(), &small(&[&more[..], &size, &data].concat()));
    let trained = stderr(&out);
    let args = ["eval", "--episodes", "8", "--format", "json"];
    let out = h2oplus(dir.path(), &args);
    let rows: serde_json::Value = serde_json::from_str(&stdout(&out)).unwrap();
    for row in rows.as_array().unwrap() {
        let broken = row["broken"].as_u64().unwrap();
        let (said, count) = (stderr(&out), format!("{broken} of 8 episodes broke"));
        assert_eq!(said.contains(&count), broken > 0, "{said}");
    }
    let all = |r: &serde_json::Value| r["broken"] == 8;
    let none_sound = rows.as_array().unwrap().iter().any(all);
    assert_eq!(out.status.code(), Some(i32::from(none_sound)), "{trained}");
}

#[test]
fn rows_of_another_robot_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let named = case("wrong-robot").join("walker2d-medium-v2.hdf5");
    let plain = dir.path().join("data.hdf5");
    std::fs::copy(&named, &plain).unwrap();
    let train = |data: &Path, task: &str| {
        let more = ["--algo", "iql", "--gap", "none", "--hidden", "8"];
        let size = ["--updates", "2", "--task", task, "--data"];
        let args = [&more[..], &size, &[data.to_str().unwrap()]].concat();
        let out = h2oplus(dir.path(), &small(&args));
        (out.status.code(), stderr(&out))
    };
    // Told by the name; without one, by the replayed states.
    for (data, why) in [(&named, "its name says walker2d"), (&plain, "replayed")] {
        let (code, said) = train(data, "halfcheetah-v2");
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(why) && said.contains("walker2d"), "{said}");
        assert_eq!(train(data, "walker2d-v2").0, Some(0));
    }
    let (code, said) = train(&named, "walker2d-v5");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("its name says walker2d-v2").count(), 1);
}

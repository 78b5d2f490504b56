//! Domains: lists, ranges, distributions; and what is refused.

use h2oplus::env::{Dynamics, Task};
use h2oplus::model::{GapSet, GapTable};
use std::path::PathBuf;

fn domain(text: &str) -> GapSet {
    GapTable::builtin().domain(text).unwrap()
}

fn fails(text: &str) -> String {
    let error = GapTable::builtin().domain(text).unwrap_err();
    error.to_string()
}

/// A file of distributions in a folder that lives as long as the guard.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("random.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn canonical_text() {
    for (text, canonical) in [
        ("none", "none"),
        ("gravity", "gravity=2"),
        ("none/gravity=1.50", "none/gravity=1.5"),
        ("gravity=0.50..2.0,friction", "friction=0.3,gravity=0.5..2"),
        (
            " none / joint-noise=-0..1 , gravity ",
            "none/gravity=2,joint-noise=0..1",
        ),
    ] {
        assert_eq!(domain(text).to_string(), canonical);
        assert_eq!(domain(canonical), domain(text));
    }
    assert_eq!(domain("none"), GapSet::default());
    assert!(domain("gravity=1..2").is_random() && !domain("none/gravity").is_random());
    assert_eq!(domain("none/gravity=1..2").split().len(), 2);
}

#[test]
fn refused_text() {
    for (text, parts) in [
        ("gravity=2..0.5", vec!["gravity", "not below"]),
        ("gravity=1..1", vec!["that number alone"]),
        ("gravity=1..fast", vec!["`fast`", "gravity=2"]),
        ("gravity=..2", vec!["no finite number"]),
        ("gravity=1..inf", vec!["no finite number"]),
        ("gravity=1..2,gravity", vec!["twice"]),
        ("none/gravty=1..2", vec!["no gap `gravty`", "friction"]),
        ("none/", vec!["no gap ``"]),
        (
            "joint bthigh damping",
            vec!["has no strength", "damping=0.5"],
        ),
        ("joint damping=2", vec!["no gap `joint damping`"]),
        (
            "option cheetah gravity=2",
            vec!["no gap `option cheetah gravity`"],
        ),
        ("action noise=2", vec!["no gap `action noise`"]),
        ("nowhere.toml", vec!["nowhere.toml"]),
    ] {
        let error = fails(text);
        for part in parts {
            assert!(error.contains(part), "{text}: no `{part}` in: {error}");
        }
    }
    for (text, rows, redraw, part) in [
        ("gravity", None, true, "nothing to redraw"),
        ("none/gravity", Some(8), false, "no strength is drawn"),
        ("gravity=1..2", Some(0), false, "0 parameter rows"),
        ("gravity=1..2", Some(1 << 20), false, "1 to 65536"),
    ] {
        let error = domain(text).with(rows, redraw).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_file_of_distributions() {
    let (_folder, path) = file(
        r#"
rows = 300
redraw = true

[gaps]
gravity = { uniform = [0.5, 2.0] }
friction = { log-uniform = [0.1, 1.0] }
joint-noise = { normal = { mean = 0.2, std = 0.1, min = 0.0, max = 0.3 } }
big-thigh = { choice = [1, 1.5, 2] }
broken-thigh = 0.5
"#,
    );
    let task = Task::load("halfcheetah").unwrap();
    let domain = task.domain(path.to_str().unwrap()).unwrap();
    assert_eq!(domain.to_string(), "random");
    let dynamics = Dynamics::draw(&task, &domain, 3, 8).unwrap();
    assert!(dynamics.redrawn && dynamics.rows.len() == 300);
    let column = |name: &str| -> Vec<f64> {
        let of =
            |row: &h2oplus::env::ParamRow| row.gap.strengths().find(|(n, _)| *n == name).unwrap().1;
        dynamics.rows.iter().map(of).collect()
    };
    for (name, low, high) in [
        ("gravity", 0.5, 2.0),
        ("friction", 0.1, 1.0),
        ("joint-noise", 0.0, 0.3),
        ("big-thigh", 1.0, 2.0),
    ] {
        let all = column(name);
        let (min, max) = all.iter().fold((f64::MAX, f64::MIN), |(a, b), k| {
            (f64::min(a, *k), f64::max(b, *k))
        });
        assert!(
            low <= min && max <= high && max - min > 0.8 * (high - low),
            "{name}"
        );
    }
    assert!(column("broken-thigh").iter().all(|&k| k == 0.5));
    assert!(
        column("big-thigh").contains(&1.0),
        "a strength of 1 changes nothing and is no error"
    );
    // Columns are drawn apart.
    let (g, f) = (column("gravity"), column("friction"));
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mg, mf) = (mean(&g), mean(&f));
    let covariance = g
        .iter()
        .zip(&f)
        .map(|(a, b)| (a - mg) * (b - mf))
        .sum::<f64>()
        / 300.0;
    assert!(covariance.abs() < 0.03, "{covariance}");
    // What was drawn is in the tables.
    for row in &dynamics.rows[..20] {
        let k = row
            .gap
            .strengths()
            .find(|(n, _)| *n == "gravity")
            .unwrap()
            .1;
        assert!((row.model.gravity - 9.81 * k).abs() < 1e-12);
        let noise = row
            .gap
            .strengths()
            .find(|(n, _)| *n == "joint-noise")
            .unwrap()
            .1;
        assert_eq!(row.channel.noise, noise);
        // And reads back from its text.
        assert_eq!(task.gap(&row.gap.to_string()).unwrap(), row.gap);
    }
}

#[test]
fn refused_files() {
    for (text, parts) in [
        (
            "[gaps]\ngravity = { uniform = [2.0, 0.5] }",
            vec!["random.toml: gaps.gravity", "not below"],
        ),
        (
            "[gaps]\ngravity = { unifrom = [0.5, 2.0] }",
            vec!["random.toml:2", "unifrom", "log-uniform"],
        ),
        (
            "[gaps]\ngravity = { uniform = [0.5] }",
            vec!["random.toml:2"],
        ),
        (
            "[gaps]\ngravity = \"fast\"",
            vec!["random.toml:2", "a strength"],
        ),
        (
            "[gaps]\ngravty = { uniform = [0.5, 2.0] }",
            vec!["gaps.gravty", "no gap `gravty`"],
        ),
        (
            "[gaps]\nfriction = { log-uniform = [0.0, 1.0] }",
            vec!["gaps.friction", "no logarithm"],
        ),
        (
            "[gaps]\ngravity = { normal = { mean = 1.0, std = 0.0, min = 0.5, max = 1.5 } }",
            vec!["gaps.gravity", "above 0"],
        ),
        (
            "[gaps]\ngravity = { normal = { mean = 1.0, std = 0.1, min = 0.5 } }",
            vec!["random.toml:2", "max"],
        ),
        (
            "[gaps]\ngravity = { choice = [] }",
            vec!["choice of nothing"],
        ),
        (
            "[gaps]\ngravity = { choice = [1.0, inf] }",
            vec!["not finite"],
        ),
        ("[gaps]\ngravity = 1.5", vec!["no strength is drawn"]),
        ("[gaps]", vec!["no strength is drawn"]),
        ("redraw = true", vec!["missing field `gaps`"]),
        (
            "rows = 0\n[gaps]\ngravity = { uniform = [0.5, 2.0] }",
            vec!["random.toml: rows", "1 to"],
        ),
        (
            "seed = 1\n[gaps]\ngravity = { uniform = [0.5, 2.0] }",
            vec!["random.toml:1", "seed"],
        ),
        ("[gaps\n", vec!["random.toml:1"]),
    ] {
        let (_folder, path) = file(text);
        let error = fails(path.to_str().unwrap());
        for part in parts {
            assert!(error.contains(part), "{text}: no `{part}` in: {error}");
        }
    }
}

#[test]
fn what_cannot_be_on_a_robot_is_refused() {
    let refused = |task: &str, text: &str| {
        let task = Task::load(task).unwrap();
        let domain = task.domain(text).unwrap();
        Dynamics::draw(&task, &domain, 0, 16)
            .unwrap_err()
            .to_string()
    };
    let text = refused("halfcheetah", "big-thigh=0..2");
    assert!(
        text.contains("big-thigh=0") && text.contains("radius 0"),
        "{text}"
    );
    assert!(refused("walker2d", "long-torso=1..4").contains("no edit for the robot"));
    assert!(refused("halfcheetah", "none/gravity=1").contains("changes nothing"));
    assert!(refused("halfcheetah", "gravity=1,friction=0.5..1").contains("changes nothing"));
    assert!(refused("halfcheetah", "joint-noise=-1..1").contains("cannot be negative"));
    assert!(refused("halfcheetah", "delay=0.5..2").contains("a delay of 0.5 env steps"));
    assert!(refused("halfcheetah", "delay=0..9").contains("a whole number from 0 to 8"));
    assert!(refused("walker2d", "dead-zone=0..1").contains("dead zone of 1 of the half range"));
    assert!(refused("walker2d", "sensor-noise=-1..1").contains("cannot be negative"));
    // A strength inside a range may change nothing.
    let task = Task::load("halfcheetah").unwrap();
    for sound in [
        "gravity=1..2",
        "gravity=0.5..1,friction=0.3",
        "joint-noise=0..1",
        "delay=0..8",
    ] {
        let domain = task.domain(sound).unwrap();
        Dynamics::draw(&task, &domain, 0, 4).unwrap();
    }
}

/// Fields stand in a gap's place, by the name that `h2oplus gap list` prints.
#[test]
fn fields_are_gaps_too() {
    let task = Task::load("halfcheetah").unwrap();
    let both = |field: &str, gap: &str| {
        let model = |text: &str| task.model(&task.gap(text).unwrap()).unwrap();
        assert_eq!(model(field), model(gap));
        assert_eq!(task.gap(field).unwrap().to_string(), field);
    };
    both("option gravity=1.5", "gravity=1.5");
    both("geom torso fromto=3", "long-torso=3");
    both(
        "joint bfoot stiffness=0,joint ffoot stiffness=0",
        "soft-feet",
    );
    let damping = task.gap("joint bthigh damping=0.5").unwrap();
    let changes = damping.changes(&task.spec).unwrap().spec;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].field, "joint bthigh damping");
    assert_eq!(changes[0].new[0], 0.5 * changes[0].old[0]);
    for (text, part) in [
        (
            "joint knee damping=2",
            "no `joint knee` with attribute `damping`",
        ),
        (
            "joint bthigh colour=2",
            "no `joint bthigh` with attribute `colour`",
        ),
    ] {
        let error = task
            .model(&task.gap(text).unwrap())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
    }
    let (_folder, path) = file("[gaps]\n\"motor bthigh gear\" = { uniform = [0.5, 1.5] }\n");
    let domain = task.domain(path.to_str().unwrap()).unwrap();
    let dynamics = Dynamics::draw(&task, &domain, 0, 8).unwrap();
    for row in &dynamics.rows {
        let (_, k) = row.gap.strengths().next().unwrap();
        assert!((row.model.actuators[0].gear - 120.0 * k).abs() < 1e-9);
    }
}

/// The example that is shipped fits every robot.
#[test]
fn the_example_is_sound() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/envs/randomised.toml");
    for name in Task::names() {
        let task = Task::load(name).unwrap();
        let domain = task.domain(example).unwrap();
        let dynamics = Dynamics::draw(&task, &domain, 0, 8).unwrap();
        assert!(dynamics.redrawn && dynamics.rows.len() == 1024, "{name}");
    }
}

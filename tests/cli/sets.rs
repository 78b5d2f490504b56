//! `data info`, `data convert`, `data mix`, and `gap measure`: of the program's own data sets.

use std::path::Path;

use ::h2oplus::data::Dataset;

use super::errors::refused;
use super::{h2oplus, json, printed, runs, stderr};

/// Shipped medium and medium-replay of half-cheetah, 4,000 rows each: `data/halfcheetah-v2-medium.hdf5`.
fn shipped(dir: &Path, more: &[&str]) {
    let collect = [
        "collect", "--from", "shipped", "--rows", "4000", "--format", "short",
    ];
    printed(dir, &[&collect[..], more].concat());
}

const MEDIUM: &str = "data/halfcheetah-v2-medium.hdf5";
const REPLAY: &str = "data/halfcheetah-v2-medium-replay.hdf5";

#[test]
fn a_data_set_is_described() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path(), &[]);
    let both = ["data", "info", MEDIUM, REPLAY];
    let all = json(dir.path(), &[&both[..], &["--svg", "a.svg"]].concat());
    let info = &all[0];
    let data = Dataset::read(dir.path().join(MEDIUM)).unwrap();
    let returns = data.returns();
    let mean = returns.iter().sum::<f64>() / 4.0;
    let close = |a: &serde_json::Value, b: f64| {
        assert!(
            (a.as_f64().unwrap() - b).abs() < 1e-9 * b.abs().max(1.0),
            "{a} {b}"
        );
    };
    close(&info["stats"]["return_mean"], mean);
    // D4RL's references for half-cheetah.
    let score = 100.0 * (mean + 280.178953) / (12135.0 + 280.178953);
    close(&info["normalized_score"]["mean"], score);
    assert_eq!(info["task"], "halfcheetah-v2");
    assert_eq!(
        (&info["stats"]["rows"], &info["stats"]["episodes"]),
        (&4000.into(), &4.into())
    );
    assert_eq!(
        (&info["terminal_episodes"], &info["timeout_episodes"]),
        (&0.into(), &4.into())
    );
    assert_eq!(
        info["infos"],
        serde_json::json!(["infos/qpos", "infos/qvel"])
    );
    let columns = info["columns"].as_array().unwrap();
    assert_eq!(columns.len(), 17 + 6 + 1 + 9 + 9);
    let third: Vec<f32> = data
        .observations
        .iter()
        .skip(3)
        .step_by(17)
        .copied()
        .collect();
    close(
        &columns[3]["max"],
        third.iter().copied().fold(f32::MIN, f32::max).into(),
    );
    let counts = columns[3]["histogram"]["counts"].as_array().unwrap();
    assert_eq!(
        counts.iter().map(|n| n.as_u64().unwrap()).sum::<u64>(),
        4000
    );
    let svg = std::fs::read_to_string(dir.path().join("a.svg")).unwrap();
    for part in [
        "halfcheetah-v2-medium.hdf5",
        "halfcheetah-v2-medium-replay.hdf5",
        "return of an episode",
    ] {
        assert!(svg.contains(part), "no {part}");
    }
    roxmltree::Document::parse(&svg).unwrap();

    let text = printed(dir.path(), &both);
    for part in [
        "score",
        "observations[16]",
        "█",
        "SAC after",
        "return, episodes in each range",
    ] {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
    // Without a name that says the task there is no score, until it is said.
    std::fs::rename(dir.path().join(MEDIUM), dir.path().join("x.hdf5")).unwrap();
    assert!(json(dir.path(), &["data", "info", "x.hdf5"])[0]["normalized_score"].is_null());
    let said = json(
        dir.path(),
        &["data", "info", "x.hdf5", "--task", "halfcheetah"],
    );
    close(&said[0]["normalized_score"]["mean"], score);
    refused(&["data", "info", "nowhere.hdf5"], &["nowhere.hdf5"]);
}

#[test]
fn layouts_are_turned_into_one_another() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path(), &["--gap", "none/gravity=1.5"]);
    let at = |name: &str| dir.path().join(name);
    let convert = |from: &str, to: &str| printed(dir.path(), &["data", "convert", from, to]);
    convert(MEDIUM, "a.safetensors");
    convert("a.safetensors", "b.hdf5");
    let bytes = |name: &str| std::fs::read(at(name)).unwrap();
    assert!(bytes(MEDIUM) == bytes("b.hdf5"));
    let said = h2oplus(dir.path(), &["data", "convert", "a.safetensors", "c"]);
    assert!(
        stderr(&said).contains("policy is left out"),
        "{}",
        stderr(&said)
    );
    convert("c", "d.safetensors");
    convert("c", "e.safetensors");
    assert!(bytes("d.safetensors") == bytes("e.safetensors"));
    let (a, c) = (
        Dataset::read(at("a.safetensors")).unwrap(),
        Dataset::read(at("c")).unwrap(),
    );
    assert_eq!(
        (&a.observations, &a.qpos, &a.timeouts),
        (&c.observations, &c.qpos, &c.timeouts)
    );
    assert_eq!(a.gap["gravity"][1000..2000], c.gap["gravity"][1000..2000]);
    // It is trained on as it is.
    let train = [
        "train",
        "--algo",
        "iql",
        "--hidden",
        "8",
        "--updates",
        "1",
        "--eval-episodes",
        "1",
        "--data",
    ];
    printed(dir.path(), &[&train[..], &["a.safetensors"]].concat());

    runs::refused(
        dir.path(),
        &["data", "convert", MEDIUM, "a.csv"],
        &["a.csv", ".csv", ".hdf5"],
    );
    runs::refused(
        dir.path(),
        &["data", "convert", MEDIUM, MEDIUM],
        &["itself"],
    );
    runs::refused(
        dir.path(),
        &["data", "convert", MEDIUM, "data"],
        &["data", "other things"],
    );
    runs::refused(
        dir.path(),
        &["data", "convert", "nowhere", "a.hdf5"],
        &["nowhere"],
    );
    assert!(!at("data/data").exists() && !at("a.csv").exists());
}

#[test]
fn mixes_have_their_shares_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path(), &[]);
    let made = |out: &str, args: &[&str]| -> Dataset {
        printed(dir.path(), &[&["data", "mix", out], args].concat());
        Dataset::read(dir.path().join(out)).unwrap()
    };
    let medium = Dataset::read(dir.path().join(MEDIUM)).unwrap();
    let of_medium = |data: &Dataset| {
        let known: std::collections::BTreeSet<Vec<u32>> = medium
            .observations
            .chunks(17)
            .map(|row| row.iter().map(|x| x.to_bits()).collect())
            .collect();
        let rows = data.observations.chunks(17);
        rows.filter(|row| known.contains(&row.iter().map(|x| x.to_bits()).collect::<Vec<_>>()))
            .count()
    };
    let share = format!("{MEDIUM}:0.3");
    let parts = [share.as_str(), REPLAY, "--rows", "2000"];
    let mixed = made("a.hdf5", &parts);
    assert_eq!((mixed.len(), of_medium(&mixed)), (2000, 600));
    let again = made("b.hdf5", &parts);
    let bytes = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    assert!(bytes("a.hdf5") == bytes("b.hdf5"));
    assert_eq!(mixed.qpos.unwrap().len(), again.qpos.unwrap().len());
    let other = made("c.hdf5", &[&parts[..], &["--seed", "1"]].concat());
    assert!(
        other.observations != mixed.observations,
        "another seed, other episodes"
    );
    assert_eq!(of_medium(&other), 600);
    // D4RL's medium-expert is one after the other.
    let whole = made("d", &[MEDIUM, REPLAY]);
    assert_eq!(
        (whole.len(), &whole.observations[..4000 * 17]),
        (8000, &medium.observations[..])
    );
    let rows = made(
        "e.safetensors",
        &[&format!("{MEDIUM}:1500"), &format!("{REPLAY}:500")],
    );
    assert_eq!((rows.len(), of_medium(&rows)), (2000, 1500));
    // One whole episode of 1,000 rows, and one that is cut.
    let ends: Vec<usize> = rows.episodes().map(|rows| rows.len()).take(2).collect();
    assert!(ends == [1000, 500] || ends == [500, 1000], "{ends:?}");

    fn mix<'a>(parts: &[&'a str]) -> Vec<&'a str> {
        [&["data", "mix", "x.hdf5"], parts].concat()
    }
    let (half, most) = (format!("{MEDIUM}:0.5"), format!("{MEDIUM}:4001"));
    runs::refused(dir.path(), &mix(&[&half, &half, &half]), &["add up to 1.5"]);
    runs::refused(
        dir.path(),
        &mix(&[&most]),
        &["medium.hdf5", "4000 rows, of which 4001"],
    );
    runs::refused(dir.path(), &mix(&[&format!("{MEDIUM}:0")]), &["`0`"]);
    runs::refused(
        dir.path(),
        &mix(&[&most, REPLAY, "--rows", "5"]),
        &["--rows"],
    );
    runs::refused(
        dir.path(),
        &mix(&["nowhere.hdf5:0.5", REPLAY]),
        &["nowhere.hdf5"],
    );
    let walker = [
        "collect", "--task", "walker2d", "--from", "random", "--rows", "200",
    ];
    printed(dir.path(), &walker);
    let two = [MEDIUM, "data/walker2d-v2-random.hdf5"];
    runs::refused(
        dir.path(),
        &mix(&two),
        &["walker2d-v2-random.hdf5", "another robot"],
    );
    assert!(!dir.path().join("x.hdf5").exists());
}

#[test]
fn a_late_robot_with_a_dead_zone_explains_its_own_record() {
    let dir = tempfile::tempdir().unwrap();
    let human = ["--from", "human", "--rows", "2000", "--out", "."];
    let task = ["--task", "wheelleg-stand"];
    printed(dir.path(), &[&["collect"][..], &task, &human].concat());
    let gaps = ["--gap", "none/delay", "--gap", "task", "--rows", "500"];
    let measure = ["gap", "measure", "wheelleg-stand-human.hdf5"];
    let report = json(dir.path(), &[&measure[..], &gaps].concat());
    let nearest = report["nearest"].as_str().unwrap();
    assert!(
        nearest.contains("delay=2") && nearest.contains("dead-zone"),
        "{nearest}"
    );
    let gaps = report["gaps"].as_array().unwrap();
    let explained = |n: usize| gaps[n]["explained"].as_f64().unwrap();
    assert!(
        explained(0) > 0.999 && explained(1) < 0.5,
        "{} {}",
        gaps[0],
        gaps[1]
    );
}

#[test]
fn the_gap_that_data_were_recorded_under_explains_them() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path(), &["--gap", "friction=0.5", "--out", "slippery"]);
    shipped(dir.path(), &[]);
    let measure = |file: &str| {
        let args = [
            "gap",
            "measure",
            file,
            "--gap",
            "all",
            "--gap",
            "friction=0.5",
            "--rows",
            "500",
        ];
        json(dir.path(), &[&args[..], &["--svg", "a.svg"]].concat())
    };
    let report = measure("slippery/halfcheetah-v2-medium.hdf5");
    assert_eq!(report["nearest"], "friction=0.5");
    assert_eq!(
        (&report["transitions"], &report["recorded"][0]),
        (&500.into(), &"friction".into())
    );
    let gaps = report["gaps"].as_array().unwrap();
    assert!(gaps[0]["explained"].as_f64().unwrap() > 0.99, "{}", gaps[0]);
    let errors: Vec<f64> = gaps
        .iter()
        .map(|g| g["scaled_qvel"]["p99"].as_f64().unwrap())
        .collect();
    assert!(
        errors.is_sorted() && errors[1] > 100.0 * errors[0],
        "{errors:?}"
    );
    let svg = std::fs::read_to_string(dir.path().join("a.svg")).unwrap();
    roxmltree::Document::parse(&svg).unwrap();
    assert!(svg.contains("friction=0.5") && svg.contains("gravity=2"));
    // Negative control: without a gap, none explains more than none.
    let plain = measure(MEDIUM);
    assert_eq!(
        (&plain["nearest"], &plain["gaps"][0]["explained"]),
        (&"none".into(), &0.0.into())
    );
    // A strength that is not known is looked for.
    let drawn = [
        "gap",
        "measure",
        "slippery/halfcheetah-v2-medium.hdf5",
        "--rows",
        "100",
        "--gap",
        "friction=0.3..0.9",
    ];
    let drawn = json(dir.path(), &drawn);
    assert_eq!(drawn["gaps"].as_array().unwrap().len(), 16);
    let near: f64 = drawn["nearest"]
        .as_str()
        .unwrap()
        .trim_start_matches("friction=")
        .parse()
        .unwrap();
    assert!((near - 0.5).abs() < 0.1, "{near}");
    let text = printed(
        dir.path(),
        &[
            "gap",
            "measure",
            MEDIUM,
            "--rows",
            "50",
            "--gap",
            "none/gravity",
        ],
    );
    assert!(
        text.contains("nearest: none") && text.contains("gravity=2"),
        "{text}"
    );

    refused(
        &["gaps", "--task", "hopper"],
        &["gaps", "gap list", "gap measure"],
    );
    runs::refused(
        dir.path(),
        &["gap", "measure", MEDIUM, "--gap", "gravty"],
        &["gravty", "gravity"],
    );
    printed(
        dir.path(),
        &["data", "mix", "bare", &format!("{MEDIUM}:100")],
    );
    let mut bare = Dataset::read(dir.path().join("bare")).unwrap();
    bare.qpos = None;
    bare.write(dir.path().join("bare.hdf5")).unwrap();
    runs::refused(
        dir.path(),
        &["gap", "measure", "bare.hdf5"],
        &["bare.hdf5", "infos/qpos"],
    );
    runs::refused(
        dir.path(),
        &["verify", "physics", "--reference", MEDIUM],
        &["recorded transitions", "h2oplus gap measure"],
    );
}

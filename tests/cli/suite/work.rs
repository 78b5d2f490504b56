//! What comes of a suite that is trained, interrupted, or fails in parts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use ::h2oplus::run::record::motion::{Motion, MotionEnd};
use serde_json::Value;

use super::{MINI, START, command, h2oplus, mini, stderr, stdout};

/// Every number of every run but the times: group → lines of `metrics.jsonl`.
fn metrics(out: &Path) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(out.join("runs")).unwrap() {
        let run = entry.unwrap().path();
        let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let line = |line: &str| {
            let mut line: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
            line.retain(|key, _| {
                key != "wall_s" && key != "charts/SPS" && !key.starts_with("perf/")
            });
            serde_json::to_string(&line).unwrap()
        };
        let name = run.file_name().unwrap().to_string_lossy().into_owned();
        all.insert(name, text.lines().map(line).collect());
    }
    all
}

/// What is said of each group that has ended.
fn statuses(out: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(out.join("status"))
        .into_iter()
        .flatten()
        .flatten();
    let paths = entries
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "json"));
    paths
        .map(|p| {
            (
                p.file_stem().unwrap().to_string_lossy().into_owned(),
                fs::read_to_string(&p).unwrap(),
            )
        })
        .collect()
}

#[test]
fn killed_at_any_moment_it_goes_on_to_the_same_numbers_and_repeats_nothing() {
    let straight = tempfile::tempdir().unwrap();
    mini(straight.path(), MINI);
    let begun = Instant::now();
    let out = h2oplus(straight.path(), &START);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let took = begun.elapsed();
    let expected = metrics(&straight.path().join("out"));
    assert_eq!(expected.len(), 3, "IQL once, and H2O+ in two groups of two");

    let broken = tempfile::tempdir().unwrap();
    mini(broken.path(), MINI);
    let folder = broken.path().join("out");
    let mut kills = 0;
    let mut args = START.to_vec();
    loop {
        let before = statuses(&folder);
        let mut child = command(broken.path(), &args)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // A moment that is another one in every run of the test.
        let random = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .subsec_nanos();
        let wait = took.mul_f64(f64::from(random % 1000) / 1000.0 * 0.8);
        if kills < 4 {
            std::thread::sleep(wait);
        }
        let over = match kills < 4 {
            true => child.try_wait().unwrap(),
            false => Some(child.wait().unwrap()),
        };
        if over.is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        let after = statuses(&folder);
        for (group, status) in &before {
            assert_eq!(after.get(group), Some(status), "{group} was done before");
        }
        if let Some(over) = over {
            assert_eq!(over.code(), Some(0));
            break;
        }
        if folder.join("suite.toml").is_file() {
            args = vec!["suite", "--resume", "out", "--no-predict"];
        }
    }
    assert!(metrics(&folder) == expected, "after {kills} kills");

    // Negative control: other seeds give other numbers.
    let other = tempfile::tempdir().unwrap();
    mini(other.path(), &MINI.replace("\"0..1\"", "\"2..3\""));
    let out = h2oplus(other.path(), &START);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let other = metrics(&other.path().join("out"));
    assert!(expected.keys().eq(other.keys()) && expected != other);
}

#[test]
fn two_processes_share_a_folder() {
    let alone = tempfile::tempdir().unwrap();
    mini(alone.path(), MINI);
    let out = h2oplus(alone.path(), &START);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));

    let shared = tempfile::tempdir().unwrap();
    mini(shared.path(), MINI);
    let start = || {
        command(shared.path(), &START)
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    for mut child in [start(), start()] {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let folder = shared.path().join("out");
    assert_eq!(statuses(&folder).len(), 3);
    assert!(metrics(&folder) == metrics(&alone.path().join("out")));
    let entries = fs::read_dir(folder.join("runs")).unwrap();
    assert_eq!(entries.count(), 3, "each group in one folder");
}

#[test]
fn a_signal_saves_and_the_same_command_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    mini(dir.path(), MINI);
    let long = [&START[..], &["--updates", "1000000"]].concat();
    let mut child = command(dir.path(), &long)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let runs = dir.path().join("out/runs");
    let checkpoint = || {
        let run = fs::read_dir(&runs).ok()?.flatten().next()?.path();
        fs::read_dir(run.join("checkpoints")).ok()?.next()
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    while checkpoint().is_none() {
        assert!(Instant::now() < deadline, "no checkpoint appeared");
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(
        said.contains("go on with: h2oplus suite --resume out"),
        "{said}"
    );
    assert!(
        statuses(&dir.path().join("out")).is_empty(),
        "nothing is done"
    );
    // Another plan is not mixed into the folder; the same one goes on.
    let out = h2oplus(dir.path(), &START);
    assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
    assert!(
        stderr(&out).contains("holds another plan"),
        "{}",
        stderr(&out)
    );
}

#[test]
fn what_is_done_is_small_and_evaluates() {
    let dir = tempfile::tempdir().unwrap();
    let scaled = "algo = \"h2oplus\", settings = { standardise = true }, label = \"H2O+\"";
    let columns = MINI.replace("label = \"H2O+\"", scaled);
    mini(
        dir.path(),
        &format!("keep = [\"states\", \"motion\"]\n{columns}"),
    );
    let out = h2oplus(dir.path(), &START);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    assert!(
        stdout(&out).contains("3 of 3 groups done"),
        "{}",
        stdout(&out)
    );
    let before = statuses(&dir.path().join("out"));
    for group in before.keys() {
        let run = dir.path().join("out/runs").join(group);
        assert_eq!(fs::read_dir(run.join("checkpoints")).unwrap().count(), 0);
        let path = format!("out/runs/{group}");
        let out = h2oplus(
            dir.path(),
            &["eval", &path, "--episodes", "1", "--format", "json"],
        );
        assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
        let rows: Value = serde_json::from_str(&stdout(&out)).unwrap();
        assert_eq!(
            rows.as_array().unwrap().len(),
            4,
            "two members, each in two ways"
        );
        let out = h2oplus(dir.path(), &["train", "--resume", &path]);
        assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
        assert!(stderr(&out).contains("is done"), "{}", stderr(&out));
    }
    // The replay's rows are there: two cycles of 40 steps, as they were made.
    let path = dir
        .path()
        .join("out/runs/002-h2oplus-halfcheetah-v2-medium/states.safetensors");
    let bytes = fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("member_1.rows").unwrap().shape(), [80, 42]);
    let bytes = fs::read(
        dir.path()
            .join("out/runs/002-h2oplus-halfcheetah-v2-medium/networks.safetensors"),
    )
    .unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let shapes = |name: &str| file.tensor(name).unwrap().shape().to_vec();
    assert_eq!(shapes("member_0.qf1.0.weight"), [16, 23]);
    assert_eq!(shapes("member_0.vf.2.weight"), [1, 16]);
    // Whoever asks V needs the scale on which it sees states: that of the data, not the one before the first update.
    assert_eq!(shapes("member_0.state_scale"), [2, 17]);
    let scale = file.tensor("member_0.state_scale").unwrap().data();
    let untouched = [[0.0f32; 17], [1.0; 17]].concat();
    assert_ne!(
        scale,
        untouched
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<_>>()
    );
    // Two members, an episode of 50 s each, at 20 moments a second; nobody falls.
    let path = dir
        .path()
        .join("out/runs/002-h2oplus-halfcheetah-v2-medium/motion.csv");
    let motion = Motion::read(&path).unwrap();
    let known: Vec<_> = motion
        .iter()
        .map(|m| (m.member, m.seconds, m.end))
        .collect();
    assert_eq!(known, [0, 1].map(|member| (member, 50.0, MotionEnd::Limit)));
    assert!(motion.iter().all(|m| m.moments.len() == 1000));
    let out = h2oplus(dir.path(), &["report", "out"]);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let page = fs::read_to_string(dir.path().join("out/report/report.html")).unwrap();
    for part in [
        "Motion on the real task",
        "50.0 s (no fall in",
        "Displacement",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // The same command does nothing more.
    let out = h2oplus(dir.path(), &START);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    assert_eq!(statuses(&dir.path().join("out")), before);
}

#[test]
fn what_fails_or_diverges_is_said_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let rows = "[[tables.rows]]\nlabel = \"friction\"\ngap = \"friction\"\n";
    let bad = "[[tables.rows]]\nlabel = \"wild\"\ngap = \"gravity\"\nsettings = { qf_lr = 1e30 }\n\
               [[tables.rows]]\nlabel = \"lost\"\ngap = \"gravity\"\ndata = \"lost.hdf5\"\n";
    mini(dir.path(), &MINI.replace(rows, bad));
    let out = h2oplus(dir.path(), &START);
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    let said = stdout(&out);
    assert!(said.contains("diverged: run 0 in update"), "{said}");
    assert!(
        said.contains("failed: data lost.hdf5: no such file"),
        "{said}"
    );
    let all = statuses(&dir.path().join("out"));
    let state = |name: &str| {
        let status = all.iter().filter(|(group, _)| group.contains(name));
        status
            .map(|(_, text)| text.contains("\"done\""))
            .collect::<Vec<_>>()
    };
    assert_eq!(state("-medium"), [true; 4], "both methods, sound and wild");
    assert_eq!(state("-lost"), [false; 2]);
    let sound = all
        .iter()
        .filter(|(_, text)| text.contains("\"done\"") && text.contains("null,\n    null"));
    assert_eq!(
        sound.count(),
        2,
        "negative control: what did not diverge does not say so"
    );

    // Once the file is there, what failed is done, and nothing else is.
    let collect = [
        "collect", "--from", "shipped", "--rows", "2000", "--out", ".",
    ];
    let out = h2oplus(dir.path(), &collect);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    fs::rename(
        dir.path().join("halfcheetah-v2-medium.hdf5"),
        dir.path().join("lost.hdf5"),
    )
    .unwrap();
    let out = h2oplus(dir.path(), &["suite", "--resume", "out", "--no-predict"]);
    assert_eq!(
        out.status.code(),
        Some(1),
        "some diverged all the same: {}",
        stderr(&out)
    );
    let after = statuses(&dir.path().join("out"));
    assert!(after.values().all(|text| text.contains("\"done\"")));
    assert!(
        all.iter()
            .all(|(group, text)| group.contains("-lost") || after[group] == *text)
    );
}

/// Data of a shifted robot are made once, before the runs that need them, and not again; without them the runs fail
/// and are said.
#[test]
fn data_of_shifted_robots_are_made_first() {
    let dir = tempfile::tempdir().unwrap();
    let (head, _) = MINI.split_once("[[tables]]").unwrap();
    let collect = "collect = { rows = 300, updates = 4, medium = 40 }";
    let tables = r#"
[[tables]]
name = "mini"
title = "mini"
task = "hopper-v2"
data = "medium"
rows = [{ label = "stiff", real_gap = "kinematic_footjnt_hard" }]
"#;
    mini(dir.path(), &format!("{head}{collect}\n{tables}"));
    let out = h2oplus(dir.path(), &START);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let text = stderr(&out);
    assert!(text.contains("data of 1 robot:"), "{text}");
    let data = dir
        .path()
        .join("out/data/hopper_kinematic_footjnt_hard_medium.hdf5");
    let set = ::h2oplus::data::Dataset::read(&data).unwrap();
    assert_eq!(set.len(), 300);
    let runs = metrics(&dir.path().join("out"));
    assert!(
        runs.keys()
            .any(|name| name.contains("hopper_kinematic_footjnt_hard_medium"))
    );
    let scores = runs.values().flatten();
    let scored = scores.filter(|line| line.contains("eval/normalized_score"));
    assert!(scored.count() > 0, "a shifted robot has ODRL's score");

    let made = fs::metadata(&data).unwrap().modified().unwrap();
    let again = h2oplus(dir.path(), &["suite", "--resume", "out", "--no-predict"]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert_eq!(made, fs::metadata(&data).unwrap().modified().unwrap());
}

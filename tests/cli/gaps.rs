//! Lists, ranges and distributions of gaps from the command line to the records.

use std::collections::BTreeSet;
use std::path::Path;

use super::{h2oplus, only_run, small, stderr, stdout};
use h2oplus::data::Dataset;

const FILE: &str = "rows = 24\nredraw = true\n[gaps]\ngravity = { uniform = [0.5, 2.0] }\n\
                    friction = { log-uniform = [0.2, 1.0] }\n";

fn json(dir: &Path, args: &[&str]) -> serde_json::Value {
    let out = h2oplus(dir, args);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", stderr(&out));
    serde_json::from_str(&stdout(&out)).expect("JSON alone on stdout")
}

fn tensors(run: &Path, updates: u64) -> Vec<u8> {
    let path = run.join(format!("checkpoints/step_{updates}.safetensors"));
    let bytes = std::fs::read(path).expect("the checkpoint is there");
    // The header holds the seconds that the run took.
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

#[test]
fn a_run_records_its_rows_and_goes_on_from_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("random.toml");
    std::fs::write(&file, FILE).unwrap();
    let train = |updates| {
        let flags = [
            "--gap",
            "random.toml",
            "--seeds",
            "4,7",
            "--updates",
            updates,
        ];
        let out = h2oplus(dir.path(), &small(&flags));
        assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    };
    train("40");
    let whole = only_run(dir.path());
    let name = whole.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.contains("__random__"), "{name}");
    let text = std::fs::read_to_string(whole.join("dynamics.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 48, "24 rows a member");
    let gaps: BTreeSet<&str> = rows.iter().map(|r| r["gap"].as_str().unwrap()).collect();
    assert_eq!(gaps.len(), 48);
    assert!(
        gaps.iter()
            .all(|g| g.contains("gravity=") && g.contains("friction="))
    );
    assert!(rows.iter().all(|r| r["redrawn"] == true));
    assert_eq!(rows[30]["envs"].as_array().unwrap().len(), 8);
    assert_eq!(rows[30]["envs"][0], 8);
    let reference = tensors(&whole, 40);
    std::fs::remove_dir_all(dir.path().join("runs")).unwrap();

    // Half of it, then the file changes: the run would no longer be the one that its config describes.
    train("20");
    let run = only_run(dir.path());
    let changed = FILE.replace("0.5", "1.5");
    std::fs::write(&file, &changed).unwrap();
    let resume = [
        "train",
        "--resume",
        run.to_str().unwrap(),
        "--updates",
        "40",
    ];
    let out = h2oplus(dir.path(), &resume);
    assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
    assert!(stderr(&out).contains("random.toml"), "{}", stderr(&out));
    std::fs::write(&file, FILE).unwrap();
    let out = h2oplus(dir.path(), &resume);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    assert!(tensors(&run, 40) == reference, "resumed to other bits");

    // Negative control: other rows, another outcome.
    std::fs::write(&file, &changed).unwrap();
    std::fs::remove_dir_all(dir.path().join("runs")).unwrap();
    train("40");
    assert!(tensors(&only_run(dir.path()), 40) != reference);
}

#[test]
fn data_carry_the_strengths_they_were_made_under() {
    let dir = tempfile::tempdir().unwrap();
    let collect = |gap: &str, redraw: &[&str], out: &str| -> Dataset {
        let mut args = vec![
            "collect", "--from", "shipped", "--rows", "3000", "--out", out,
        ];
        args.extend(["--gap", gap]);
        args.extend(redraw);
        let done = h2oplus(dir.path(), &args);
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
        let path = dir.path().join(out).join("halfcheetah-v2-medium.hdf5");
        Dataset::read(path).unwrap()
    };
    let plain = collect("none", &[], "plain");
    assert!(plain.gap.is_empty());
    let mixed = collect("none/gravity=1.5", &[], "mixed");
    let gravity = &mixed.gap["gravity"];
    // Environments in turn, an episode of 1,000 steps each.
    assert!(
        gravity[..1000]
            .iter()
            .chain(&gravity[2000..])
            .all(|k| k.is_nan())
    );
    assert!(gravity[1000..2000].iter().all(|&k| k == 1.5));
    assert_eq!(plain.rewards[..1000], mixed.rewards[..1000]);
    assert_ne!(plain.rewards[1000..2000], mixed.rewards[1000..2000]);

    let drawn = collect("friction=0.5..1.5", &["--gap-rows", "2"], "drawn");
    let friction = &drawn.gap["friction"];
    let values: BTreeSet<u64> = friction.iter().map(|k| k.to_bits()).collect();
    assert_eq!(values.len(), 2, "two rows for three environments");
    assert!(friction.iter().all(|k| (0.5..1.5).contains(k)));
    assert_eq!(friction[0], friction[2999]);
}

#[test]
fn commands_take_the_new_forms() {
    let dir = tempfile::tempdir().unwrap();
    let bench = |gap: &[&str]| {
        let mut args = vec!["bench", "sim", "--num-envs", "32", "--seconds", "0.05"];
        args.extend(["--format", "json"]);
        args.extend(gap);
        json(dir.path(), &args)
    };
    assert_eq!(
        bench(&["--gap", "none/gravity/friction"])["parameter_rows"],
        3
    );
    let drawn = bench(&[
        "--gap",
        "gravity=0.5..2",
        "--gap-redraw",
        "--gap-rows",
        "20",
    ]);
    assert_eq!(
        (&drawn["parameter_rows"], &drawn["redrawn"]),
        (&20.into(), &true.into())
    );

    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/behaviour/walker2d-v2.safetensors"),
        dir.path().join("walker2d.safetensors"),
    )
    .unwrap();
    let eval = |gap: &str, seed: &str| {
        let args = [
            "eval",
            "walker2d.safetensors",
            "--episodes",
            "6",
            "--actions",
            "deterministic",
            "--format",
            "json",
            "--gap",
            gap,
            "--seed",
            seed,
        ];
        let rows = json(dir.path(), &args);
        rows.as_array().unwrap().last().unwrap().clone()
    };
    assert!(eval("none", "1").get("each").is_none());
    let row = eval("gravity=0.8..1.2", "1");
    let each = row["each"].as_array().unwrap();
    let gaps: BTreeSet<&str> = each.iter().map(|e| e["gap"].as_str().unwrap()).collect();
    assert_eq!((each.len(), gaps.len()), (6, 6));
    let mean = each
        .iter()
        .map(|e| e["return"].as_f64().unwrap())
        .sum::<f64>()
        / 6.0;
    assert!((mean - row["return_mean"].as_f64().unwrap()).abs() < 1e-6);
    assert_eq!(row, eval("gravity=0.8..1.2", "1"));
    assert_ne!(row["each"], eval("gravity=0.8..1.2", "2")["each"]);
}

#[test]
fn the_effect_of_gaps_is_told_from_the_floor() {
    let dir = tempfile::tempdir().unwrap();
    let effect = |gap: &str| {
        let args = [
            "gap",
            "effect",
            "--task",
            "walker2d",
            "--trajectories",
            "8",
            "--gap",
            gap,
            "--format",
            "json",
        ];
        json(dir.path(), &args)
    };
    let report = effect("gravity=1.001/gravity=2");
    let by = report["actions"].as_array().unwrap();
    assert_eq!(by.len(), 2, "random actions and the shipped behaviour's");
    for by in by {
        let gaps = by["gaps"].as_array().unwrap();
        assert_eq!(gaps[0]["gap"], "gravity=2", "the largest first");
        let at = |gap: &serde_json::Value, i: usize| gap["horizons"][i]["qvel"]["median"].as_f64();
        let floor = by["floor"][0]["qvel"]["median"].as_f64().unwrap();
        assert!(floor > 0.0 && floor < 1e-3, "{floor}");
        // One env step is short enough to be linear: a thousandth of the edit, a thousandth as far.
        let ratio = at(&gaps[0], 0).unwrap() / at(&gaps[1], 0).unwrap();
        assert!((300.0..3000.0).contains(&ratio), "{ratio}");
        let beyond = gaps[0]["beyond_floor"][0].as_f64().unwrap();
        assert!(beyond > 0.8, "{beyond}");
        assert_eq!(by["floor"][3]["env_steps"], 1000);
    }
    // Random actions make walkers fall: no pair runs for a thousand steps.
    assert_eq!(by[0]["floor"][3]["pairs"], 0);
    assert!(by[0]["floor"][3]["qvel"].is_null());

    let args = ["gap", "effect", "--task", "walker2d", "--trajectories", "4"];
    let out = h2oplus(dir.path(), &args);
    let text = stdout(&out);
    for part in [
        "floor",
        "big-thigh=2",
        "1000 steps",
        "pairs beyond the floor",
        "actions: random",
    ] {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

#[test]
fn bad_domains_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("bad.toml"),
        "[gaps]\ngravity = { uniform = [2, 1] }\n",
    )
    .unwrap();
    std::fs::write(dir.path().join("good.toml"), FILE).unwrap();
    for (args, parts) in [
        (
            vec!["train", "--gap", "gravity=2..1"],
            vec!["gravity=2..1", "smaller bound first"],
        ),
        (
            vec!["train", "--gap", "bad.toml"],
            vec!["bad.toml: gaps.gravity"],
        ),
        (vec!["train", "--gap", "gone.toml"], vec!["gone.toml"]),
        (
            vec!["train", "--gap", "gravity", "--gap-redraw"],
            vec!["nothing to redraw"],
        ),
        (
            vec!["train", "--gap", "gravity", "--gap-rows", "4"],
            vec!["no strength is drawn"],
        ),
        (
            vec!["train", "--gap", "good.toml", "--gap-rows", "0"],
            vec!["--gap-rows"],
        ),
        (
            vec!["train", "--gap", "big-thigh=0..1"],
            vec!["big-thigh=0", "radius 0"],
        ),
        (
            vec!["bench", "sim", "--gap", "none/gravty"],
            vec!["no gap `gravty`"],
        ),
        (
            vec!["collect", "--gap", "gravity=1"],
            vec!["changes nothing"],
        ),
        (
            vec!["gap", "list", "--task", "walker2d", "--gap", "gravity=1..2"],
            vec!["gravity=1..2", "gap effect"],
        ),
        (
            vec!["gap", "effect", "--task", "walker2d", "--trajectories", "0"],
            vec!["--trajectories", "from 1"],
        ),
    ] {
        let out = h2oplus(dir.path(), &args);
        let text = stderr(&out);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{args:?}: no `{part}` in: {text}");
        }
        assert!(!text.contains("panicked"), "{args:?}: {text}");
        assert!(
            !dir.path().join("runs").exists(),
            "{args:?} left a run folder"
        );
        assert!(
            !dir.path().join("data").exists(),
            "{args:?} left a data folder"
        );
    }
}

//! `collect --from human`: a scripted human drives the wheel-legged robot.

use std::fs;
use std::path::Path;

use ::h2oplus::data::Dataset;

use super::runs::{done, refused};
use super::stdout;

const STAND: [&str; 5] = ["collect", "--task", "wheelleg-stand", "--from", "human"];

fn collected(dir: &Path, more: &[&str]) -> Dataset {
    done(dir, &[&STAND[..], more].concat());
    Dataset::read(dir.join("data/wheelleg-stand-human.hdf5")).unwrap()
}

/// Least and greatest of column `at` of rows of `width`.
fn range(rows: &[f32], width: usize, at: usize) -> [f32; 2] {
    let column = rows.chunks(width).map(|row| row[at]);
    [
        column.clone().fold(f32::MAX, f32::min),
        column.fold(f32::MIN, f32::max),
    ]
}

#[test]
fn ninety_seconds_are_recorded_in_which_it_stands_but_not_still() {
    let dir = tempfile::tempdir().unwrap();
    let data = collected(dir.path(), &[]);
    assert_eq!((data.len(), data.obs_dim, data.act_dim), (16_588, 4, 1));
    assert!(!data.terminals.contains(&true), "it never falls");
    assert!(data.source.contains("human"), "{}", data.source);
    // Displacement: it sways by centimetres about where it is to stand.
    let qpos = data.qpos.as_ref().unwrap();
    let [low, high] = range(qpos, 4, 0);
    assert!(
        (-0.6..-0.05).contains(&low) && (0.05..0.6).contains(&high),
        "{low} {high}"
    );
    let [low, high] = range(&data.actions, 1, 0);
    assert!(
        low >= -6.0 && high <= 6.0 && high - low > 1.0,
        "{low} {high}"
    );
    // The same seed drives the same way, on any number of threads; another one does not.
    let again = |more: &[&str]| collected(dir.path(), more).actions;
    assert_eq!(again(&["--seed", "0"]), data.actions);
    let other = again(&["--seed", "1"]);
    assert_ne!(other, data.actions);
    assert_eq!(again(&["--rows", "500"]).len(), 500);
}

#[test]
fn a_run_learns_from_it_without_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let args = "train --task wheelleg-forward --data human --algo iql --updates 2 --eval-every 2 --eval-episodes 1";
    let text = done(dir.path(), &args.split(' ').collect::<Vec<_>>());
    assert!(text.contains("real data 16588 rows"), "{text}");
}

#[test]
fn who_is_not_driven_by_hand_is_told_who_is() {
    let dir = tempfile::tempdir().unwrap();
    let parts = [
        "halfcheetah-v2",
        "nobody drives it by hand",
        "wheelleg-stand",
    ];
    refused(dir.path(), &["collect", "--from", "human"], &parts);
    let parts = ["--quality medium", "--from human"];
    refused(
        dir.path(),
        &[&STAND[..], &["--quality", "medium"]].concat(),
        &parts,
    );
    // A task of one's own may name a driver, whose numbers are checked.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("envs/wheelleg-stand.toml")).unwrap();
    for (from, to, part) in [
        ("rows = 16_588", "rows = 0", "human.rows"),
        ("pause = [0.15, 0.6]", "pause = [0.6, 0.15]", "human.pause"),
        ("delay = 0.2", "delay = -0.2", "human.delay"),
        ("lapses = 0.05", "lapses = 1.5", "human.lapses"),
        ("place = 0.0", "place = nan", "human.wish"),
        ("error = 0.1", "errors = 0.1", "errors"),
    ] {
        let own = dir.path().join("own.toml");
        assert!(text.contains(from), "{from}");
        fs::write(&own, text.replace(from, to)).unwrap();
        refused(
            dir.path(),
            &["collect", "--task", "./own.toml", "--from", "human"],
            &[part],
        );
    }
    fs::write(dir.path().join("own.toml"), text).unwrap();
    let out = super::h2oplus(
        dir.path(),
        &[
            "collect",
            "--task",
            "./own.toml",
            "--from",
            "human",
            "--rows",
            "300",
        ],
    );
    assert!(stdout(&out).contains("own human"), "{}", stdout(&out));
}

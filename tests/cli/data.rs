//! What `--data` names, and what is said of what lies there: a note, once, or one message.

use std::path::{Path, PathBuf};

use super::errors::refused;
use super::{h2oplus, small, stderr, stdout};

/// A D4RL file for half-cheetah: 3 episodes of 20 rows of reward 1.
fn cheetah(folder: &Path, edit: impl Fn(&mut h2oplus::data::Dataset)) -> PathBuf {
    let n = 60;
    let mut data = h2oplus::data::Dataset {
        source: "made for the test".into(),
        obs_dim: 17,
        act_dim: 6,
        observations: (0..n * 17).map(|k| (k / 17) as f32).collect(),
        actions: vec![0.5; n * 6],
        rewards: vec![1.0; n],
        next_observations: (0..n * 17).map(|k| (k / 17 + 1) as f32).collect(),
        terminals: vec![false; n],
        timeouts: (0..n).map(|row| row % 20 == 19).collect(),
        ..Default::default()
    };
    edit(&mut data);
    let path = folder.join("data.hdf5");
    h2oplus::data::d4rl::write(&path, &data).unwrap();
    path
}

/// Trains two updates on `path`; what stdout and stderr say.
fn train(folder: &Path, path: &Path) -> (String, String) {
    let iql = [
        "--algo",
        "iql",
        "--gap",
        "none",
        "--hidden",
        "8",
        "--updates",
        "2",
    ];
    let data = ["--format", "short", "--data", path.to_str().unwrap()];
    let out = h2oplus(folder, &small(&[&iql[..], &data].concat()));
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    (stdout(&out), stderr(&out))
}

#[test]
fn what_is_odd_about_a_file_is_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let plain = cheetah(folder.path(), |_| ());
    let (results, said) = train(folder.path(), &plain);
    assert!(results.contains("data.hdf5) 20 0"), "{results}");
    assert!(!said.contains("note:"), "{said}");

    type Edit = fn(&mut h2oplus::data::Dataset);
    let odd: [(Edit, &str); 3] = [
        (
            |data| data.actions[7] = -4.5,
            "actions of 1 rows leave [-1, 1] (first in row 1, column 1: -4.5); they are clipped",
        ),
        (
            |data| data.terminals = std::mem::take(&mut data.timeouts),
            "3 rows are terminal, but this task never terminates",
        ),
        (
            |data| {
                data.timeouts = vec![false; 60];
                data.next_observations[19 * 17] += 5.0;
                data.next_observations[39 * 17] -= 5.0;
            },
            "timeouts does not mark 2 episode ends",
        ),
    ];
    for (edit, note) in odd {
        let path = cheetah(folder.path(), |data| {
            edit(data);
            data.timeouts.resize(60, false);
        });
        let (results, said) = train(folder.path(), &path);
        assert!(results.contains("data.hdf5) 20 0"), "{results}");
        assert_eq!(said.matches("note:").count(), 1, "{said}");
        assert!(said.contains(note), "{note} in {said}");
    }
}

#[test]
fn names_of_data_sets_elsewhere_get_an_answer() {
    let shipped = "`medium`, `medium-replay` or `random`";
    for (name, parts) in [
        (
            "halfcheetah-medium-v2",
            &[
                "not downloaded",
                "~/.d4rl/datasets/halfcheetah_medium-v2.hdf5",
            ][..],
        ),
        (
            "walker2d-full-replay-v2",
            &["not downloaded", "walker2d_full_replay-v2.hdf5"],
        ),
        (
            "mujoco/halfcheetah/medium-v0",
            &[
                "not downloaded",
                "~/.minari/datasets/mujoco/halfcheetah/medium-v0",
            ],
        ),
        (
            "medium-expert",
            &["neither a file nor a data set that is shipped"],
        ),
        ("nowhere.hdf5", &["no such file"]),
    ] {
        let parts: Vec<&str> = [name, shipped]
            .into_iter()
            .chain(parts.iter().copied())
            .collect();
        refused(&["train", "--data", name], &parts);
    }
    refused(
        &["verify", "physics", "--reference", "nowhere.hdf5"],
        &["nowhere.hdf5", "h2oplus gap measure nowhere.hdf5"],
    );
}

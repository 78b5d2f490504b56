//! `collect --replay whole`: everything that the agent did; and `--quality`: the sets that are made of a training.

use std::path::Path;

use ::h2oplus::data::Dataset;
use ::h2oplus::rng::{Stream, fill_unit};

use super::errors::refused;
use super::{h2oplus, only_run, stderr};

/// Rows of a round of simulator steps, and the environments that make them.
const ROUND: usize = 1000;
const ENVS: usize = 8;

fn collect(dir: &Path, more: &[&str], code: i32) -> String {
    let out = h2oplus(dir, &[&["collect"], more].concat());
    assert_eq!(out.status.code(), Some(code), "{more:?}: {}", stderr(&out));
    stderr(&out)
}

fn read(dir: &Path, name: &str) -> Dataset {
    Dataset::read(dir.join("data").join(name)).unwrap()
}

/// Two rounds of a walker, which falls often.
const WALKER: [&str; 8] = [
    "--task",
    "walker2d",
    "--replay",
    "whole",
    "--quality",
    "medium-replay",
    "--updates",
    "501",
];

#[test]
fn the_whole_replay_is_what_training_pushed() {
    let dir = tempfile::tempdir().unwrap();
    collect(dir.path(), &WALKER, 1);
    let data = read(dir.path(), "walker2d-v2-medium-replay.hdf5");
    assert_eq!(data.len(), 2 * ROUND);
    assert_eq!(data.notes, [""; 0]);
    // The first episodes are random: those actions are known.
    let mut draw = [0f32; 6];
    let first = data.episodes().next().unwrap();
    for step in 0..first.len() {
        fill_unit(&mut draw, 0, 0, step as u32, Stream::Action);
        let due = draw.map(|u| 2.0 * u - 1.0);
        assert_eq!(data.actions[step * 6..][..6], due, "step {step}");
    }
    // Rows of an episode follow one another, and what ends one is a fall, the step limit, or the end of the training.
    let (mut falls, mut cuts) = (0, 0);
    for episode in data.episodes() {
        let last = episode.end - 1;
        for row in episode.start..last {
            let (next, now) = (
                &data.next_observations[row * 17..],
                &data.observations[(row + 1) * 17..],
            );
            assert_eq!(next[..17], now[..17], "row {row}");
        }
        assert!(data.terminals[last] != data.timeouts[last]);
        let state = &data.next_observations[last * 17..][..17];
        let fallen = !(0.8..2.0).contains(&state[0]) || state[1].abs() > 1.0;
        assert_eq!(data.terminals[last], fallen, "row {last}");
        falls += usize::from(data.terminals[last]);
        cuts += usize::from(data.timeouts[last]);
    }
    assert!(falls > 10, "{falls}");
    // The episodes that go on when training ends, one an environment at most.
    assert!((1..=ENVS).contains(&cuts), "{cuts}");
    // The states are those that the observations were taken from.
    let (qpos, qvel) = (data.qpos.as_ref().unwrap(), data.qvel.as_ref().unwrap());
    assert_eq!((qpos.len(), qvel.len()), (data.len() * 9, data.len() * 9));
    for row in 0..data.len() {
        let seen = &data.observations[row * 17..][..17];
        assert_eq!(seen[..8], qpos[row * 9 + 1..][..8], "row {row}");
        let clipped: Vec<f32> = qvel[row * 9..][..9]
            .iter()
            .map(|v| v.clamp(-10.0, 10.0))
            .collect();
        assert_eq!(seen[8..], clipped, "row {row}");
    }

    // The first rows of the same training, in whole steps of the environments.
    let short = tempfile::tempdir().unwrap();
    collect(
        short.path(),
        &[&WALKER[..6], &["--rows", "804"]].concat(),
        1,
    );
    let part = read(short.path(), "walker2d-v2-medium-replay.hdf5");
    assert_eq!(part.len(), 804);
    let whole = only_run(short.path());
    let config = std::fs::read_to_string(whole.join("config.toml")).unwrap();
    assert!(config.contains("updates = 500\n"), "{config}");
    assert_eq!(
        part.observations[..first.len() * 17],
        data.observations[..first.len() * 17]
    );
    // Negative control: another seed, other transitions.
    let other = tempfile::tempdir().unwrap();
    collect(other.path(), &[&WALKER[..], &["--seed", "1"]].concat(), 1);
    assert!(read(other.path(), "walker2d-v2-medium-replay.hdf5").actions != data.actions);
}

#[test]
fn a_whole_replay_goes_on_and_is_trained_on() {
    let (straight, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sized = |rows| [&WALKER[..6], &["--rows", rows]].concat();
    collect(straight.path(), &sized("2000"), 1);
    collect(dir.path(), &sized("1000"), 1);
    let run = only_run(dir.path());
    let resume = ["--resume", run.to_str().unwrap()];
    collect(dir.path(), &[&resume[..], &["--rows", "2000"]].concat(), 1);
    let name = "data/walker2d-v2-medium-replay.hdf5";
    let bytes = |dir: &Path| std::fs::read(dir.join(name)).unwrap();
    assert!(bytes(straight.path()) == bytes(dir.path()));
    let text = h2oplus(
        dir.path(),
        &["collect", "--resume", resume[1], "--replay", "snapshots"],
    );
    assert_eq!(text.status.code(), Some(2));
    assert!(stderr(&text).contains("--replay"), "{}", stderr(&text));

    let train = [
        "train",
        "--task",
        "walker2d",
        "--algo",
        "iql",
        "--hidden",
        "8",
        "--updates",
        "2",
        "--eval-episodes",
        "1",
        "--data",
        name,
    ];
    let out = h2oplus(dir.path(), &train);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    assert!(!stderr(&out).contains("note:"), "{}", stderr(&out));
}

#[test]
fn sets_of_every_quality_come_of_one_training() {
    let dir = tempfile::tempdir().unwrap();
    let five = "random,medium,medium-replay,expert,medium-expert";
    let sizes = [
        "--updates",
        "6",
        "--rows",
        "60",
        "--target-return=-1e9",
        "--quality",
    ];
    let cheetah = |more: &[&str], code| collect(dir.path(), &[&sizes[..], more].concat(), code);
    cheetah(&[five], 0);
    let data = |quality: &str| read(dir.path(), &format!("halfcheetah-v2-{quality}.hdf5"));
    for quality in five.split(',') {
        assert_eq!(data(quality).len(), 60, "{quality}");
    }
    // Six updates, a snapshot behind them: one policy is medium and expert.
    let policy = |quality: &str| data(quality).policy.map(|p| p.policy);
    assert_eq!(policy("medium"), policy("expert"));
    assert_eq!(policy("medium-expert"), policy("medium"));
    assert_eq!(policy("random"), None);
    let (medium, expert, both) = (data("medium"), data("expert"), data("medium-expert"));
    assert_ne!(medium.actions, expert.actions, "they begin elsewhere");
    assert_eq!(both.actions[..30 * 6], medium.actions[..30 * 6]);
    assert_eq!(both.actions[30 * 6..], expert.actions[..30 * 6]);

    // The policy of a run, without training.
    let run = only_run(dir.path());
    std::fs::remove_dir_all(dir.path().join("data")).unwrap();
    collect(
        dir.path(),
        &["--rows", "60", "--from", run.to_str().unwrap()],
        0,
    );
    let rolled = data("expert");
    assert_eq!(rolled.policy.as_ref().unwrap().iteration, 6);
    assert_eq!(
        std::fs::read_dir(dir.path().join("data")).unwrap().count(),
        1
    );

    let from = |from| ["collect", "--from", from];
    for (args, parts) in [
        (
            [&from("shipped")[..], &["--quality", "expert"]].concat(),
            &["--quality expert", "shipped"][..],
        ),
        (
            [&from("random")[..], &["--quality", "medium"]].concat(),
            &["--quality medium", "random"],
        ),
        (
            [&from("shipped")[..], &["--replay", "whole"]].concat(),
            &["--replay whole", "training"],
        ),
        (
            vec!["collect", "--replay", "whole", "--gap", "gravity"],
            &["--gap", "trained on", "--replay snapshots"],
        ),
        (
            vec!["collect", "--quality", "medum"],
            &["--quality", "medum", "medium"],
        ),
        (
            vec!["collect", "--quality", "medium,medium"],
            &["--quality", "twice"],
        ),
        (
            vec!["collect", "--replay", "whole", "--rows", "1000001"],
            &["--rows", "1000000"],
        ),
        (
            vec!["collect", "--replay", "whole", "--updates", "600000"],
            &["--updates", "1000000"],
        ),
        (
            vec![
                "collect",
                "--replay",
                "whole",
                "--updates",
                "9",
                "--rows",
                "2000",
            ],
            &["--updates", "`--rows`", "501"],
        ),
    ] {
        refused(&args, parts);
    }
}

//! Whole env steps of the hopper against Gymnasium's: observation, reward, termination.

use h2oplus::engine::PlanarVecEnv;
use h2oplus::engine::planar::Precision;
use h2oplus::env::{EnvSpec, StepBatch, Task, VecEnv};
use safetensors::SafeTensors;
use std::path::Path;

/// Steps of several episodes, one after the other (tests/reference/gymnasium/record.py).
struct Recorded {
    /// `[n, 6]`: before each step.
    qpos: Vec<f64>,
    /// `[n, 6]`.
    qvel: Vec<f64>,
    /// `[n, 3]`.
    action: Vec<f32>,
    /// `[n, 11]`: after it.
    obs: Vec<f64>,
    /// `[n]`.
    reward: Vec<f64>,
    /// `[n]`.
    terminated: Vec<bool>,
    /// First step of each episode, and the end.
    bounds: Vec<usize>,
}

impl Recorded {
    fn load(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/gymnasium");
        let bytes = std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let numbers = |name: &str| -> Vec<f64> {
            let data = file.tensor(name).unwrap().data().to_vec();
            let number = |b: &[u8]| f64::from_le_bytes(b.try_into().unwrap());
            data.chunks(8).map(number).collect()
        };
        let flags = |name: &str| -> Vec<bool> {
            let view = file.tensor(name).unwrap();
            view.data().iter().map(|&b| b != 0).collect()
        };
        let start = flags("start");
        let mut bounds: Vec<usize> = (0..start.len()).filter(|&i| start[i]).collect();
        bounds.push(start.len());
        Self {
            qpos: numbers("qpos"),
            qvel: numbers("qvel"),
            action: numbers("action").iter().map(|x| *x as f32).collect(),
            obs: numbers("obs"),
            reward: numbers("reward"),
            terminated: flags("terminated"),
            bounds,
        }
    }

    /// Largest error of observation and reward of environment `e` of `batch` after step `i`, over
    /// max(1, magnitude).
    fn errors(&self, i: usize, batch: &StepBatch, e: usize) -> [f64; 2] {
        let one = |is: f32, want: f64| (f64::from(is) - want).abs() / want.abs().max(1.0);
        let obs = batch.next_obs[e * 11..][..11]
            .iter()
            .zip(&self.obs[i * 11..][..11]);
        let obs = obs.map(|(is, want)| one(*is, *want)).fold(0.0, f64::max);
        [obs, one(batch.reward[e], self.reward[i])]
    }
}

/// Every recorded step from its own start: largest errors of observation and reward, and the steps
/// with another end.
fn each_step(task: &Task, recorded: &Recorded) -> ([f64; 2], usize) {
    let n = recorded.reward.len();
    let mut env =
        PlanarVecEnv::new(EnvSpec::of_gaps(task, &[], n, 0).unwrap(), Precision::F64).unwrap();
    env.reset().unwrap();
    for e in 0..n {
        let row = |values: &[f64]| values[e * 6..][..6].to_vec();
        env.set_state(e, &row(&recorded.qpos), &row(&recorded.qvel));
    }
    let batch = env.step(&recorded.action).unwrap();
    let mut worst = [0.0f64; 2];
    for e in 0..n {
        let error = recorded.errors(e, batch, e);
        worst = [0, 1].map(|k| worst[k].max(error[k]));
    }
    let other = (0..n).filter(|&e| batch.terminated[e] != recorded.terminated[e]);
    (worst, other.count())
}

#[test]
fn each_step_is_gymnasiums() {
    for name in ["hopper-v4", "hopper-v5"] {
        let (task, recorded) = (Task::load(name).unwrap(), Recorded::load(name));
        // A task sees float32 numbers: actions, observations and rewards are rounded to it.
        const TOLERANCE: f64 = 1e-6;
        let ([obs, reward], other) = each_step(&task, &recorded);
        assert!(
            obs < TOLERANCE && reward < TOLERANCE,
            "{name}: {obs:e} {reward:e}"
        );
        assert_eq!(other, 0, "{name}");

        type Edit = fn(&mut Task);
        let edits: [(&str, Edit); 4] = [
            ("forward", |t| t.reward.forward_velocity *= 1.01),
            ("control", |t| t.reward.control_cost *= 1.01),
            ("healthy", |t| t.reward.healthy *= 1.01),
            ("on fall", |t| {
                t.reward.healthy_on_fall = !t.reward.healthy_on_fall
            }),
        ];
        for (what, edit) in edits {
            let mut task = task.clone();
            edit(&mut task);
            let ([_, reward], _) = each_step(&task, &recorded);
            assert!(reward > TOLERANCE, "{name}: {what} passed: {reward:e}");
        }
        let mut lax = task.clone();
        lax.healthy_state = None;
        assert_eq!(
            each_step(&lax, &recorded).1,
            1,
            "{name}: the last episode starts too fast"
        );
        lax.healthy.clear();
        assert_eq!(
            each_step(&lax, &recorded).1,
            7,
            "{name}: seven episodes end"
        );
    }
}

#[test]
fn whole_episodes_are_gymnasiums() {
    for name in ["hopper-v4", "hopper-v5"] {
        let (task, recorded) = (Task::load(name).unwrap(), Recorded::load(name));
        for episode in recorded.bounds.windows(2) {
            let mut env =
                PlanarVecEnv::new(EnvSpec::of_gaps(&task, &[], 1, 0).unwrap(), Precision::F64)
                    .unwrap();
            env.reset().unwrap();
            let first = episode[0];
            let row = |values: &[f64]| values[first * 6..][..6].to_vec();
            env.set_state(0, &row(&recorded.qpos), &row(&recorded.qvel));
            for i in first..episode[1] {
                let batch = env.step(&recorded.action[i * 3..][..3]).unwrap();
                assert_eq!(batch.terminated[0], recorded.terminated[i], "{name} {i}");
                let [obs, reward] = recorded.errors(i, batch, 0);
                // Rounding of the actions grows from step to step.
                assert!(
                    obs < 1e-4 && reward < 1e-4,
                    "{name} {i}: {obs:e} {reward:e}"
                );
            }
        }
    }
}

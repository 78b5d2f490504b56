//! The wheel-legged robot: what it sees, what it is paid, and that it can be balanced.

use crate::contract::engines;
use h2oplus::env::{EnvSpec, StepBatch, Task, VecEnv};
use h2oplus::model::Gap;

const ENVS: usize = 4;

/// A torque that balances, in N m, of what the standing robot sees.
fn balance(obs: &[f32]) -> f32 {
    60.0 * obs[0] + 8.0 * obs[1] + 1.5 * obs[2] + 3.0 * obs[3]
}

/// Env steps until the first robot falls, of `steps`, under `torque` of each one's observation.
fn upright(
    env: &mut dyn VecEnv,
    steps: usize,
    torque: impl Fn(&[f32]) -> f32,
    mut each: impl FnMut(&[f32], &StepBatch),
) -> usize {
    let mut obs = env.reset().unwrap().to_vec();
    let width = env.obs_dim();
    for step in 0..steps {
        let of = |obs: &[f32]| (torque(obs) / 6.0).clamp(-1.0, 1.0);
        let actions: Vec<f32> = obs.chunks(width).map(of).collect();
        let batch = env.step(&actions).unwrap();
        each(&actions, batch);
        if batch.terminated.contains(&true) {
            return step;
        }
        obs.copy_from_slice(&batch.obs);
    }
    steps
}

/// In every engine the reward is that of the state that it ends in, and its terms add up to it.
#[test]
fn the_reward_is_that_of_the_state() {
    for (name, paid) in [
        (
            "wheelleg-stand",
            (|o, u| 30.0 - o[2] * o[2] - o[3] * o[3] - o[0] * o[0] - o[1] * o[1] - u * u)
                as fn(&[f64], f64) -> f64,
        ),
        ("wheelleg-forward", |o, u| {
            15.0 - (o[0] - 0.2).powi(2) - u * u
        }),
    ] {
        let task = Task::load(name).unwrap();
        for engine in engines() {
            let spec = EnvSpec::of_gaps(&task, &[], ENVS, 3).unwrap();
            let mut env = engine.build(&spec);
            let width = env.obs_dim();
            let each = |actions: &[f32], batch: &StepBatch| {
                for (e, seen) in batch.next_obs.chunks(width).enumerate() {
                    let seen: Vec<f64> = seen.iter().map(|x| f64::from(*x)).collect();
                    let (want, is) = (
                        paid(&seen, 6.0 * f64::from(actions[e])),
                        f64::from(batch.reward[e]),
                    );
                    assert!(
                        (is - want).abs() < 1e-4,
                        "{engine}, {name}: {is}, not {want}"
                    );
                    if let Some(t) = batch.terms.get(e) {
                        let sum = t.forward + t.healthy + t.control + t.state;
                        assert!((is - sum).abs() < 1e-5, "{engine}, {name}: {is}, not {sum}");
                    }
                }
            };
            let still = |obs: &[f32]| 0.5 + 3.0 * obs[0];
            assert!(upright(env.as_mut(), 600, still, each) < 600, "{engine}");
        }
    }
}

/// A linear law holds the robot up for 30 s, in the drawing and on the carpet; none lets it fall within 3 s.
#[test]
fn it_stands_if_it_is_balanced() {
    let task = Task::load("wheelleg-stand").unwrap();
    for engine in engines() {
        for gap in [Gap::none(), task.real.clone()] {
            let spec = EnvSpec::of_gaps(&task, std::slice::from_ref(&gap), ENVS, 5).unwrap();
            let mut far = 0.0f32;
            let each = |_: &[f32], batch: &StepBatch| {
                far = batch
                    .next_obs
                    .chunks(4)
                    .fold(far, |far, o| far.max(o[2].abs()));
            };
            let mut env = engine.build(&spec);
            let stood = upright(env.as_mut(), 5519, balance, each);
            assert_eq!(stood, 5519, "{engine}, {gap}");
            assert!(far < 2.0, "{engine}, {gap}: {far} m away");
            let fell = upright(env.as_mut(), 5519, |_| 0.0, |_, _| ());
            assert!(fell < 3 * 184, "{engine}, {gap}: {fell}");
        }
    }
}

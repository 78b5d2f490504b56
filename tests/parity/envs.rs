//! What the planar kernel's episodes begin with and pay.

use h2oplus::engine::PlanarVecEnv;
use h2oplus::engine::planar::Precision;
use h2oplus::env::{EnvSpec, Task, VecEnv};
use h2oplus::rng::{Stream, fill_unit};

fn make(task: &str, gap: &str, n: usize, precision: Precision) -> PlanarVecEnv {
    let task = Task::load(task).unwrap();
    let gap = task.gap(gap).unwrap();
    PlanarVecEnv::new(EnvSpec::of_gaps(&task, &[gap], n, 7).unwrap(), precision).unwrap()
}

fn random_actions(env: &PlanarVecEnv, step: u32) -> Vec<f32> {
    let mut actions = vec![0.0; env.num_envs() * env.act_dim()];
    fill_unit(&mut actions, 1, 0, step, Stream::Action);
    actions.iter_mut().for_each(|a| *a = 2.0 * *a - 1.0);
    actions
}

#[test]
fn reset_draws_what_the_task_says() {
    for (name, z, spread) in [("halfcheetah-v2", 0.0, 0.1), ("walker2d-v2", 1.25, 5e-3)] {
        let mut env = make(name, "none", 2000, Precision::F64);
        env.reset().unwrap();
        let (qpos, qvel) = (env.qpos().unwrap(), env.qvel().unwrap());
        let mean = qpos.chunks(9).map(|q| q[1] - z).sum::<f32>() / 2000.0;
        let worst = qpos.chunks(9).fold(0f32, |m, q| m.max((q[1] - z).abs()));
        assert!(mean.abs() < 0.1 * spread && worst <= spread * 1.0001 && worst > 0.99 * spread);
        let var = qvel.iter().map(|v| v * v).sum::<f32>() / qvel.len() as f32;
        let expected = if name == "halfcheetah-v2" {
            0.01
        } else {
            spread * spread / 3.0
        };
        assert!(
            (var / expected - 1.0).abs() < 0.05,
            "{name}: {var} instead of {expected}"
        );
        // Positions and velocities of a robot do not share draws.
        let both = qpos.chunks(9).zip(qvel.chunks(9));
        let covariance = both.map(|(q, v)| (q[8] * v[0]) as f64).sum::<f64>() / 2000.0;
        assert!(covariance.abs() < 0.1 * f64::from(spread) * f64::from(expected).sqrt());
    }
}

#[test]
fn reward_is_velocity_less_control() {
    let mut env = make("halfcheetah-v2", "none", 1, Precision::F64);
    env.reset().unwrap();
    for t in 0..20 {
        let x = f64::from(env.qpos().unwrap()[0]);
        // Beyond the motors' range: the cost counts what was asked for.
        let actions: Vec<f32> = random_actions(&env, t).iter().map(|a| 2.0 * a).collect();
        let cost = 0.1 * actions.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>();
        let reward = f64::from(env.step(&actions).unwrap().reward[0]);
        let velocity = (f64::from(env.qpos().unwrap()[0]) - x) / 0.05;
        assert!(
            (reward - (velocity - cost)).abs() < 1e-4,
            "{reward} {velocity} {cost}"
        );
    }
}

#[test]
fn joint_noise_reaches_the_simulator_and_the_cost() {
    let (mut clean, mut noisy) = (
        make("halfcheetah-v2", "none", 500, Precision::F32),
        make("halfcheetah-v2", "joint-noise=0.5", 500, Precision::F32),
    );
    assert_eq!(clean.reset().unwrap(), noisy.reset().unwrap());
    let actions = vec![0.3; 500 * 6];
    let (a, b) = (clean.step(&actions).unwrap(), noisy.step(&actions).unwrap());
    assert_ne!(a.obs, b.obs);
    let mean = |r: &[f32]| r.iter().sum::<f32>() / r.len() as f32;
    // Six joints of variance 0.25 cost 0.1 × 6 × 0.25 = 0.15 on average; the way along x has its own mean.
    let extra = mean(&a.reward) - mean(&b.reward);
    assert!((0.05..0.25).contains(&extra), "{extra}");
}

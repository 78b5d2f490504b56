//! Episodes: reset, reward, termination, truncation, autoreset, snapshots.

use h2oplus::env::{PlanarVecEnv, Task, VecEnv};
use h2oplus::physics::planar::Precision;
use h2oplus::physics::status;
use h2oplus::rng::{Stream, fill_unit};

fn make(task: &str, gap: &str, n: usize, precision: Precision) -> PlanarVecEnv {
    let task = Task::load(task).unwrap();
    let gap = task.gap(gap).unwrap();
    PlanarVecEnv::new(&task, &[gap], n, 7, precision).unwrap()
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
        let (qpos, qvel) = (env.qpos(), env.qvel());
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
fn a_fall_ends_the_episode_in_the_same_step() {
    for (name, paid) in [("walker2d-v2", 1.0), ("walker2d-v5", 0.0)] {
        let mut env = make(name, "none", 20, Precision::F64);
        let start = env.reset().unwrap().to_vec();
        // In the air and about to lean over by more than 1 rad.
        let mut qpos = [0.0, 1.25, 0.999, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let mut qvel = [0.0; 9];
        qvel[2] = 2.0;
        env.set_state(3, &qpos, &qvel);
        (qpos[2], qvel[2]) = (0.0, 0.0);
        env.set_state(4, &qpos, &qvel);
        let batch = env.step(&vec![0.0; 20 * 6]).unwrap().clone();
        let row = |values: &[f32], e: usize| values[e * 17..][..17].to_vec();
        assert!(batch.terminated[3] && !batch.truncated[3] && !batch.terminated[4]);
        assert!(
            row(&batch.next_obs, 3)[1] > 1.0,
            "the true last observation leans"
        );
        let fresh = row(&batch.obs, 3);
        assert!(fresh[1].abs() < 5.1e-3 && fresh != row(&start, 3));
        assert_eq!(row(&batch.obs, 4), row(&batch.next_obs, 4));
        // Without action and with hardly any way along x, the reward is the healthy reward.
        assert!(
            (batch.reward[3] - paid).abs() < 0.5,
            "{name} {}",
            batch.reward[3]
        );
        assert!((batch.reward[4] - 1.0).abs() < 0.5);
    }
}

#[test]
fn a_thousand_steps_truncate() {
    let mut env = make("halfcheetah-v2", "none", 3, Precision::F32);
    env.reset().unwrap();
    for t in 1..=2001u32 {
        let actions = random_actions(&env, t);
        let batch = env.step(&actions).unwrap();
        assert!(
            batch.truncated.iter().all(|&x| x == (t % 1000 == 0)),
            "step {t}"
        );
        assert!(batch.terminated.iter().all(|&x| !x));
        if t % 1000 == 0 {
            // Two resets of one environment differ, and so do two environments.
            assert_ne!(batch.obs[..17], batch.obs[17..34]);
            assert_ne!(batch.obs[..17], batch.next_obs[..17]);
        }
    }
}

#[test]
fn reward_is_velocity_less_control() {
    let mut env = make("halfcheetah-v2", "none", 1, Precision::F64);
    env.reset().unwrap();
    for t in 0..20 {
        let x = f64::from(env.qpos()[0]);
        // Beyond the motors' range: the cost counts what was asked for.
        let actions: Vec<f32> = random_actions(&env, t).iter().map(|a| 2.0 * a).collect();
        let cost = 0.1 * actions.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>();
        let reward = f64::from(env.step(&actions).unwrap().reward[0]);
        let velocity = (f64::from(env.qpos()[0]) - x) / 0.05;
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

#[test]
fn a_snapshot_goes_on_bit_for_bit() {
    let mut env = make("walker2d-v2", "joint-noise=0.3", 21, Precision::F32);
    env.reset().unwrap();
    (0..30).for_each(|t| drop(env.step(&random_actions(&env, t)).unwrap().clone()));
    let bytes = env.snapshot();
    let go_on = |env: &mut PlanarVecEnv| -> Vec<Vec<f32>> {
        (30..130)
            .map(|t| {
                let actions = random_actions(env, t);
                env.step(&actions).unwrap().next_obs.clone()
            })
            .collect()
    };
    let straight = go_on(&mut env);
    let mut other = make("walker2d-v2", "joint-noise=0.3", 21, Precision::F32);
    other.restore(&bytes).unwrap();
    assert_eq!(go_on(&mut other), straight);
    assert!(other.restore(&bytes[1..]).is_err());
}

#[test]
fn a_broken_state_starts_anew() {
    let mut env = make("halfcheetah-v2", "none", 17, Precision::F32);
    env.reset().unwrap();
    env.set_state(2, &[0.0; 9], &[1e30; 9]);
    let batch = env.step(&[0.0; 17 * 6]).unwrap().clone();
    assert!(env.status()[2] & status::BROKEN != 0 && env.status()[1] & status::BROKEN == 0);
    assert!(batch.truncated[2] && !batch.terminated[2] && batch.reward[2] == 0.0);
    assert!(
        batch
            .obs
            .iter()
            .chain(&batch.next_obs)
            .all(|x| x.is_finite())
    );
}

#[test]
fn bad_actions_are_refused() {
    let mut env = make("halfcheetah-v2", "none", 2, Precision::F32);
    env.reset().unwrap();
    assert!(env.step(&[0.0; 11]).is_err());
    let mut actions = [0.0; 12];
    actions[7] = f32::NAN;
    let error = env.step(&actions).unwrap_err().to_string();
    assert!(
        error.contains("environment 1") && error.contains("component 1"),
        "{error}"
    );
}

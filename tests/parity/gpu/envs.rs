//! Env steps on the device against the CPU lanes: noise, reward, endings, autoreset, chunks.

use super::gpu;
use h2oplus::env::{Dynamics, EnvKey, PlanarGpuEnv, PlanarVecEnv, Task, VecEnv};
use h2oplus::gpu::{Caps, Gpu};
use h2oplus::physics::planar::Precision;
use h2oplus::physics::status;
use h2oplus::physics::status::offenders;
use h2oplus::rng::{Stream, fill_unit};
use std::sync::Arc;

const ENVS: usize = 48;

fn actions(n: usize, step: u32) -> Vec<f32> {
    let mut actions = vec![0.0; n * 6];
    fill_unit(&mut actions, 1, 0, step, Stream::Action);
    // Beyond the motors' range too.
    actions.iter_mut().for_each(|a| *a = 3.0 * *a - 1.5);
    actions
}

fn dynamics(task: &Task, gaps: &[&str]) -> Dynamics {
    let gaps: Vec<_> = gaps.iter().map(|g| task.gap(g).unwrap()).collect();
    Dynamics::new(task, &gaps).unwrap()
}

fn make(gpu: &Arc<Gpu>, task: &Task, gaps: &[&str], n: usize) -> PlanarGpuEnv {
    PlanarGpuEnv::new(gpu, task, dynamics(task, gaps), n, 7).unwrap()
}

/// Largest |difference| / max(1, |want|) of each row of `width`, sorted.
fn errors(is: &[f32], want: &[f32], width: usize) -> Vec<f32> {
    let row = |(is, want): (&[f32], &[f32])| {
        let scale = want.iter().fold(1f32, |m, x| m.max(x.abs()));
        let each = is.iter().zip(want).map(|(a, b)| (a - b).abs() / scale);
        each.fold(
            0f32,
            |m, d| if d.is_nan() { f32::INFINITY } else { m.max(d) },
        )
    };
    let mut errors: Vec<f32> = is.chunks(width).zip(want.chunks(width)).map(row).collect();
    errors.sort_by(f32::total_cmp);
    errors
}

/// Env steps of both from the CPU's states; errors of successors and rewards, and how many episodes
/// ended. Endings and the observations after them are compared here.
fn lockstep(
    task: &Task,
    gaps: &[&str],
    theirs: &[&str],
    steps: u32,
) -> Option<(Vec<f32>, Vec<f32>, usize)> {
    let mut gpu = make(&gpu()?, task, theirs, ENVS);
    let ours: Vec<_> = gaps.iter().map(|g| task.gap(g).unwrap()).collect();
    let mut cpu = PlanarVecEnv::new(task, &ours, ENVS, 7, Precision::F32).unwrap();
    let nv = cpu.qpos().len() / ENVS;
    let od = task.obs_dim();
    let reset = errors(gpu.reset().unwrap(), cpu.reset().unwrap(), 1);
    assert!(reset[reset.len() - 1] < 1e-6, "resets differ: {reset:?}");
    let (mut successors, mut rewards, mut ends) = (Vec::new(), Vec::new(), 0);
    for t in 0..steps {
        let wide = |x: Vec<f32>| -> Vec<f64> { x.into_iter().map(f64::from).collect() };
        let (qpos, qvel) = (wide(cpu.qpos()), wide(cpu.qvel()));
        for e in 0..ENVS {
            let (q, v) = (&qpos[e * nv..][..nv], &qvel[e * nv..][..nv]);
            cpu.set_state(e, q, v);
            gpu.set_state(e, q, v);
        }
        let a = actions(ENVS, t);
        let (is, want) = (gpu.step(&a).unwrap(), cpu.step(&a).unwrap());
        successors.extend(errors(&is.next_obs, &want.next_obs, od));
        rewards.extend(errors(&is.reward, &want.reward, 1));
        assert_eq!(is.truncated, want.truncated);
        for e in 0..ENVS {
            if want.terminated[e] && is.terminated[e] {
                ends += 1;
                let row = e * od..(e + 1) * od;
                let fresh = errors(&is.obs[row.clone()], &want.obs[row], od)[0];
                assert!(
                    fresh < 1e-6,
                    "autoreset of environment {e} differs by {fresh}"
                );
            }
        }
        let disagree = (0..ENVS).filter(|e| is.terminated[*e] != want.terminated[*e]);
        assert!(disagree.count() <= 1, "terminations differ at step {t}");
    }
    successors.sort_by(f32::total_cmp);
    rewards.sort_by(f32::total_cmp);
    Some((successors, rewards, ends))
}

#[test]
fn env_steps_are_those_of_the_cpu() {
    let gaps = ["none", "gravity", "joint-noise=0.3", "friction=0.3"];
    for (name, least_ends) in [
        ("halfcheetah-v2", 0),
        ("walker2d-v2", 20),
        ("walker2d-v5", 20),
    ] {
        let task = Task::load(name).unwrap();
        let Some((successors, rewards, ends)) = lockstep(&task, &gaps, &gaps, 60) else {
            return;
        };
        for errors in [&successors, &rewards] {
            let n = errors.len();
            let (median, most) = (errors[n / 2], errors[n * 99 / 100]);
            assert!(
                median < 1e-5 && most < 1e-3,
                "{name}: median {median:e}, 99 % {most:e}"
            );
        }
        assert!(ends >= least_ends, "{name}: {ends} episodes ended");
    }
}

#[test]
fn another_gap_is_seen() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let (ours, theirs) = (["gravity=1.5"], ["gravity=1.515"]);
    let Some((successors, ..)) = lockstep(&task, &ours, &theirs, 30) else {
        return;
    };
    let median = successors[successors.len() / 2];
    assert!(median > 1e-4, "one per cent of gravity passed: {median:e}");
}

#[test]
fn episodes_are_cut_at_their_limit() {
    let Some(gpu) = gpu() else { return };
    let mut task = Task::load("halfcheetah-v2").unwrap();
    task.max_episode_steps = 7;
    let mut env = make(&gpu, &task, &["none"], 3);
    env.reset().unwrap();
    for t in 1..=21 {
        let batch = env.step(&actions(3, t)).unwrap();
        assert!(
            batch.truncated.iter().all(|x| *x == (t % 7 == 0)),
            "step {t}"
        );
        assert!(batch.terminated.iter().all(|x| !x));
        if t % 7 == 0 {
            assert_ne!(batch.obs, batch.next_obs);
        } else {
            assert_eq!(batch.obs, batch.next_obs);
        }
    }
}

#[test]
fn a_snapshot_goes_on_bit_for_bit() {
    let Some(gpu) = gpu() else { return };
    let task = Task::load("walker2d-v2").unwrap();
    let mut env = make(&gpu, &task, &["joint-noise=0.3"], 21);
    env.reset().unwrap();
    (0..20).for_each(|t| drop(env.step(&actions(21, t)).unwrap().clone()));
    let bytes = env.snapshot();
    let go_on = |env: &mut PlanarGpuEnv| -> Vec<Vec<f32>> {
        (20..50)
            .map(|t| env.step(&actions(21, t)).unwrap().next_obs.clone())
            .collect()
    };
    let straight = go_on(&mut env);
    let mut other = make(&gpu, &task, &["joint-noise=0.3"], 21);
    other.restore(&bytes).unwrap();
    assert_eq!(go_on(&mut other), straight);
    assert!(other.restore(&bytes[1..]).is_err());
}

#[test]
fn a_broken_state_starts_anew_and_is_named() {
    let Some(gpu) = gpu() else { return };
    let task = Task::load("halfcheetah-v2").unwrap();
    let mut env = make(&gpu, &task, &["none"], 17);
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
    assert!(
        offenders(env.status(), u32::MAX).starts_with("environment 2: state not finite"),
        "{}",
        offenders(env.status(), u32::MAX)
    );
}

#[test]
fn bad_actions_are_refused() {
    let Some(gpu) = gpu() else { return };
    let task = Task::load("halfcheetah-v2").unwrap();
    let mut env = make(&gpu, &task, &["none"], 2);
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

#[test]
fn rows_are_redrawn_as_dynamics_says() {
    let Some(gpu) = gpu() else { return };
    let mut task = Task::load("halfcheetah-v2").unwrap();
    task.max_episode_steps = 2;
    let mut dynamics = dynamics(&task, &["none", "gravity", "friction"]);
    dynamics.redrawn = true;
    let keys = EnvKey::population(&[3, 4], 20);
    let mut env = PlanarGpuEnv::keyed(&gpu, &task, dynamics.clone(), keys.clone()).unwrap();
    let drawn = |tick| -> Vec<u32> {
        let row = |(e, key): (usize, &EnvKey)| dynamics.row(e, *key, tick) as u32;
        keys.iter().enumerate().map(row).collect()
    };
    env.reset().unwrap();
    assert_eq!(env.row(), drawn(1));
    env.step(&[0.0; 240]).unwrap();
    assert_eq!(env.row(), drawn(1));
    env.step(&[0.0; 240]).unwrap();
    assert_eq!(env.row(), drawn(3));
    assert_ne!(drawn(1), drawn(3));
}

/// A device whose buffers hold but 70 environments steps 200 in four chunks, to the same bits.
#[test]
fn chunks_change_nothing() {
    let Some(whole) = gpu() else { return };
    let task = Task::load("walker2d-v2").unwrap();
    let small = Gpu::open(None).unwrap();
    let caps = Caps {
        binding: 70 * 4 * 36,
        ..small.caps()
    };
    let small = Arc::new(small.with_caps(caps));
    let gaps = ["none", "gravity", "joint-noise"];
    let (mut one, mut many) = (
        make(&whole, &task, &gaps, 200),
        make(&small, &task, &gaps, 200),
    );
    assert_eq!(
        (
            one.memory().unwrap().chunks.len(),
            many.memory().unwrap().chunks.len()
        ),
        (1, 4)
    );
    assert_eq!(one.reset().unwrap(), many.reset().unwrap());
    for t in 0..30 {
        let a = actions(200, t);
        let (x, y) = (one.step(&a).unwrap(), many.step(&a).unwrap());
        assert_eq!(
            (&x.obs, &x.reward, &x.terminated),
            (&y.obs, &y.reward, &y.terminated)
        );
    }
    assert_eq!(one.qpos(), many.qpos());
    let none = Caps {
        binding: 100,
        ..caps
    };
    let none = Arc::new(Gpu::open(None).unwrap().with_caps(none));
    let error = PlanarGpuEnv::new(&none, &task, dynamics(&task, &gaps), 5, 0)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("100 bytes") || error.to_string().contains("hold 100"),
        "{error}"
    );
}

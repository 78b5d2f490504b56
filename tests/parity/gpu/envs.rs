//! Env steps on the device against the CPU lanes: noise, reward, endings, autoreset, chunks.

use super::gpu;
use h2oplus::engine::planar::Precision;
use h2oplus::engine::{PlanarGpuEnv, PlanarVecEnv};
use h2oplus::env::{Dynamics, EnvKey, EnvSpec, Task, VecEnv};
use h2oplus::gpu::{Caps, Gpu};
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
    PlanarGpuEnv::new(
        EnvSpec::new(task, dynamics(task, gaps), EnvKey::population(&[7], n)),
        gpu,
    )
    .unwrap()
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
    let mut cpu = PlanarVecEnv::new(
        EnvSpec::of_gaps(task, &ours, ENVS, 7).unwrap(),
        Precision::F32,
    )
    .unwrap();
    let nv = cpu.qpos().unwrap().len() / ENVS;
    let od = task.obs_dim();
    let reset = errors(gpu.reset().unwrap(), cpu.reset().unwrap(), 1);
    assert!(reset[reset.len() - 1] < 1e-6, "resets differ: {reset:?}");
    let (mut successors, mut rewards, mut ends) = (Vec::new(), Vec::new(), 0);
    for t in 0..steps {
        let wide = |x: Vec<f32>| -> Vec<f64> { x.into_iter().map(f64::from).collect() };
        let (qpos, qvel) = (wide(cpu.qpos().unwrap()), wide(cpu.qvel().unwrap()));
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
        (one.memory().chunks.len(), many.memory().chunks.len()),
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
    assert_eq!(one.qpos().unwrap(), many.qpos().unwrap());
    let none = Caps {
        binding: 100,
        ..caps
    };
    let none = Arc::new(Gpu::open(None).unwrap().with_caps(none));
    let error = PlanarGpuEnv::new(
        EnvSpec::new(&task, dynamics(&task, &gaps), EnvKey::population(&[0], 5)),
        &none,
    )
    .err()
    .unwrap();
    assert!(
        error.to_string().contains("100 bytes") || error.to_string().contains("hold 100"),
        "{error}"
    );
}

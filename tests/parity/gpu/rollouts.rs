//! Resident rollouts against the same policies and environments on the CPU.

use super::gpu;
use h2oplus::data::DenseLayer;
use h2oplus::env::planar_gpu::{Layer, ResidentRollout, Segment};
use h2oplus::env::{Dynamics, EnvKey, PlanarGpuEnv, PlanarVecEnv, Task, VecEnv};
use h2oplus::nn::policy::PolicySnapshot;
use h2oplus::rng::{Stream, fill_normal};

const MEMBERS: usize = 3;
const PER_MEMBER: usize = 37;
const STEPS: usize = 6;
const SEEDS: [u64; MEMBERS] = [5, 9, 2];

/// A policy with uniform weights, as PyTorch would begin with.
fn policy(seed: u64, task: &Task) -> PolicySnapshot {
    let sizes = [task.obs_dim(), 256, 256, 2 * task.act_dim()];
    let layer = |(n, w): (usize, &[usize])| {
        let mut numbers = vec![0.0; (w[0] + 1) * w[1]];
        h2oplus::rng::fill_unit(&mut numbers, seed, n as u32, 0, Stream::Init);
        let bound = (w[0] as f32).sqrt().recip();
        numbers
            .iter_mut()
            .for_each(|x| *x = bound * (2.0 * *x - 1.0));
        let bias = numbers.split_off(w[0] * w[1]);
        DenseLayer {
            inputs: w[0],
            outputs: w[1],
            weight: numbers,
            bias,
        }
    };
    PolicySnapshot {
        layers: sizes.windows(2).enumerate().map(layer).collect(),
        ..Default::default()
    }
}

fn layers(policies: &[PolicySnapshot]) -> Vec<Vec<Layer<'_>>> {
    fn layer(l: &DenseLayer) -> Layer<'_> {
        Layer {
            weight: &l.weight,
            bias: &l.bias,
        }
    }
    policies
        .iter()
        .map(|p| p.layers.iter().map(layer).collect())
        .collect()
}

/// The same on CPU lanes: rows and whether the episode ended.
fn on_cpu(task: &Task, policies: &[PolicySnapshot], first: u32) -> (Vec<f32>, Vec<bool>) {
    let (s, a) = (task.obs_dim(), task.act_dim());
    let keys = EnvKey::population(&SEEDS, PER_MEMBER);
    let mut env = PlanarVecEnv::keyed(task, &[task.gap("gravity=1.2").unwrap()], keys).unwrap();
    let mut obs = env.reset().unwrap().to_vec();
    let row = 2 * s + a + 2;
    let mut rows = vec![f32::NAN; MEMBERS * STEPS * PER_MEMBER * row];
    let mut over = vec![false; MEMBERS * STEPS * PER_MEMBER];
    for t in 0..STEPS {
        let mut actions = Vec::new();
        for (m, policy) in policies.iter().enumerate() {
            let mut noise = vec![0.0; PER_MEMBER * a];
            for (i, noise) in noise.chunks_mut(a).enumerate() {
                fill_normal(noise, SEEDS[m], i as u32, first + t as u32, Stream::Policy);
            }
            actions.extend(policy.act(&obs[m * PER_MEMBER * s..][..PER_MEMBER * s], Some(&noise)));
        }
        let batch = env.step(&actions).unwrap();
        for k in 0..MEMBERS * PER_MEMBER {
            let (m, i) = (k / PER_MEMBER, k % PER_MEMBER);
            let at = (m * STEPS + t) * PER_MEMBER + i;
            let to = &mut rows[at * row..][..row];
            to[..s].copy_from_slice(&obs[k * s..][..s]);
            to[s..s + a].copy_from_slice(&actions[k * a..][..a]);
            to[s + a..2 * s + a].copy_from_slice(&batch.next_obs[k * s..][..s]);
            to[2 * s + a] = batch.reward[k];
            to[2 * s + a + 1] = f32::from(u8::from(batch.terminated[k]));
            over[at] = batch.terminated[k] || batch.truncated[k];
        }
        obs.copy_from_slice(&batch.obs);
    }
    (rows, over)
}

fn resident(task: &Task, policies: &[PolicySnapshot], steps: usize) -> Option<ResidentRollout> {
    let dynamics = Dynamics::new(task, &[task.gap("gravity=1.2").unwrap()]).unwrap();
    let mut env = PlanarGpuEnv::population(&gpu()?, task, dynamics, &SEEDS, PER_MEMBER).unwrap();
    env.reset().unwrap();
    Some(ResidentRollout::new(env, &layers(policies), steps).unwrap())
}

/// Median over the rows of a step of the largest scaled error.
fn errors(segment: &Segment, rows: &[f32], task: &Task) -> Vec<f32> {
    let row = 2 * task.obs_dim() + task.act_dim() + 2;
    let step = |t: usize| {
        let one = |k: usize| {
            let at = ((k / PER_MEMBER * STEPS + t) * PER_MEMBER + k % PER_MEMBER) * row;
            let (is, want) = (&segment.rows[at..at + row], &rows[at..at + row]);
            let scale = want.iter().fold(1f32, |m, x| m.max(x.abs()));
            is.iter().zip(want).fold(0f32, |m, (a, b)| {
                let d = (a - b).abs() / scale;
                if d.is_nan() { f32::INFINITY } else { m.max(d) }
            })
        };
        let mut errors: Vec<f32> = (0..MEMBERS * PER_MEMBER).map(one).collect();
        errors.sort_by(f32::total_cmp);
        errors[errors.len() / 2]
    };
    (0..STEPS).map(step).collect()
}

#[test]
fn segments_are_those_of_the_cpu() {
    for name in ["halfcheetah-v2", "walker2d-v2"] {
        let mut task = Task::load(name).unwrap();
        // Autoresets within the segment.
        task.max_episode_steps = 4;
        let policies: Vec<_> = (0..MEMBERS as u64).map(|m| policy(m, &task)).collect();
        let Some(mut rollout) = resident(&task, &policies, STEPS) else {
            return;
        };
        rollout.set_policy_step(11);
        rollout.begin().unwrap();
        let segment = rollout.fetch().unwrap();
        let (rows, over) = on_cpu(&task, &policies, 11);
        let close = errors(&segment, &rows, &task);
        assert!(close[0] < 2e-6, "{name}: {close:?}");
        assert!(close.iter().all(|e| *e < 1e-4), "{name}: {close:?}");
        let is: Vec<bool> = segment
            .terminated
            .iter()
            .zip(&segment.truncated)
            .map(|(a, b)| a | b)
            .collect();
        let wrong = is.iter().zip(&over).filter(|(a, b)| a != b).count();
        assert!(wrong <= over.len() / 100, "{name}: {wrong} endings differ");
        // Another member's weights, and other draws, must show.
        let turned: Vec<_> = policies
            .iter()
            .cycle()
            .skip(1)
            .take(MEMBERS)
            .cloned()
            .collect();
        assert!(errors(&segment, &on_cpu(&task, &turned, 11).0, &task)[0] > 1e-3);
        assert!(errors(&segment, &on_cpu(&task, &policies, 12).0, &task)[0] > 1e-3);
    }
}

/// Two segments of three steps, the second begun before the first is read, are one of six.
#[test]
fn segments_under_way_overlap() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let policies: Vec<_> = (0..MEMBERS as u64).map(|m| policy(m, &task)).collect();
    let Some(mut whole) = resident(&task, &policies, STEPS) else {
        return;
    };
    let Some(mut halves) = resident(&task, &policies, STEPS / 2) else {
        return;
    };
    whole.begin().unwrap();
    let whole = whole.fetch().unwrap().rows;
    halves.begin().unwrap();
    halves.begin().unwrap();
    assert!(halves.begin().is_err());
    let parts = [halves.fetch().unwrap().rows, halves.fetch().unwrap().rows];
    assert!(halves.fetch().is_err());
    let member = whole.len() / MEMBERS;
    for (m, rows) in whole.chunks(member).enumerate() {
        let half = member / 2;
        assert_eq!(rows[..half], parts[0][m * half..][..half]);
        assert_eq!(rows[half..], parts[1][m * half..][..half]);
    }
}

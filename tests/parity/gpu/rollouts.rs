//! Resident rollouts against the same policies and environments on the CPU.

use super::gpu;
use candle_core::Device;
use h2oplus::engine::planar::Precision;
use h2oplus::engine::wgsl::ResidentRollout;
use h2oplus::engine::{Backend, PlanarGpuEnv, PlanarVecEnv};
use h2oplus::env::{Dynamics, EnvKey, EnvSpec, RolloutBuffer, Task, VecEnv};
use h2oplus::method::build;
use h2oplus::net::{Act, Replay};
use h2oplus::policy::{Policy, PolicyLayer};
use h2oplus::rng::{Stream, fill_normal};
use h2oplus::run::config::TrainConfig;
use h2oplus::run::config::resolved::Run;
use h2oplus::run::train::rollout::Rollout;
use h2oplus::run::train::simulator::Simulator;
use std::collections::HashMap;

const MEMBERS: usize = 3;
const PER_MEMBER: usize = 37;
const STEPS: usize = 6;
const SEEDS: [u64; MEMBERS] = [5, 9, 2];

/// A policy with uniform weights, as PyTorch would begin with.
fn policy(seed: u64, task: &Task) -> Policy {
    let sizes = [task.obs_dim(), 256, 256, 2 * task.act_dim()];
    let layer = |(n, w): (usize, &[usize])| {
        let mut numbers = vec![0.0; (w[0] + 1) * w[1]];
        h2oplus::rng::fill_unit(&mut numbers, seed, n as u32, 0, Stream::Init);
        let bound = (w[0] as f32).sqrt().recip();
        numbers
            .iter_mut()
            .for_each(|x| *x = bound * (2.0 * *x - 1.0));
        let bias = numbers.split_off(w[0] * w[1]);
        PolicyLayer {
            inputs: w[0],
            outputs: w[1],
            weight: numbers,
            bias,
        }
    };
    Policy {
        layers: sizes.windows(2).enumerate().map(layer).collect(),
        ..Default::default()
    }
}

/// The same on CPU lanes: rows and whether the episode ended.
fn on_cpu(task: &Task, policies: &[Policy], first: u32) -> (Vec<f32>, Vec<bool>) {
    let (s, a) = (task.obs_dim(), task.act_dim());
    let keys = EnvKey::population(&SEEDS, PER_MEMBER);
    let mut env = PlanarVecEnv::new(
        EnvSpec::new(
            task,
            Dynamics::new(task, &[task.gap("gravity=1.2").unwrap()]).unwrap(),
            keys,
        ),
        Precision::F32,
    )
    .unwrap();
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

fn resident(task: &Task, policies: &[Policy], steps: usize) -> Option<ResidentRollout> {
    let dynamics = Dynamics::new(task, &[task.gap("gravity=1.2").unwrap()]).unwrap();
    let mut env = PlanarGpuEnv::new(
        EnvSpec::new(task, dynamics, EnvKey::population(&SEEDS, PER_MEMBER)),
        &gpu()?,
    )
    .unwrap();
    env.reset().unwrap();
    Some(ResidentRollout::new(env, policies, steps).unwrap())
}

/// Median over the rows of a step of the largest scaled error.
fn errors(segment: &RolloutBuffer, rows: &[f32], task: &Task) -> Vec<f32> {
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

/// What a run's simulator at `place` leaves in the replay after random steps and two cycles, and its state before the
/// last; or, from that state on, after the last alone.
fn collected(place: &Backend, from: Option<&HashMap<String, Vec<u8>>>) -> Collected {
    const CYCLE: usize = 48;
    let config = TrainConfig {
        cycle_steps: CYCLE,
        ..TrainConfig::sac_on("halfcheetah-v2", "none", 0, 1)
    };
    let mut run = Run::new(config).unwrap();
    run.task.max_episode_steps = 10;
    let task = &run.task;
    let (s, a) = (task.obs_dim(), task.act_dim());
    let settings = Default::default();
    let mut agent = build("sac", &settings, s, a, &SEEDS, &Device::Cpu).unwrap();
    let dynamics = Dynamics::new(task, &[task.gap("gravity=1.2").unwrap()]).unwrap();
    let (simulator, why_not) = Simulator::new(&run, place, dynamics, &agent).unwrap();
    assert_eq!(why_not, None);
    let resident = matches!(simulator, Simulator::Resident(_));
    assert_eq!(resident, matches!(place, Backend::Gpu(_)));
    let mut rollout = Rollout::new(simulator, &SEEDS).unwrap();
    let mut replay = Replay::new(MEMBERS, 1000, s, a, &Device::Cpu).unwrap();
    let mut saved = HashMap::new();
    if let Some(saved) = from {
        rollout.load(saved).unwrap();
    }
    for cycle in if from.is_some() { 2..3 } else { 0..3 } {
        if cycle == 2 {
            rollout.save(&mut saved).unwrap();
        }
        // The first cycle is random.
        let random = CYCLE as u64;
        rollout
            .collect(&mut agent, &mut replay, CYCLE, random, &Device::Cpu)
            .unwrap();
    }
    assert_eq!(rollout.env_steps(), 3 * CYCLE as u64);
    let finished = rollout.take_finished();
    assert!(finished.iter().all(Option::is_some), "ten steps end");
    Collected {
        rows: replay.rows.to_vec2().unwrap(),
        saved,
    }
}

struct Collected {
    rows: Vec<Vec<f32>>,
    saved: HashMap<String, Vec<u8>>,
}

#[test]
fn a_run_collects_on_the_gpu_what_it_would_on_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let place = Backend::Gpu(gpu);
    let is = collected(&place, None);
    let want = collected(&Backend::Cpu, None);
    // Rows of a step lie together: 8 environments each.
    let error = |step: usize| {
        let mut all: Vec<f32> = (0..MEMBERS * 8)
            .map(|k| {
                let at = k / 8 * 1000 + step * 8 + k % 8;
                let (is, want) = (&is.rows[at], &want.rows[at]);
                let scale = want.iter().fold(1f32, |m, x| m.max(x.abs()));
                let far = |(a, b): (&f32, &f32)| (a - b).abs() / scale;
                is.iter().zip(want).map(far).fold(0.0, f32::max)
            })
            .collect();
        all.sort_by(f32::total_cmp);
        all[all.len() / 2]
    };
    // Six random steps, then two cycles of six in segments of three.
    for step in 0..10 {
        assert!(error(step) < 1e-4, "step {step}: {:.1e}", error(step));
    }
    assert!(is.rows[17 * 8].iter().any(|x| *x != 0.0));
    assert!(is.rows[18 * 8].iter().all(|x| *x == 0.0), "no row too many");

    // A run that goes on from its saved state goes on to the bit.
    let resumed = collected(&place, Some(&is.saved));
    for m in 0..MEMBERS {
        let last = &is.rows[m * 1000 + 12 * 8..][..6 * 8];
        assert_eq!(last, &resumed.rows[m * 1000..][..6 * 8]);
        assert_ne!(last, &is.rows[m * 1000 + 6 * 8..][..6 * 8]);
    }
}

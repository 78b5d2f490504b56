//! What every engine promises of its vectors of environments: a test a promise, over the whole table.

use crate::gpu::gpu;
use h2oplus::engine::{Backend, ENGINES, Physics, build};
use h2oplus::env::status::{self, offenders};
use h2oplus::env::{Dynamics, EnvKey, EnvSpec, EpisodeControl, StepBatch, Task, VecEnv};
use h2oplus::model::Gap;
use h2oplus::rng::{Stream, fill_unit};
use std::ops::Range;

/// An engine at a place of this machine.
pub struct Here {
    name: String,
    physics: Physics,
    place: Backend,
}

impl Here {
    pub fn build(&self, spec: &EnvSpec) -> Box<dyn VecEnv> {
        self.control(spec)
    }

    pub fn control(&self, spec: &EnvSpec) -> Box<dyn EpisodeControl> {
        build(self.physics, &self.place, spec.clone()).unwrap_or_else(|e| panic!("{self}: {e}"))
    }
}

impl std::fmt::Display for Here {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// Every engine wherever it runs; without an adapter, those on the processor.
pub fn engines() -> Vec<Here> {
    let here = |physics, on: &str, place| Here {
        name: format!("{physics} on the {on}"),
        physics,
        place,
    };
    let mut all = Vec::new();
    for card in ENGINES {
        all.push(here(card.physics, "CPU", Backend::Cpu));
        if card.runs_on_gpu()
            && let Some(gpu) = gpu()
        {
            all.push(here(card.physics, "GPU", Backend::Gpu(gpu)));
        }
    }
    all
}

/// Of `task` with an episode of `limit` env steps.
pub fn short(task: &str, limit: usize) -> Task {
    let mut task = Task::load(task).unwrap();
    task.max_episode_steps = limit;
    task
}

pub fn keys(seed: u64, envs: impl IntoIterator<Item = usize>) -> Vec<EnvKey> {
    let key = |env: usize| EnvKey {
        seed,
        env: env as u32,
    };
    envs.into_iter().map(key).collect()
}

pub fn dynamics(task: &Task, gaps: &[&str], redrawn: bool) -> Dynamics {
    let gaps: Vec<Gap> = gaps.iter().map(|g| task.gap(g).unwrap()).collect();
    Dynamics {
        redrawn,
        ..Dynamics::new(task, &gaps).unwrap()
    }
}

/// One robot a key, without a gap.
pub fn plain(task: &Task, n: usize) -> EnvSpec {
    EnvSpec::of_gaps(task, &[], n, 7).unwrap()
}

/// Random actions beyond the motors' range too, keyed by environment: the same in any vector.
pub fn actions(env: &dyn VecEnv, names: &[usize], step: usize) -> Vec<f32> {
    let one = |&name: &usize| {
        let mut a = vec![0.0; env.act_dim()];
        fill_unit(&mut a, 9, name as u32, step as u32, Stream::Action);
        a.into_iter().map(|a| 2.4 * a - 1.2)
    };
    names.iter().flat_map(one).collect()
}

pub fn roll(env: &mut dyn VecEnv, names: &[usize], steps: Range<usize>) -> Vec<StepBatch> {
    let step = |t| {
        let actions = actions(env, names, t);
        env.step(&actions).unwrap().clone()
    };
    steps.map(step).collect()
}

/// All that a rollout says of environment `env`, as bits.
pub fn bits(rollout: &[StepBatch], env: usize) -> Vec<u32> {
    let of = |b: &StepBatch| {
        let width = b.obs.len() / b.reward.len();
        let mut row = vec![
            b.reward[env].to_bits(),
            u32::from(b.terminated[env]),
            u32::from(b.truncated[env]),
        ];
        for part in [&b.obs, &b.next_obs] {
            row.extend(part[env * width..][..width].iter().map(|x| x.to_bits()));
        }
        row
    };
    rollout.iter().flat_map(of).collect()
}

const GAPS: [&str; 7] = [
    "none",
    "gravity=1.3",
    "friction=0.4,joint-noise=0.3",
    "option gravity=0.7",
    "geom floor friction=2.5",
    "delay=2,dead-zone=0.2,joint-noise=0.1",
    "delay=1,sensor-noise=0.1,sensor-bias=0.05",
];

#[test]
fn a_reset_is_drawn_from_the_seed() {
    let task = Task::load("walker2d-v2").unwrap();
    let mut first: Option<Vec<f32>> = None;
    for engine in engines() {
        let reset = |seed| {
            let spec = EnvSpec::of_gaps(&task, &[], 5, seed).unwrap();
            let mut env = engine.build(&spec);
            let obs = env.reset().unwrap().to_vec();
            (obs, env.reset().unwrap().to_vec())
        };
        let (one, second) = reset(7);
        assert_eq!((&one, &second), (&reset(7).0, &reset(7).1), "{engine}");
        assert_ne!(one, reset(8).0, "{engine}");
        assert_ne!(one, second, "{engine}");
        assert_ne!(one[..17], one[17..34], "{engine}");
        // Every engine draws the same states.
        let first = first.get_or_insert_with(|| one.clone());
        let apart = one.iter().zip(first.iter()).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-6, "{engine}");
    }
}

#[test]
fn a_fall_ends_the_episode_in_the_same_step() {
    for (name, paid) in [("walker2d-v2", 1.0), ("walker2d-v5", 0.0)] {
        let task = Task::load(name).unwrap();
        for engine in engines() {
            let mut env = engine.build(&plain(&task, 20));
            let start = env.reset().unwrap().to_vec();
            // In the air and about to lean over by more than 1 rad.
            let mut qpos = [0.0, 1.25, 0.999, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
            let mut qvel = [0.0; 9];
            qvel[2] = 2.0;
            env.set_state(3, &qpos, &qvel);
            (qpos[2], qvel[2]) = (0.0, 0.0);
            env.set_state(4, &qpos, &qvel);
            let batch = env.step(&[0.0; 20 * 6]).unwrap().clone();
            let row = |values: &[f32], e: usize| values[e * 17..][..17].to_vec();
            assert!(batch.terminated[3] && !batch.truncated[3], "{engine}");
            assert!(!batch.terminated[4] && !batch.truncated[4], "{engine}");
            let last = row(&batch.next_obs, 3);
            assert!(last[1] > 1.0, "{engine}: the true last observation leans");
            let fresh = row(&batch.obs, 3);
            assert!(fresh[1].abs() < 5.1e-3, "{engine}");
            assert_ne!(fresh, row(&start, 3), "{engine}");
            assert_eq!(row(&batch.obs, 4), row(&batch.next_obs, 4), "{engine}");
            // Without action and with hardly any way along x, the reward is the healthy reward.
            let [fallen, standing] = [3, 4].map(|e| batch.reward[e]);
            assert!((fallen - paid).abs() < 0.5, "{engine}, {name}: {fallen}");
            assert!((standing - 1.0).abs() < 0.5, "{engine}, {name}: {standing}");
        }
    }
}

#[test]
fn the_step_limit_truncates_where_set_steps_says() {
    let task = short("halfcheetah-v2", 7);
    for engine in engines() {
        let mut env = engine.build(&plain(&task, 3));
        env.reset().unwrap();
        let begun = [0, 3, 6];
        env.set_steps(&begun);
        for t in 1..=21 {
            let actions = actions(env.as_ref(), &[0, 1, 2], t);
            let batch = env.step(&actions).unwrap();
            for (e, begun) in begun.iter().enumerate() {
                let over = (t + *begun as usize).is_multiple_of(7);
                assert_eq!(batch.truncated[e], over, "{engine}, step {t}, env {e}");
                assert!(!batch.terminated[e], "{engine}");
                let row = e * 17..(e + 1) * 17;
                let same = batch.obs[row.clone()] == batch.next_obs[row];
                assert_eq!(same, !over, "{engine}, step {t}, env {e}");
            }
        }
    }
}

#[test]
fn a_snapshot_goes_on_bit_for_bit() {
    let names: Vec<usize> = (0..21).collect();
    for (name, limit) in [
        ("walker2d-v2", 13),
        ("halfcheetah-v2", 13),
        ("hopper-v2", 1000),
    ] {
        let task = short(name, limit);
        let rows = dynamics(&task, &GAPS, true);
        let spec = EnvSpec::new(&task, rows, keys(11, names.iter().copied()));
        for engine in engines() {
            let mut env = engine.build(&spec);
            env.reset().unwrap();
            env.set_steps(&(0..21).map(|e| e % 5).collect::<Vec<_>>());
            roll(env.as_mut(), &names, 0..31);
            let (bytes, rows) = (env.snapshot().unwrap(), env.param_row().to_vec());
            let straight = roll(env.as_mut(), &names, 31..70);
            // Into a vector that has not moved, and into one that has gone elsewhere.
            let mut fresh = engine.build(&spec);
            for other in [&mut fresh, &mut env] {
                other.restore(&bytes).unwrap();
                assert_eq!(other.param_row(), rows, "{engine}");
                let again = roll(other.as_mut(), &names, 31..70);
                for e in 0..21 {
                    assert_eq!(bits(&again, e), bits(&straight, e), "{engine}, {name}, {e}");
                }
            }
            // Negative controls: cut bytes and unknown rows are refused; another row is another future.
            assert!(env.restore(&bytes[1..]).is_err(), "{engine}");
            let at = 4 + 4 * names.len();
            let unknown = GAPS.len() as u32;
            for (row, known) in [((rows[0] + 1) % unknown, true), (unknown, false)] {
                let mut changed = bytes.clone();
                changed[at..at + 4].copy_from_slice(&row.to_le_bytes());
                assert_eq!(env.restore(&changed).is_ok(), known, "{engine}");
                if known {
                    let other = roll(env.as_mut(), &names, 31..70);
                    assert_ne!(bits(&other, 0), bits(&straight, 0), "{engine}, {name}");
                }
            }
        }
    }
}

#[test]
fn neighbours_and_threads_leave_no_trace() {
    let task = short("walker2d-v2", 40);
    for engine in engines() {
        for redrawn in [false, true] {
            let run = |threads: usize, names: &[usize]| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                pool.build().unwrap().install(|| {
                    let rows = dynamics(&task, &GAPS, redrawn);
                    let keys = keys(11, names.iter().copied());
                    let mut env = engine.build(&EnvSpec::new(&task, rows, keys));
                    env.reset().unwrap();
                    roll(env.as_mut(), names, 0..60)
                })
            };
            let names: Vec<usize> = (0..37).collect();
            let whole = run(1, &names);
            assert!(whole.iter().any(|b| b.terminated.contains(&true)));
            let more = run(3, &names);
            let turned: Vec<usize> = names.iter().rev().copied().collect();
            let reversed = run(2, &turned);
            for e in 0..37 {
                let want = bits(&whole, e);
                assert_eq!(bits(&more, e), want, "{engine}, threads, {e}");
                assert_eq!(bits(&reversed, 36 - e), want, "{engine}, reversed, {e}");
            }
            for alone in [0, 5, 16, 36] {
                let own = run(2, &[alone]);
                assert_eq!(bits(&own, 0), bits(&whole, alone), "{engine}, {alone}");
            }
        }
    }
}

/// Every engine draws the same rows at the same resets, each member of its own.
#[test]
fn rows_are_redrawn_alike() {
    let task = short("halfcheetah-v2", 13);
    let seeds = [3, 8, 5];
    let domain = task.domain("gravity=0.8..1.2").unwrap();
    let domain = domain.with(Some(7), true).unwrap();
    let dynamics = Dynamics::population(&task, &domain, &seeds, 3).unwrap();
    let spec = EnvSpec::new(&task, dynamics, EnvKey::population(&seeds, 3));
    for engine in engines() {
        let mut env = engine.build(&spec);
        env.reset().unwrap();
        let mut seen = vec![std::collections::BTreeSet::new(); 9];
        for t in 0..40 {
            // The reset before the first step counts a tick, and so does every step.
            let row = |e: usize| spec.dynamics.param_row(e, spec.keys[e], t / 13 * 13 + 1) as u32;
            let expected: Vec<u32> = (0..9).map(row).collect();
            assert_eq!(env.param_row(), expected, "{engine}, step {t}");
            env.step(&[0.1; 9 * 6]).unwrap();
            for (row, seen) in expected.iter().zip(&mut seen) {
                seen.insert(*row);
            }
        }
        assert!(seen.iter().any(|rows| rows.len() > 2), "{engine}");
        for (e, rows) in seen.iter().enumerate() {
            assert!(rows.iter().all(|row| *row as usize / 7 == e / 3));
        }
    }
}

/// In the air a robot falls as its row's gravity has it.
#[test]
fn the_row_that_is_read_back_is_the_robot_that_moves() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let rows = dynamics(&task, &["none", "gravity=3"], true);
    let spec = EnvSpec::new(&task, rows, EnvKey::population(&[5], 8));
    let air = [0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    for engine in engines() {
        let mut env = engine.build(&spec);
        let mut seen = [false; 2];
        for _ in 0..3 {
            env.reset().unwrap();
            let rows = env.param_row().to_vec();
            (0..8).for_each(|e| env.set_state(e, &air, &[0.0; 9]));
            env.step(&[0.0; 48]).unwrap();
            let qvel = env.qvel().unwrap();
            for (e, &row) in rows.iter().enumerate() {
                let fall = -qvel[e * 9 + 1] / (0.05 * 9.81);
                let want = [1.0, 3.0][row as usize];
                assert!((fall - want).abs() < 1e-3, "{engine}: {fall} in row {row}");
                seen[row as usize] = true;
            }
        }
        assert_eq!(seen, [true; 2], "{engine}");
    }
}

#[test]
fn a_broken_state_starts_anew_and_is_named() {
    let task = Task::load("halfcheetah-v2").unwrap();
    for engine in engines() {
        let mut env = engine.build(&plain(&task, 17));
        env.reset().unwrap();
        env.set_state(2, &[0.0; 9], &[1e30; 9]);
        for broken in [true, false] {
            let batch = env.step(&[0.1; 17 * 6]).unwrap().clone();
            let finite = |values: &[f32]| values.iter().all(|x| x.is_finite());
            assert!(finite(&batch.obs) && finite(&batch.next_obs), "{engine}");
            assert_eq!(env.status()[2] & status::BROKEN != 0, broken, "{engine}");
            assert_eq!(env.status()[1] & status::BROKEN, 0, "{engine}");
            assert_eq!(batch.truncated[2], broken, "{engine}");
            assert!(!batch.terminated[2], "{engine}");
            assert!(!broken || batch.reward[2] == 0.0, "{engine}");
            let named = offenders(env.status(), status::BROKEN);
            let starts = named.starts_with("environment 2: state not finite");
            assert_eq!(starts, broken, "{engine}: {named}");
        }
    }
}

#[test]
fn bad_actions_are_refused() {
    let task = Task::load("halfcheetah-v2").unwrap();
    for engine in engines() {
        let mut env = engine.build(&plain(&task, 2));
        env.reset().unwrap();
        assert!(env.step(&[0.0; 11]).is_err(), "{engine}");
        let mut actions = [0.0; 12];
        actions[7] = f32::NAN;
        let error = env.step(&actions).unwrap_err().to_string();
        let named = error.contains("environment 1") && error.contains("component 1");
        assert!(named, "{engine}: {error}");
    }
}

#[test]
fn every_gap_of_every_task_steps() {
    for name in Task::names() {
        let task = Task::load(name).unwrap();
        let gaps = task.gaps.names_for(&task.spec.name);
        let names: Vec<usize> = (0..gaps.len()).collect();
        let spec = EnvSpec::new(&task, dynamics(&task, &gaps, false), keys(3, names.clone()));
        for engine in engines() {
            let mut env = engine.build(&spec);
            env.reset().unwrap();
            for batch in roll(env.as_mut(), &names, 0..25) {
                assert!(batch.next_obs.iter().all(|x| x.is_finite()), "{engine}");
            }
            let trouble = offenders(env.status(), status::BROKEN);
            assert_eq!(trouble, "", "{engine}, {name}");
        }
    }
}

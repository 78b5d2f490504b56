//! What a gap does to trajectories: the original and an edited robot from the same states under the
//! same actions, and how far apart they are after so many env steps.
//!
//! Robots in contact are chaotic: after enough steps any difference, rounding too, has grown to the
//! size of the states themselves. So the same is measured for the original against itself from
//! states moved by [`FLOOR`]: what a gap does beyond that floor is the gap's doing.

use crate::engine::PlanarVecEnv;
use crate::engine::planar::Precision;
use crate::env::{Dynamics, EnvKey, EnvSpec, Task, VecEnv};
use crate::error::Result;
use crate::measure::statistics::{Moments, Quantiles};
use crate::rng::{Stream, fill_unit};

/// Relative size of the disturbance that the floor starts from: a few float32 roundings.
pub const FLOOR: f64 = 1e-6;
/// Env steps before the common start, so that robots stand, run and fall as the actions have it.
const WARM_UP: u32 = 64;

/// Chooses actions `[n, act_dim]` for observations `[n, obs_dim]` at an env step.
pub type Controller<'a> = dyn FnMut(&[f32], u32) -> Result<Vec<f32>> + 'a;

/// How far apart pairs of trajectories are after some env steps.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Apart {
    /// Env steps since the common start.
    pub env_steps: usize,
    /// Pairs of which neither has failed the task by then; the states' distances are theirs.
    pub pairs: usize,
    /// Root mean square over the positions that are observed of (difference / standard deviation of
    /// the position along the original's trajectories): about 1.4 for states that have nothing to do
    /// with each other.
    pub qpos: Option<Quantiles>,
    /// The same of the velocities that are observed.
    pub qvel: Option<Quantiles>,
    /// Euclidean distance of the observed positions and velocities, in their own units.
    pub state: Option<Quantiles>,
    /// Edited minus original sum of rewards, of all pairs, each sum up to its robot's failure.
    pub reward: Option<Quantiles>,
    /// Distances of positions and velocities of each pair.
    #[serde(skip)]
    pub each: Vec<(f64, f64)>,
}

impl Apart {
    /// Quantiles of p_original/p_edited at the edited robot's state, both blurred by normals of deviation `sigma`: what a
    /// perfect dynamics ratio says one env step after a common start, where both dynamics are points. It falls with
    /// the distance, so its tenth percentile is that of the pairs furthest apart.
    pub fn ratio(&self, sigma: f64) -> Option<Quantiles> {
        let w = |distance: f64| (-0.5 * (distance / sigma).powi(2)).exp();
        self.state.map(|state| Quantiles {
            q10: w(state.q90),
            median: w(state.median),
            q90: w(state.q10),
        })
    }

    /// Share of the pairs that are further apart, in positions or velocities, than nine tenths of the
    /// floor's at the same horizon; `None` where no pair runs.
    pub fn beyond(&self, floor: &Self) -> Option<f64> {
        let (qpos, qvel) = (floor.qpos?.q90, floor.qvel?.q90);
        let beyond = self.each.iter().filter(|(q, v)| *q > qpos || *v > qvel);
        (!self.each.is_empty()).then(|| beyond.count() as f64 / self.each.len() as f64)
    }
}

/// A vector's trajectories, seen at some horizons.
struct Trajectories {
    /// By horizon, `[n, nv]`.
    qpos: Vec<Vec<f32>>,
    /// By horizon, `[n, nv]`.
    qvel: Vec<Vec<f32>>,
    /// By horizon, `[n]`: the task has not failed.
    running: Vec<Vec<bool>>,
    /// By horizon, `[n]`: sum of rewards up to failure.
    reward: Vec<Vec<f64>>,
}

/// Trajectories of a task without a gap, and the actions that made them.
pub struct Original {
    task: Task,
    keys: Vec<EnvKey>,
    horizons: Vec<usize>,
    /// `[n, nv]` each: where they start.
    start: (Vec<f32>, Vec<f32>),
    /// By env step, `[n, act_dim]`.
    actions: Vec<Vec<f32>>,
    seen: Trajectories,
    /// Standard deviations of positions and velocities, `[nv]` each.
    spread: (Vec<f64>, Vec<f64>),
}

impl Original {
    /// `num_envs` trajectories of `task` under `actor`, to the last of `horizons` (env steps, rising).
    ///
    /// # Errors
    /// As [`PlanarVecEnv::new`], and where the actor fails.
    pub fn record(
        task: &Task,
        num_envs: usize,
        seed: u64,
        horizons: &[usize],
        actor: &mut Controller<'_>,
    ) -> Result<Self> {
        let keys = EnvKey::population(&[seed], num_envs);
        // The task itself, with its autoreset, leads to the start.
        let spec = EnvSpec::new(task, Dynamics::new(task, &[])?, keys.clone());
        let mut env = PlanarVecEnv::new(spec, Precision::F32)?;
        let mut obs = env.reset()?.to_vec();
        for t in 0..WARM_UP {
            let actions = actor(&obs, t)?;
            obs.copy_from_slice(&env.step(&actions)?.obs);
        }
        let start = (env.qpos()?, env.qvel()?);
        let mut original = Self {
            task: task.clone(),
            keys,
            horizons: horizons.to_vec(),
            start,
            actions: Vec::new(),
            seen: Trajectories::empty(),
            spread: (Vec::new(), Vec::new()),
        };
        let mut actions = Vec::new();
        let mut moments = [Moments::default(), Moments::default()];
        let none = Dynamics::new(task, &[])?;
        original.seen = original.follow(none, &original.start, |t, env, running| {
            for (moments, values) in moments.iter_mut().zip([env.qpos()?, env.qvel()?]) {
                moments.add(&values, running);
            }
            let chosen = actor(env.observations(), WARM_UP + t as u32)?;
            actions.push(chosen.clone());
            Ok(chosen)
        })?;
        let [qpos, qvel] = moments;
        original.spread = (qpos.deviations(), qvel.deviations());
        original.actions = actions;
        Ok(original)
    }

    /// The distances to `dynamics` at each horizon.
    ///
    /// # Errors
    /// As [`PlanarVecEnv::new`].
    pub fn against(&self, dynamics: Dynamics) -> Result<Vec<Apart>> {
        self.distances(dynamics, &self.start)
    }

    /// The distances of the original to itself, from states moved by [`FLOOR`] · max(1, |x|).
    ///
    /// # Errors
    /// As [`against`](Self::against).
    pub fn floor(&self) -> Result<Vec<Apart>> {
        let moved = |values: &[f32], step: u32| -> Vec<f32> {
            let mut noise = vec![0.0; values.len()];
            fill_unit(&mut noise, self.keys[0].seed, 0, step, Stream::Data);
            let by = |(x, u): (&f32, f32)| {
                let x = f64::from(*x);
                (x + FLOOR * x.abs().max(1.0) * (2.0 * f64::from(u) - 1.0)) as f32
            };
            values.iter().zip(noise).map(by).collect()
        };
        let start = (moved(&self.start.0, 0), moved(&self.start.1, 1));
        self.distances(Dynamics::new(&self.task, &[])?, &start)
    }

    fn distances(&self, dynamics: Dynamics, start: &(Vec<f32>, Vec<f32>)) -> Result<Vec<Apart>> {
        let recorded = &self.actions;
        let other = self.follow(dynamics, start, |t, _, _| Ok(recorded[t].clone()))?;
        let nv = self.spread.0.len();
        let seen = self.task.seen();
        let positions: Vec<usize> = seen.iter().filter_map(|e| e.position()).collect();
        let velocities: Vec<usize> = seen.iter().filter_map(|e| e.velocity()).collect();
        let apart = |(i, &env_steps): (usize, &usize)| {
            let (ours, theirs) = (&self.seen, &other);
            let both: Vec<usize> = (0..self.keys.len())
                .filter(|&e| ours.running[i][e] && theirs.running[i][e])
                .collect();
            let squares =
                |a: &[f32], b: &[f32], e: usize, scale: &dyn Fn(usize) -> f64, of: &[usize]| {
                    let square = |&k: &usize| {
                        let d = f64::from(a[e * nv + k]) - f64::from(b[e * nv + k]);
                        (d / scale(k)).powi(2)
                    };
                    of.iter().map(square).sum::<f64>()
                };
            let rms = |a: &[f32], b: &[f32], spread: &[f64], of: &[usize]| -> Vec<f64> {
                let sum = |e| squares(a, b, e, &|k| spread[k], of);
                let one = |&e: &usize| (sum(e) / of.len().max(1) as f64).sqrt();
                both.iter().map(one).collect()
            };
            let state = |&e: &usize| {
                let qpos = squares(&ours.qpos[i], &theirs.qpos[i], e, &|_| 1.0, &positions);
                (qpos + squares(&ours.qvel[i], &theirs.qvel[i], e, &|_| 1.0, &velocities)).sqrt()
            };
            let qpos = rms(&ours.qpos[i], &theirs.qpos[i], &self.spread.0, &positions);
            let qvel = rms(&ours.qvel[i], &theirs.qvel[i], &self.spread.1, &velocities);
            let difference = ours.reward[i].iter().zip(&theirs.reward[i]);
            Apart {
                env_steps,
                pairs: both.len(),
                each: qpos.iter().copied().zip(qvel.iter().copied()).collect(),
                qpos: Quantiles::of(qpos),
                qvel: Quantiles::of(qvel),
                state: Quantiles::of(both.iter().map(state).collect()),
                reward: Quantiles::of(difference.map(|(a, b)| b - a).collect()),
            }
        };
        Ok(self.horizons.iter().enumerate().map(apart).collect())
    }

    /// Steps `dynamics` from `start` to the last horizon without any reset. `choose` gives the
    /// actions of an env step, and sees the vector before it and which robots have not failed.
    fn follow(
        &self,
        dynamics: Dynamics,
        start: &(Vec<f32>, Vec<f32>),
        mut choose: impl FnMut(usize, &PlanarVecEnv, &[bool]) -> Result<Vec<f32>>,
    ) -> Result<Trajectories> {
        let task = &self.task;
        let mut endless = task.clone();
        (endless.max_episode_steps, endless.healthy) = (usize::MAX, Vec::new());
        endless.healthy_state = None;
        let n = self.keys.len();
        let spec = EnvSpec::new(&endless, dynamics, self.keys.clone());
        let mut env = PlanarVecEnv::new(spec, Precision::F32)?;
        env.reset()?;
        let nv = start.0.len() / n;
        let double =
            |values: &[f32]| -> Vec<f64> { values.iter().map(|x| f64::from(*x)).collect() };
        let (qpos, qvel) = (double(&start.0), double(&start.1));
        for (e, (q, v)) in qpos.chunks(nv).zip(qvel.chunks(nv)).enumerate() {
            env.set_state(e, q, v);
        }
        let (mut running, mut reward) = (vec![true; n], vec![0.0; n]);
        let mut seen = Trajectories::empty();
        for t in 0..self.horizons.last().copied().unwrap_or(0) {
            let actions = choose(t, &env, &running)?;
            let batch = env.step(&actions)?.clone();
            let (qpos, qvel) = (env.qpos()?, env.qvel()?);
            let states = qpos.chunks(nv).zip(qvel.chunks(nv));
            let pairs = running.iter_mut().zip(&mut reward).zip(states);
            for (e, ((running, reward), (qpos, qvel))) in pairs.enumerate() {
                if !*running {
                    continue;
                }
                // A state that broke was truncated, and paid nothing.
                let broken = batch.truncated[e];
                *running = !broken && task.is_healthy(&double(qpos), &double(qvel));
                *reward += f64::from(batch.reward[e]);
                if !*running && !broken && !task.reward.healthy_on_fall {
                    *reward -= task.reward.healthy;
                }
            }
            if self.horizons.contains(&(t + 1)) {
                seen.qpos.push(qpos);
                seen.qvel.push(qvel);
                seen.running.push(running.clone());
                seen.reward.push(reward.clone());
            }
        }
        Ok(seen)
    }
}

impl Trajectories {
    fn empty() -> Self {
        Self {
            qpos: Vec::new(),
            qvel: Vec::new(),
            running: Vec::new(),
            reward: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(task: &Task, n: usize) -> impl FnMut(&[f32], u32) -> Result<Vec<f32>> + use<> {
        let len = n * task.act_dim();
        move |_: &[f32], step: u32| {
            let mut actions = vec![0.0; len];
            fill_unit(&mut actions, 4, 0, step, Stream::Action);
            actions.iter_mut().for_each(|a| *a = 2.0 * *a - 1.0);
            Ok(actions)
        }
    }

    /// Rewards up to the failure are those of the task itself, whichever way it pays the fall.
    #[test]
    fn rewards_are_the_tasks() {
        for name in ["walker2d-v2", "walker2d-v5"] {
            let task = Task::load(name).unwrap();
            let n = 20;
            let original = Original::record(&task, n, 0, &[5, 60], &mut random(&task, n)).unwrap();
            let keys = original.keys.clone();
            let mut env = PlanarVecEnv::new(
                EnvSpec::new(&task, Dynamics::new(&task, &[]).unwrap(), keys),
                Precision::F32,
            )
            .unwrap();
            env.reset().unwrap();
            let double = |x: &[f32]| -> Vec<f64> { x.iter().map(|x| f64::from(*x)).collect() };
            let (qpos, qvel) = (double(&original.start.0), double(&original.start.1));
            (0..n).for_each(|e| env.set_state(e, &qpos[9 * e..][..9], &qvel[9 * e..][..9]));
            let (mut running, mut reward) = (vec![true; n], vec![0.0; n]);
            for actions in &original.actions {
                let batch = env.step(actions).unwrap();
                for e in 0..n {
                    if running[e] {
                        reward[e] += f64::from(batch.reward[e]);
                        running[e] = !batch.terminated[e];
                    }
                }
            }
            assert!(running.contains(&false), "{name}: nobody fell");
            assert_eq!(running, original.seen.running[1], "{name}");
            for (e, (is, want)) in original.seen.reward[1].iter().zip(&reward).enumerate() {
                assert!(
                    (is - want).abs() < 1e-5,
                    "{name}, env {e}: {is} instead of {want}"
                );
            }
        }
    }

    #[test]
    fn no_gap_is_no_distance_and_a_larger_gap_is_further() {
        let task = Task::load("halfcheetah-v2").unwrap();
        let n = 16;
        let original = Original::record(&task, n, 0, &[1, 10], &mut random(&task, n)).unwrap();
        let median = |gaps: &str| {
            let gap = task.gap(gaps).unwrap();
            let apart = original
                .against(Dynamics::new(&task, &[gap]).unwrap())
                .unwrap();
            apart[0].qvel.unwrap().median
        };
        let none = original
            .against(Dynamics::new(&task, &[]).unwrap())
            .unwrap();
        for apart in &none {
            assert_eq!(apart.pairs, n);
            for quantiles in [apart.qpos, apart.qvel, apart.state, apart.reward] {
                assert_eq!(quantiles.unwrap().q90, 0.0);
            }
            assert_eq!(apart.ratio(0.1).unwrap().q10, 1.0);
        }
        let floors = original.floor().unwrap();
        assert_eq!(none[1].beyond(&floors[1]), Some(0.0));
        let own = floors[1].beyond(&floors[1]).unwrap();
        assert!(own <= 0.2, "{own}");
        let gravity = task.gap("gravity").unwrap();
        let apart = original.against(Dynamics::new(&task, &[gravity]).unwrap());
        assert_eq!(apart.unwrap()[1].beyond(&floors[1]), Some(1.0));
        let floor = original.floor().unwrap()[0].qvel.unwrap().median;
        assert!(
            floor > 0.0 && 10.0 * floor < median("gravity=1.01"),
            "{floor}"
        );
        let one_step = |gap: &str| {
            let gap = task.gap(gap).unwrap();
            let apart = original.against(Dynamics::new(&task, &[gap]).unwrap());
            apart.unwrap().swap_remove(0)
        };
        let [near, far] = ["gravity=1.01", "gravity=1.2"].map(one_step);
        // A falling robot gains 0.2 g times its env step's 0.05 s, 0.1 m/s, and its limbs rates of their own.
        let fall = far.state.unwrap().median;
        assert!((0.1..0.5).contains(&fall), "{fall}");
        let w = [near, far].map(|apart| apart.ratio(0.1).unwrap().median);
        assert!(w[0] > 0.99 && w[1] < 0.8, "{w:?}");
        let ratio = median("gravity=1.2") / median("gravity=1.01");
        assert!((10.0..40.0).contains(&ratio), "{ratio}");
    }
}

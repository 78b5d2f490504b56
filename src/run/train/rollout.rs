//! Stepping the simulator with the population's policies and filling the replay.

use std::collections::{BTreeSet, HashMap};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::simulator::{Simulator, policies};
use super::states::States;
use crate::data::moments;
use crate::engine::PlanarGpuEnv;
use crate::engine::wgsl::ResidentRollout;
use crate::env::status::{BROKEN, offenders};
use crate::env::{RolloutBuffer, VecEnv};
use crate::error::{Error, Result};
use crate::method::Agent;
use crate::net::Replay;
use crate::rng::{Stream, fill_normal, fill_unit};

/// The simulator side of a run: environment `m * per_member + i` belongs to member `m`.
pub struct Rollout {
    simulator: Simulator,
    seeds: Vec<u64>,
    per_member: usize,
    /// Observation that each environment acts on next, `[P * per_member, obs_dim]`; that of a resident simulator, until
    /// its policies act.
    obs: Vec<f32>,
    /// Return of each environment's running episode; NaN while it is one that began staggered, shorter than a whole one.
    running: Vec<f64>,
    counters: Counters,
    /// Returns of the episodes that ended since they were last taken, by member.
    finished: Vec<Vec<f64>>,
    /// Environments whose state broke, at the first such step since it was last taken.
    trouble: Option<String>,
    /// The robots' states of every step, where they are kept.
    states: Option<States>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Counters {
    /// Vector steps so far; each is `per_member` env steps a member.
    vector_steps: u32,
}

impl Rollout {
    /// Starts an episode in every environment. The first ones of a member's are staggered evenly over the step limit, so
    /// that resets, and with them the replay's rows, are spread as they are in one environment that runs on.
    pub fn new(mut simulator: Simulator, seeds: &[u64]) -> Result<Self> {
        let n = simulator.env().num_envs();
        let per_member = n / seeds.len();
        let obs = simulator.env_mut().reset()?.to_vec();
        let limit = simulator.env().task().max_episode_steps.min(1 << 20);
        let behind = |env: usize| (env % per_member * limit / per_member) as u32;
        let steps: Vec<u32> = (0..n).map(behind).collect();
        simulator.env_mut().set_steps(&steps);
        let whole = |steps: &u32| if *steps == 0 { 0.0 } else { f64::NAN };
        Ok(Self {
            running: steps.iter().map(whole).collect(),
            simulator,
            seeds: seeds.to_vec(),
            per_member,
            obs,
            counters: Counters::default(),
            finished: vec![Vec::new(); seeds.len()],
            trouble: None,
            states: None,
        })
    }

    /// Keeps the robots' states from here on, and in checkpoints.
    ///
    /// # Errors
    /// Where steps were made without, or the simulator keeps its states to itself.
    pub fn keep_states(&mut self) -> Result<()> {
        let problem = match (&self.simulator, self.counters.vector_steps) {
            _ if self.states.is_some() => return Ok(()),
            (Simulator::Resident(_), _) => "cannot be kept where policies act on the device",
            (_, 1..) => "were not kept when the run began",
            _ => {
                self.states = Some(States::default());
                return Ok(());
            }
        };
        Err(Error::input(
            "states of the robots",
            problem,
            "start a new run",
        ))
    }

    /// The states that were kept.
    pub fn states(&self) -> Option<&States> {
        self.states.as_ref()
    }

    /// Env steps taken by each member.
    pub fn env_steps(&self) -> u64 {
        u64::from(self.counters.vector_steps) * self.per_member as u64
    }

    /// At least `steps` env steps of each member into `replay`; actions are uniform while the member
    /// has taken fewer than `random_steps`, then samples of its policy. A member whose policy gives none
    /// is frozen, and its robots rest.
    pub fn collect(
        &mut self,
        agent: &mut Agent,
        replay: &mut Replay,
        steps: usize,
        random_steps: u64,
        device: &Device,
    ) -> Result<()> {
        let steps = steps.div_ceil(self.per_member);
        if let Simulator::Resident(_) = &self.simulator
            && self.env_steps() >= random_steps
        {
            return self.segments(agent, replay, steps);
        }
        let segment = self.step(agent, steps, random_steps, device)?;
        self.keep(segment, agent, replay)
    }

    /// Segments of a resident simulator: one is computed while the one before goes to the learner.
    fn segments(&mut self, agent: &mut Agent, replay: &mut Replay, mut steps: usize) -> Result<()> {
        let policies = policies(agent)?;
        self.resident().set_policies(&policies)?;
        let first = self.counters.vector_steps;
        self.resident().set_policy_step(first);
        self.resident().begin()?;
        while steps > 0 {
            steps -= self.resident().steps().min(steps);
            if steps > 0 {
                self.resident().begin()?;
            }
            let segment = self.resident().fetch()?;
            self.keep(segment, agent, replay)?;
        }
        Ok(())
    }

    fn resident(&mut self) -> &mut ResidentRollout {
        match &mut self.simulator {
            Simulator::Resident(rollout) => rollout,
            Simulator::Stepped(_) => unreachable!("asked for where the simulator is resident"),
        }
    }

    /// `steps` steps whose actions come from the host.
    fn step(
        &mut self,
        agent: &mut Agent,
        steps: usize,
        random_steps: u64,
        device: &Device,
    ) -> Result<RolloutBuffer> {
        let (p, e) = (self.seeds.len(), self.per_member);
        let (s, a) = (self.env().obs_dim(), self.env().act_dim());
        let row = 2 * s + a + 2;
        let mut segment = RolloutBuffer {
            rows: vec![0.0; p * steps * e * row],
            terminated: vec![false; p * steps * e],
            truncated: vec![false; p * steps * e],
            status: vec![0; p * steps * e],
        };
        let mut noise = vec![0f32; p * e * a];
        for t in 0..steps {
            let taken = self.env_steps() + (t * e) as u64;
            let random = taken < random_steps;
            self.draw(&mut noise, a, t, random);
            let mut actions: Vec<f32> = if random {
                noise.iter().map(|u| 2.0 * u - 1.0).collect()
            } else {
                let obs = Tensor::from_slice(&self.obs, (p, e, s), device)?;
                let noise = Tensor::from_slice(&noise, (p, e, a), device)?;
                agent
                    .act(&obs, Some(&noise))?
                    .flatten_all()?
                    .to_vec1::<f32>()?
            };
            for member in zero_non_finite(&mut actions, p) {
                agent.freeze(member)?;
            }
            let env = self.simulator.env_mut();
            if let Some(states) = &mut self.states {
                states.before(env)?;
            }
            let batch = env.step(&actions)?;
            for k in 0..p * e {
                let at = slot(k, t, steps, e);
                let out = &mut segment.rows[at * row..][..row];
                out[..s].copy_from_slice(&self.obs[k * s..][..s]);
                out[s..s + a].copy_from_slice(&actions[k * a..][..a]);
                out[s + a..2 * s + a].copy_from_slice(&batch.next_obs[k * s..][..s]);
                out[2 * s + a] = batch.reward[k];
                out[2 * s + a + 1] = f32::from(u8::from(batch.terminated[k]));
                segment.terminated[at] = batch.terminated[k];
                segment.truncated[at] = batch.truncated[k];
            }
            self.obs.copy_from_slice(&batch.obs);
            if let Some(states) = &mut self.states {
                let truncated = batch.truncated.clone();
                states.after(&truncated, env.status());
            }
            for (k, status) in env.status().iter().enumerate() {
                segment.status[slot(k, t, steps, e)] = *status;
            }
        }
        Ok(segment)
    }

    /// Takes a segment into the replay and the books. A member with an action that is no number is frozen.
    fn keep(
        &mut self,
        mut segment: RolloutBuffer,
        agent: &mut Agent,
        replay: &mut Replay,
    ) -> Result<()> {
        let (p, e) = (self.seeds.len(), self.per_member);
        let (s, a) = (self.env().obs_dim(), self.env().act_dim());
        let row = 2 * s + a + 2;
        let steps = segment.terminated.len() / (p * e);
        for (at, row) in segment.rows.chunks_exact_mut(row).enumerate() {
            let (member, env) = (at / (steps * e), at / (steps * e) * e + at % e);
            if !zero_non_finite(&mut row[s..s + a], 1).is_empty() {
                agent.freeze(member)?;
            }
            self.running[env] += f64::from(row[2 * s + a]);
            if segment.terminated[at] || segment.truncated[at] {
                let whole = std::mem::take(&mut self.running[env]);
                self.finished[member].extend((!whole.is_nan()).then_some(whole));
            }
        }
        if self.trouble.is_none() && segment.status.iter().any(|s| s & BROKEN != 0) {
            let at_step = |t: usize| {
                let envs = (0..p * e).map(|k| segment.status[slot(k, t, steps, e)]);
                offenders(&envs.collect::<Vec<_>>(), BROKEN)
            };
            self.trouble = (0..steps).map(at_step).find(|named| !named.is_empty());
        }
        self.counters.vector_steps += steps as u32;
        replay.push(&segment.rows)
    }

    /// Its robots.
    pub fn env(&self) -> &dyn VecEnv {
        self.simulator.env()
    }

    /// Environments whose state broke since the last call; they started anew.
    pub fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// Where a device's memory goes.
    pub fn memory(&self) -> Option<String> {
        PlanarGpuEnv::of(self.env()).map(|env| env.memory().to_string())
    }

    /// Mean return of the episodes that ended since the last call, by member.
    pub fn take_finished(&mut self) -> Vec<Option<f64>> {
        let mean = |r: Vec<f64>| (!r.is_empty()).then(|| moments(r.iter().copied()).0);
        self.finished
            .iter_mut()
            .map(|r| mean(std::mem::take(r)))
            .collect()
    }

    /// The draws of the `t`-th step from now.
    fn draw(&self, noise: &mut [f32], act_dim: usize, t: usize, random: bool) {
        for (k, row) in noise.chunks_mut(act_dim).enumerate() {
            let (m, i) = (k / self.per_member, k % self.per_member);
            let (seed, step) = (self.seeds[m], self.counters.vector_steps + t as u32);
            if random {
                fill_unit(row, seed, i as u32, step, Stream::Action);
            } else {
                fill_normal(row, seed, i as u32, step, Stream::Policy);
            }
        }
    }

    /// State for a checkpoint.
    ///
    /// # Errors
    /// Where the simulator's device fails.
    pub fn save(&self, bytes: &mut HashMap<String, Vec<u8>>) -> Result<()> {
        bytes.insert("env".into(), self.env().snapshot()?);
        bytes.insert("obs".into(), bytemuck::cast_slice(&self.obs).to_vec());
        bytes.insert(
            "running".into(),
            bytemuck::cast_slice(&self.running).to_vec(),
        );
        let finished = serde_json::to_vec(&(&self.counters, &self.finished));
        bytes.insert("rollout".into(), finished.expect("plain numbers are JSON"));
        if let Some(states) = &self.states {
            states.save(bytes);
        }
        Ok(())
    }

    /// Puts a saved state back.
    pub fn load(&mut self, bytes: &HashMap<String, Vec<u8>>) -> Result<()> {
        let missing = |what: &str| {
            let problem = format!("the simulator's `{what}` is missing or misshapen");
            Error::input("checkpoint", problem, "resume from an earlier checkpoint")
        };
        let get = |what: &str| bytes.get(what).ok_or_else(|| missing(what));
        self.simulator.env_mut().restore(get("env")?)?;
        let obs = numbers(get("obs")?, f32::from_le_bytes);
        let running = numbers(get("running")?, f64::from_le_bytes);
        if obs.len() != self.obs.len() || running.len() != self.running.len() {
            return Err(missing("obs"));
        }
        (self.obs, self.running) = (obs, running);
        (self.counters, self.finished) =
            serde_json::from_slice(get("rollout")?).map_err(|_| missing("rollout"))?;
        self.states = States::load(bytes);
        if let Some(states) = &self.states {
            let n = self.env().num_envs();
            let nv = self.env().qpos()?.len() / n;
            let steps = self.counters.vector_steps as usize * n;
            if !states.fits(steps, nv, self.env().dynamics().rows.len()) {
                return Err(missing("states"));
            }
        }
        Ok(())
    }
}

/// Where step `t` of environment `k` stands in a segment of `steps` steps with `e` environments a member.
fn slot(k: usize, t: usize, steps: usize, e: usize) -> usize {
    (k / e * steps + t) * e + k % e
}

/// Puts 0 for actions (of `members` members, in turn) that are not finite; whose they were.
pub fn zero_non_finite(actions: &mut [f32], members: usize) -> BTreeSet<usize> {
    let each = actions.len() / members;
    let mut lost = BTreeSet::new();
    for (n, action) in actions
        .iter_mut()
        .enumerate()
        .filter(|(_, a)| !a.is_finite())
    {
        *action = 0.0;
        lost.insert(n / each);
    }
    lost
}

/// Little-endian numbers of `N` bytes.
fn numbers<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|chunk| read(*chunk))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_actions_that_are_no_numbers_become_zero() {
        let mut actions = [0.5, f32::NAN, -1.0, 1.0, f32::INFINITY, f32::NAN];
        assert_eq!(zero_non_finite(&mut actions, 3), BTreeSet::from([0, 2]));
        assert_eq!(actions, [0.5, 0.0, -1.0, 1.0, 0.0, 0.0]);
        assert!(zero_non_finite(&mut actions, 3).is_empty());
    }
}

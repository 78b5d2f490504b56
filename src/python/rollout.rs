//! Many env steps with the policy inside the engine: Python waits once.

use h2oplus::engine::PlanarGpuEnv;
use h2oplus::engine::wgsl::{ResidentRollout, Samples};
use h2oplus::env::{Autoreset, EpisodeControl, RolloutBuffer, VecEnv};
use h2oplus::error::{Error, Result};
use h2oplus::policy::Policy;
use h2oplus::rng::{Stream, fill_normal};
use h2oplus_base::memory::MemoryBudget;
use numpy::{Element, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::policy::act_into;

/// Bytes of transitions that a device holds at once.
const SEGMENT: usize = 32 << 20;

/// Rolled, `[steps, n, …]` each.
pub struct Rolled {
    steps: usize,
    num_envs: usize,
    observations: Vec<f32>,
    actions: Vec<f32>,
    rewards: Vec<f32>,
    next_observations: Vec<f32>,
    terminations: Vec<bool>,
    truncations: Vec<bool>,
}

impl Rolled {
    /// `steps` env steps of `env` with the actions of `policy`: samples keyed by `seed`, or its means without one. A
    /// new episode follows in the step that ended one, so that every row is a transition. On a GPU the policy acts there.
    ///
    /// # Errors
    /// Where the policy is another robot's, the transitions do not fit the memory, or an action is not finite; where
    /// the device fails, or a layer is too wide for it.
    pub fn roll(
        env: &mut dyn EpisodeControl,
        policy: &Policy,
        steps: usize,
        seed: Option<u64>,
    ) -> Result<Self> {
        let (n, od, ad) = (env.num_envs(), env.obs_dim(), env.act_dim());
        let have = (policy.obs_dim(), policy.act_dim());
        if have != (od, ad) {
            return Err(Error::input(
                "policy",
                format!(
                    "has (observations, actions) = {have:?}; the task has {:?}",
                    (od, ad)
                ),
                "give a policy of this robot",
            ));
        }
        let mut budget = MemoryBudget::default();
        budget.add("steps", &[steps, n, 4 * (2 * od + ad + 1) + 2]);
        budget.check()?;
        let numbers = |width| Vec::with_capacity(steps * n * width);
        let mut all = Self {
            steps,
            num_envs: n,
            observations: numbers(od),
            actions: numbers(ad),
            rewards: numbers(1),
            next_observations: numbers(od),
            terminations: Vec::with_capacity(steps * n),
            truncations: Vec::with_capacity(steps * n),
        };
        match PlanarGpuEnv::of_mut(env) {
            Some(env) => all.on_device(env, policy, seed)?,
            None => all.on_host(env, policy, seed)?,
        }
        Ok(all)
    }

    fn on_host(
        &mut self,
        env: &mut dyn EpisodeControl,
        policy: &Policy,
        seed: Option<u64>,
    ) -> Result<()> {
        let ad = env.act_dim();
        let mut noise = vec![0.0; self.num_envs * ad];
        let mut actions = noise.clone();
        for t in 0..self.steps {
            if let Some(seed) = seed {
                for (e, noise) in noise.chunks_mut(ad).enumerate() {
                    fill_normal(noise, seed, e as u32, t as u32, Stream::Policy);
                }
            }
            let obs = &env.batch().obs;
            self.observations.extend_from_slice(obs);
            act_into(policy, obs, seed.map(|_| &noise[..]), &mut actions);
            self.actions.extend_from_slice(&actions);
            let batch = env.step(&actions)?;
            self.next_observations.extend_from_slice(&batch.next_obs);
            self.rewards.extend_from_slice(&batch.reward);
            self.terminations.extend_from_slice(&batch.terminated);
            self.truncations.extend_from_slice(&batch.truncated);
        }
        Ok(())
    }

    /// Policy and robots step together on the device; segments come back while the next ones are computed.
    fn on_device(
        &mut self,
        env: &mut PlanarGpuEnv,
        policy: &Policy,
        seed: Option<u64>,
    ) -> Result<()> {
        let widths = [env.obs_dim(), env.act_dim()];
        let step = 4 * self.num_envs * (2 * widths[0] + widths[1] + 2);
        let most = (SEGMENT / step).clamp(1, self.steps.max(1));
        let mut done = 0;
        for (segments, steps) in [(self.steps / most, most), (1, self.steps % most)] {
            if segments * steps == 0 {
                continue;
            }
            let mut rollout = ResidentRollout::new(&mut *env, std::slice::from_ref(policy), steps)?;
            rollout.set_samples(seed.map_or(Samples::Means, Samples::Seeded));
            rollout.set_policy_step(done as u32);
            rollout.begin()?;
            for segment in 1..=segments {
                if segment < segments {
                    rollout.begin()?;
                }
                self.take(&rollout.fetch()?, widths);
            }
            rollout.finish()?;
            done += segments * steps;
        }
        Ok(())
    }

    /// Appends a segment.
    fn take(&mut self, segment: &RolloutBuffer, [od, ad]: [usize; 2]) {
        for row in segment.rows.chunks(2 * od + ad + 2) {
            let (obs, rest) = row.split_at(od);
            let (actions, rest) = rest.split_at(ad);
            let (next_obs, rest) = rest.split_at(od);
            self.observations.extend_from_slice(obs);
            self.actions.extend_from_slice(actions);
            self.next_observations.extend_from_slice(next_obs);
            self.rewards.push(rest[0]);
        }
        self.terminations.extend_from_slice(&segment.terminated);
        self.truncations.extend_from_slice(&segment.truncated);
    }

    /// As arrays by name, without a copy.
    pub fn arrays(self, py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let arrays = PyDict::new(py);
        let lead = [self.steps, self.num_envs];
        let wide = |numbers: Vec<f32>| {
            let width = numbers.len() / (lead[0] * lead[1]).max(1);
            PyArray1::from_vec(py, numbers).reshape([lead[0], lead[1], width])
        };
        arrays.set_item("observations", wide(self.observations)?)?;
        arrays.set_item("actions", wide(self.actions)?)?;
        arrays.set_item("next_observations", wide(self.next_observations)?)?;
        set(&arrays, "rewards", self.rewards, lead)?;
        set(&arrays, "terminations", self.terminations, lead)?;
        set(&arrays, "truncations", self.truncations, lead)?;
        Ok(arrays)
    }
}

fn set<T: Element>(
    arrays: &Bound<'_, PyDict>,
    name: &str,
    values: Vec<T>,
    shape: [usize; 2],
) -> PyResult<()> {
    arrays.set_item(
        name,
        PyArray1::from_vec(arrays.py(), values).reshape(shape)?,
    )
}

/// Does `work` while a new episode follows in the step that ended one; whoever waits for one gets it first.
pub fn same_step<T>(
    env: &mut dyn EpisodeControl,
    own: Autoreset,
    work: impl FnOnce(&mut dyn EpisodeControl) -> T,
) -> Result<T> {
    let over = env.over().to_vec();
    if over.contains(&true) {
        env.reset_where(&over)?;
    }
    env.set_autoreset(Autoreset::SameStep);
    let done = work(env);
    env.set_autoreset(own);
    Ok(done)
}

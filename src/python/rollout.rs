//! Many env steps with the policy inside the engine: Python waits once.

use h2oplus::env::{Autoreset, EpisodeControl};
use h2oplus::error::{Error, Result};
use h2oplus::policy::Policy;
use h2oplus::rng::{Stream, fill_normal};
use h2oplus_base::memory::MemoryBudget;
use numpy::{Element, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::policy::act_into;

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
    /// new episode follows in the step that ended one, so that every row is a transition.
    ///
    /// # Errors
    /// Where the policy is another robot's, the transitions do not fit the memory, or an action is not finite.
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
            actions: vec![0.0; steps * n * ad],
            rewards: numbers(1),
            next_observations: numbers(od),
            terminations: Vec::with_capacity(steps * n),
            truncations: Vec::with_capacity(steps * n),
        };
        let mut noise = vec![0.0; n * ad];
        for (t, actions) in all.actions.chunks_mut(n * ad).enumerate() {
            if let Some(seed) = seed {
                for (e, noise) in noise.chunks_mut(ad).enumerate() {
                    fill_normal(noise, seed, e as u32, t as u32, Stream::Policy);
                }
            }
            let obs = &env.batch().obs;
            all.observations.extend_from_slice(obs);
            act_into(policy, obs, seed.map(|_| &noise[..]), actions);
            let batch = env.step(actions)?;
            all.next_observations.extend_from_slice(&batch.next_obs);
            all.rewards.extend_from_slice(&batch.reward);
            all.terminations.extend_from_slice(&batch.terminated);
            all.truncations.extend_from_slice(&batch.truncated);
        }
        Ok(all)
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
    env.set_autoreset(Autoreset::SameStep)?;
    let done = work(env);
    env.set_autoreset(own)?;
    Ok(done)
}

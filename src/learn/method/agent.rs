//! A population of agents.
//!
//! On the CPU its members stand side by side: each is a [cohort](Cohort) of its own, whose update is a task of its own,
//! so that threads meet once an update and a member's numbers stay in one core's cache. On a GPU all are one cohort.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};
use rayon::ScopeFifo;
use rayon::prelude::*;

use super::cohort::Cohort;
use crate::error::{Error, Result};
use crate::kernel::Compute;
use crate::net::Replay;
use crate::net::params::take;
use crate::net::tape::{Recorded, Tape};
use crate::policy::Policy;

/// Updates of every cohort.
#[derive(Clone, Copy)]
struct Streak<'a> {
    real: &'a Replay,
    sim: &'a Replay,
    failed: &'a Mutex<Option<Error>>,
}

impl<'a> Streak<'a> {
    /// The `left` updates of `cohort`, each a task that asks for the next one: no cohort waits for another, and threads
    /// that are not as many as cohorts, or not as fast as each other, still end together.
    fn go_on(self, scope: &ScopeFifo<'a>, cohort: &'a mut Cohort, left: u64) {
        if left == 0 {
            return;
        }
        scope.spawn_fifo(move |scope| match cohort.update(self.real, self.sim) {
            Ok(()) => self.go_on(scope, cohort, left - 1),
            Err(e) => *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(e),
        });
    }
}

/// A population of agents of one method, updated together.
pub struct Agent {
    cohorts: Vec<Cohort>,
    /// Members of a cohort.
    each: usize,
    seeds: Vec<u64>,
}

impl Agent {
    /// One fresh member per seed, for observations and actions of these lengths; `record` records the update of the members
    /// at a place of the population.
    ///
    /// # Errors
    /// Without seeds, and as `record` has them.
    pub fn new(
        dims: [usize; 2],
        seeds: &[u64],
        on: &Compute,
        record: impl Fn(&mut Tape, Range<usize>) -> Result<()>,
    ) -> Result<Self> {
        if seeds.is_empty() {
            let help = "give at least one";
            return Err(Error::input("seeds", "there are none", help));
        }
        let each = if on.device.is_cpu() { 1 } else { seeds.len() };
        let firsts = (0..seeds.len()).step_by(each);
        let cohort = |first| {
            let place = first..first + each;
            Cohort::new(dims, seeds, place.clone(), on, |t| record(t, place))
        };
        Ok(Self {
            cohorts: firsts.map(cohort).collect::<Result<_>>()?,
            each,
            seeds: seeds.to_vec(),
        })
    }

    // ---- update ----

    /// `updates` updates of every member, from the real data and the simulator's replay (a method that uses only one of them
    /// ignores the other). Draws depend on (member's seed, update) alone.
    pub fn update(&mut self, updates: u64, real: &Replay, sim: &Replay) -> Result<()> {
        let failed = Mutex::new(None);
        let streak = Streak {
            real,
            sim,
            failed: &failed,
        };
        rayon::scope_fifo(|scope| {
            let cohorts = self.cohorts.iter_mut();
            cohorts.for_each(|cohort| streak.go_on(scope, cohort, updates));
        });
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), Err)
    }

    /// One update from recorded draws.
    pub fn update_recorded(&mut self, draws: &Recorded) -> Result<()> {
        let n = self.cohorts.len();
        let mut cohorts = self.cohorts.iter_mut().enumerate();
        cohorts.try_for_each(|(k, cohort)| cohort.update_recorded(&draws.of(k, n)))
    }

    /// Updates done so far.
    pub fn updates(&self) -> u64 {
        self.cohorts[0].updates()
    }

    /// Whether the method uses the simulator at all.
    pub fn simulates(&self) -> bool {
        self.simulates_from().is_some()
    }

    /// Updates before the first that uses the simulator's replay: those of a warm start; `None` where none does.
    pub fn simulates_from(&self) -> Option<u64> {
        self.cohorts[0].simulates_from()
    }

    // ---- members ----

    /// One seed a member.
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// Number of members, P.
    pub fn members(&self) -> usize {
        self.seeds.len()
    }

    /// The update, counted from 1, in which each member diverged: a loss or a parameter was no longer finite. From
    /// then on the member is frozen: its parameters stay, all finite; the others go on as they would without it.
    pub fn diverged(&self) -> Result<Vec<Option<u64>>> {
        let all: Result<Vec<_>> = self.cohorts.iter().map(Cohort::diverged).collect();
        Ok(all?.concat())
    }

    /// Freezes member `member` as diverged in the last update, where its losses do not show it.
    pub fn freeze(&mut self, member: usize) -> Result<()> {
        let each = self.each;
        self.cohorts[member / each].freeze(member % each)
    }

    // ---- policies ----

    /// Actions for observations `[P, n, obs_dim]` → `[P, n, act_dim]`. `noise`: standard normals of
    /// that shape for a sample of the policy, `None` for its deterministic action.
    pub fn act(&self, obs: &Tensor, noise: Option<&Tensor>) -> Result<Tensor> {
        if obs.dim(0)? != self.members() {
            let problem = format!(
                "observations {:?} are not of {} members",
                obs.dims(),
                self.members()
            );
            return Err(Error::input(
                "policy",
                problem,
                "pass observations [members, n, obs_dim]",
            ));
        }
        let cohorts = self.cohorts.par_iter().with_max_len(1).enumerate();
        let actions = cohorts.map(|(k, cohort)| {
            let part = |all: &Tensor| all.narrow(0, k * self.each, self.each);
            cohort.act(&part(obs)?, noise.map(part).transpose()?.as_ref())
        });
        let actions: Vec<_> = actions.collect::<Result<_>>()?;
        Ok(Tensor::cat(&actions, 0)?)
    }

    /// One member's policy, for the host ([`Act`](crate::net::Act) says how it acts).
    pub fn policy(&self, member: usize) -> Result<Policy> {
        self.cohorts[member / self.each].policy(member % self.each)
    }

    // ---- what is written down ----

    /// Losses, means and [measures](crate::method::measures::Measured::read) of the last update: (CleanRL's name, `[P]`
    /// values).
    pub fn metrics(&self) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let mut all = self.cohorts[0].metrics()?;
        for cohort in &self.cohorts[1..] {
            for ((_, all), (_, more)) in all.iter_mut().zip(cohort.metrics()?) {
                all.extend(more);
            }
        }
        Ok(all)
    }

    /// Everything that a checkpoint must hold, by name: parameters, moments, counters.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let parts: Result<Vec<_>> = self.cohorts.iter().map(Cohort::state).collect();
        let parts = parts?;
        let whole = |n: usize| {
            let all: Vec<_> = parts.iter().map(|part| &part[n].1).collect();
            Ok((parts[0][n].0.clone(), Tensor::cat(&all, 0)?))
        };
        let mut state: Vec<_> = (0..parts[0].len()).map(whole).collect::<Result<_>>()?;
        let counters = Tensor::new(self.cohorts[0].counters(), &Device::Cpu)?;
        state.push(("counters".to_owned(), counters));
        Ok(state)
    }

    /// Puts a [`state`](Self::state) back.
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let mut checked = HashMap::new();
        for (name, own) in self.state()? {
            let whole = take(state, &name, own.dims(), own.dtype(), &Device::Cpu)?;
            checked.insert(name, whole);
        }
        let counters = checked.remove("counters").expect("a part of the state");
        let counters = counters.to_vec1::<i64>()?;
        for (k, cohort) in self.cohorts.iter_mut().enumerate() {
            let part = |(name, whole): (&String, &Tensor)| {
                Ok((name.clone(), whole.narrow(0, k * self.each, self.each)?))
            };
            let part: HashMap<_, _> = checked.iter().map(part).collect::<Result<_>>()?;
            cohort.load_state(&part, &counters)?;
        }
        Ok(())
    }

    /// Every parameter of one member by name, in PyTorch's layout (weights `[outputs, inputs]`).
    pub fn parameters(&self, member: usize) -> Result<Vec<(String, Vec<f32>)>> {
        self.cohorts[member / self.each].parameters(member % self.each)
    }

    /// Mean and 1/σ of each number of the states, where one member's networks see them on the data's scale.
    pub fn state_scale(&self, member: usize) -> Result<Option<[Vec<f32>; 2]>> {
        self.cohorts[member / self.each].state_scale(member % self.each)
    }

    /// Sets all [`parameters`](Self::parameters) of one member; `place` names their source in errors.
    pub fn set_parameters(
        &mut self,
        member: usize,
        values: &HashMap<String, Vec<f32>>,
        place: &str,
    ) -> Result<()> {
        let each = self.each;
        self.cohorts[member / each].set_parameters(member % each, values, place)
    }
}

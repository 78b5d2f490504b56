//! Members that are updated by the same launches: what every method has, around the [update](Tape) that the method
//! records.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Tensor};

use crate::error::Result;
use crate::kernel::launch::capture;
use crate::kernel::{Buf, Compute, Stats};
use crate::net::params::{Params, take};
use crate::net::tape::{Context, Recorded, STATS, Scene, Sealed, Tape, UpdateProgram};
use crate::net::workspace::Workspace;
use crate::net::{Actor, BatchedPolicy, Replay};
use crate::policy::Policy;

/// Neighbours in a population, which share launches: on a GPU all of the members, on the CPU each alone.
pub struct Cohort {
    scene: Scene,
    params: Params,
    ws: Workspace,
    stats: Buf<Stats>,
    program: UpdateProgram,
    actor: Actor,
    updates: u64,
    /// Whether what precedes a first update has been done.
    prepared: bool,
    /// The policies, laid out for as many observations as they were last asked for.
    acting: Mutex<Option<BatchedPolicy>>,
}

impl Cohort {
    /// Fresh: those at `place` in the population of these `seeds`, whose update is what `record` records, for observations
    /// and actions of these lengths.
    pub fn new(
        dims: [usize; 2],
        seeds: &[u64],
        place: Range<usize>,
        on: &Compute,
        record: impl FnOnce(&mut Tape) -> Result<()>,
    ) -> Result<Self> {
        let mut tape = Tape::new(dims, seeds, place, on);
        record(&mut tape)?;
        let Sealed {
            scene,
            program,
            params,
            ws,
            policy,
        } = tape.seal()?;
        Ok(Self {
            stats: Tensor::zeros((scene.place.len(), STATS), DType::F32, &scene.on.device)?.into(),
            actor: Actor {
                mlp: policy.mlp,
                spread: policy.spread,
            },
            updates: 0,
            prepared: false,
            acting: Mutex::new(None),
            scene,
            params,
            ws,
            program,
        })
    }

    // ---- update ----

    /// One update of every member, from the real data and the simulator's replay (a method that uses only one of them
    /// ignores the other). Draws depend on (member's seed, update) alone.
    pub fn update(&mut self, real: &Replay, sim: &Replay) -> Result<()> {
        if !self.prepared {
            let (context, program) = self.parts();
            program.prepare(&context, real)?;
            self.prepared = true;
        }
        let device = self.scene.on.device.clone();
        capture(&device, || {
            let (context, program) = self.parts();
            program.draw(&context, real, sim)?;
            program.run(&context)
        })?;
        self.updates += 1;
        Ok(())
    }

    /// One update from recorded draws.
    pub fn update_recorded(&mut self, draws: &Recorded) -> Result<()> {
        let (context, program) = self.parts();
        program.take(draws)?;
        program.run(&context)?;
        self.updates += 1;
        Ok(())
    }

    fn parts(&mut self) -> (Context<'_>, &mut UpdateProgram) {
        let context = Context {
            scene: &self.scene,
            params: &self.params,
            ws: &self.ws,
            stats: &self.stats,
            updates: self.updates,
        };
        (context, &mut self.program)
    }

    /// Updates done so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The first update that draws from the simulator's replay; none: it never does.
    pub fn simulates_from(&self) -> Option<u64> {
        self.program.simulates_from()
    }

    // ---- members ----

    /// The update, counted from 1, in which each member diverged: a loss or a parameter was no longer finite. From
    /// then on the member is frozen: its parameters stay, all finite; the others go on as they would without it.
    pub fn diverged(&self) -> Result<Vec<Option<u64>>> {
        self.params.frozen()
    }

    /// Freezes member `member` as diverged in the last update, where its losses do not show it.
    pub fn freeze(&mut self, member: usize) -> Result<()> {
        self.params.freeze(member, self.updates.max(1))
    }

    // ---- policies ----

    /// Actions for observations `[P, n, obs_dim]` → `[P, n, act_dim]`. `noise`: standard normals of
    /// that shape for a sample of the policy, `None` for its deterministic action.
    pub fn act(&self, obs: &Tensor, noise: Option<&Tensor>) -> Result<Tensor> {
        let obs = match self.program.state_scale() {
            Some(scale) => &obs
                .broadcast_sub(&scale.narrow(1, 0, 1)?)?
                .broadcast_mul(&scale.narrow(1, 1, 1)?)?,
            None => obs,
        };
        let (_, rows, _) = obs.dims3()?;
        let mut acting = self.acting.lock().unwrap_or_else(PoisonError::into_inner);
        if !acting.as_ref().is_some_and(|acting| acting.fits(rows)) {
            *acting = Some(BatchedPolicy::new(&self.params, &self.actor, rows)?);
        }
        let acting = acting.as_ref().expect("laid out above");
        acting.act(&self.params, obs, noise)
    }

    /// One member's policy, for the host ([`Act`](crate::net::Act) says how it acts).
    pub fn policy(&self, member: usize) -> Result<Policy> {
        let policy = self.actor.policy(&self.params, member)?;
        Ok(match self.state_scale(member)? {
            Some([mean, inverse]) => policy.standardised(&mean, &inverse),
            None => policy,
        })
    }

    /// Mean and 1/σ of each number of the states, where one member's networks see them on the data's scale.
    pub fn state_scale(&self, member: usize) -> Result<Option<[Vec<f32>; 2]>> {
        let Some(scale) = self.program.state_scale() else {
            return Ok(None);
        };
        let mut mean = scale.get(member)?.flatten_all()?.to_vec1::<f32>()?;
        let inverse = mean.split_off(mean.len() / 2);
        Ok(Some([mean, inverse]))
    }

    // ---- what is written down ----

    /// Losses, means and [measures](crate::method::measures::Measured::read) of the last update: (CleanRL's name, `[P]`
    /// values).
    pub fn metrics(&self) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let stats = self.stats.to_vec2::<f32>()?;
        let of = |n: usize| stats.iter().map(|s| s[n]).collect();
        let named = self.program.names().iter().enumerate();
        let mut all: Vec<_> = named.map(|(n, name)| (*name, of(n))).collect();
        let last = self.updates.saturating_sub(1);
        if let Some(measured) = self.program.measured(last) {
            all.extend(measured.read(&self.ws.acts, &stats)?);
        }
        Ok(all)
    }

    /// What a checkpoint must hold of these members, by name, beside the [`counters`](Self::counters).
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = self.params.state()?;
        if let Some(scale) = self.program.state_scale() {
            state.push(("state_scale".to_owned(), scale.copy()?));
        }
        Ok(state)
    }

    /// Steps done by each group of parameters, then updates done: the same for all members.
    pub fn counters(&self) -> Vec<i64> {
        let counts = self.program.steps().chain([self.updates]);
        counts.map(|count| count as i64).collect()
    }

    /// Puts a [`state`](Self::state) and its counters back.
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>, counters: &[i64]) -> Result<()> {
        if let Some(scale) = self.program.state_scale() {
            let from = take(
                state,
                "state_scale",
                scale.dims(),
                DType::F32,
                scale.device(),
            )?;
            scale.slice_set(&from, 0, 0)?;
        }
        self.params.load_state(state)?;
        self.program.set_steps(counters);
        self.updates = counters.last().map_or(0, |updates| *updates as u64);
        Ok(())
    }

    /// Every parameter of one member by name, in PyTorch's layout (weights `[outputs, inputs]`).
    pub fn parameters(&self, member: usize) -> Result<Vec<(String, Vec<f32>)>> {
        self.params.named(member)
    }

    /// Sets all [`parameters`](Self::parameters) of one member; `place` names their source in errors.
    pub fn set_parameters(
        &mut self,
        member: usize,
        values: &HashMap<String, Vec<f32>>,
        place: &str,
    ) -> Result<()> {
        self.params.set_named(member, values, place)
    }
}

//! The methods. Each trains a population of members at once.

use std::collections::HashMap;

use candle_core::Tensor;

use crate::data::BehaviourPolicy;
use crate::error::Result;
use crate::nn::Replay;
use crate::nn::launch::capture;

pub mod actor_critic;
pub mod classifiers;
pub mod cql;
pub mod darc;
pub mod h2o;
pub mod h2oplus;
pub mod in_sample;
pub mod iql;
pub mod learner;
pub mod measures;
pub mod registry;
pub mod sac;
mod settings;

pub use cql::{Cql, CqlSettings};
pub use darc::{Darc, DarcSettings};
pub use h2o::{H2o, H2oSettings};
pub use h2oplus::{H2oPlus, H2oPlusSettings};
pub use iql::{Iql, IqlSettings};
pub use registry::{METHODS, Method, build, build_members, methods, renamed, setting, settings};
pub use sac::{Sac, SacSettings};

use learner::Learner;
use measures::Measured;

/// A population of agents of one method, updated together. A method says how it draws and learns; the rest is the
/// [`Learner`]'s.
pub trait Agent: Send {
    /// Parameters, batch and counters.
    fn learner(&self) -> &Learner;
    /// The same, to be changed.
    fn learner_mut(&mut self) -> &mut Learner;
    /// Draws what one update needs from the real data set and the simulator's replay (a method that uses only one of
    /// them ignores the other). Draws depend on (member seed, update index) alone.
    fn draw(&mut self, real: &Replay, sim: &Replay) -> Result<()>;
    /// Takes recorded draws in place of random ones.
    fn set_draws(&mut self, draws: &Recorded) -> Result<()>;
    /// The update itself, from what was drawn.
    fn learn(&mut self) -> Result<()>;

    /// Whether the method uses the simulator at all.
    fn simulates(&self) -> bool {
        true
    }
    /// How many of the updates used the simulator's replay; `None` where the next one does not: during
    /// a warm start, and for a method that never does.
    fn simulated_updates(&self) -> Option<u64> {
        self.simulates().then(|| self.updates())
    }
    /// Number of members, P.
    fn members(&self) -> usize {
        self.learner().members()
    }
    /// One update of every member.
    fn update(&mut self, real: &Replay, sim: &Replay) -> Result<()> {
        let device = self.learner().batch.device().clone();
        capture(&device, || {
            self.draw(real, sim)?;
            self.learn()
        })
    }
    /// One update from recorded draws.
    fn update_recorded(&mut self, draws: &Recorded) -> Result<()> {
        self.set_draws(draws)?;
        self.learn()
    }
    /// Updates done so far.
    fn updates(&self) -> u64 {
        self.learner().updates
    }
    /// The update, counted from 1, in which each member diverged: a loss or a parameter was no longer finite. From
    /// then on the member is frozen: its parameters stay, all finite; the others go on as they would without it.
    fn diverged(&self) -> Result<Vec<Option<u64>>> {
        self.learner().params.frozen()
    }
    /// Freezes member `member` as diverged in the last update, where its losses do not show it.
    fn freeze(&mut self, member: usize) -> Result<()> {
        let update = self.updates().max(1);
        self.learner_mut().params.freeze(member, update)
    }
    /// Actions for observations `[P, n, obs_dim]` → `[P, n, act_dim]`. `noise`: standard normals of
    /// that shape for a sample of the policy, `None` for its deterministic action.
    fn act(&self, obs: &Tensor, noise: Option<&Tensor>) -> Result<Tensor> {
        self.learner().act(obs, noise)
    }
    /// One member's policy, for the host ([`PolicySnapshot`](crate::nn::PolicySnapshot) acts with it).
    fn policy(&self, member: usize) -> Result<BehaviourPolicy> {
        self.learner().policy(member)
    }
    /// Where the last update left its TD errors and its weights.
    fn measured(&self) -> Measured<'_>;
    /// Losses, means and [measures](Measured::read) of the last update: (CleanRL's name, `[P]` values).
    fn metrics(&self) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let mut all = self.learner().metrics()?;
        all.extend(self.measured().read(self.learner())?);
        Ok(all)
    }
    /// Everything that a checkpoint must hold, by name: parameters, moments, counters.
    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        self.learner().state()
    }
    /// Puts a [`state`](Agent::state) back.
    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        self.learner_mut().load_state(state)
    }
    /// Every parameter of one member by name, in PyTorch's layout (weights `[outputs, inputs]`).
    fn parameters(&self, member: usize) -> Result<Vec<(String, Vec<f32>)>> {
        self.learner().params.named(member)
    }
    /// Sets all [`parameters`](Agent::parameters) of one member; `place` names their source in errors.
    fn set_parameters(
        &mut self,
        member: usize,
        values: &HashMap<String, Vec<f32>>,
        place: &str,
    ) -> Result<()> {
        self.learner_mut().params.set_named(member, values, place)
    }
}

/// What an update would have drawn, for every member in turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// The batch, `[P, rows, row]`: real rows, then simulated ones.
    pub batch: Vec<f32>,
    /// Normals of the policy's actions, `[P, 2·rows, A]`: at the batch's states, then at its next states.
    pub noise: Vec<f32>,
    /// The classifiers' rows (s,a,s') before the noise, `[P, 2·half, 2S + A]`: real, then simulated.
    pub ratio: Vec<f32>,
    /// Normals added to them, of the same shape.
    pub ratio_noise: Vec<f32>,
    /// CQL's uniform actions on [−1, 1), `[P, rows, K, A]`.
    pub uniforms: Vec<f32>,
    /// Normals of CQL's sampled actions, `[P, 2, rows, K, A]`: at the batch's states, then at its next states.
    pub candidates: Vec<f32>,
    /// Normals of the next states at which H2O measures the gap, `[P, sim, samples, S]`.
    pub next_states: Vec<f32>,
    /// Their standard deviations, `[P, S]`.
    pub spread: Vec<f32>,
}

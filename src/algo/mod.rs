//! The methods. Each trains a population of members at once.

use std::collections::HashMap;

use candle_core::Tensor;

use crate::data::BehaviourPolicy;
use crate::error::Result;
use crate::nn::Replay;

pub mod core;
pub mod h2oplus;
pub mod registry;
pub mod sac;

pub use h2oplus::{H2oPlus, H2oPlusSettings};
pub use registry::{SettingsFlags, build, methods, resolve_settings};
pub use sac::{Sac, SacSettings};

/// A population of agents of one method, updated together.
pub trait Agent: Send {
    /// Number of members, P.
    fn members(&self) -> usize;
    /// One update of every member from the real data set and the simulator's replay (a method that
    /// uses only one of them ignores the other). Draws depend on (member seed, update index) alone.
    fn update(&mut self, real: &Replay, sim: &Replay) -> Result<()>;
    /// One update from recorded draws in place of random ones.
    fn update_recorded(&mut self, draws: &Recorded) -> Result<()>;
    /// Updates done so far.
    fn updates(&self) -> u64;
    /// Actions for observations `[P, n, obs_dim]` → `[P, n, act_dim]`. `noise`: standard normals of
    /// that shape for a sample of the policy, `None` for its deterministic action.
    fn act(&self, obs: &Tensor, noise: Option<&Tensor>) -> Result<Tensor>;
    /// One member's policy, for the host ([`PolicySnapshot`](crate::nn::PolicySnapshot) acts with it).
    fn policy(&self, member: usize) -> Result<BehaviourPolicy>;
    /// How many of the updates used the simulator's replay; `None` where the next one does not: during
    /// a warm start, and for a method that never does.
    fn simulated_updates(&self) -> Option<u64>;
    /// Losses and means of the last update: (CleanRL's name, `[P]` values).
    fn metrics(&self) -> Result<Vec<(&'static str, Vec<f32>)>>;
    /// Everything that a checkpoint must hold, by name: parameters, moments, counters.
    fn state(&self) -> Result<Vec<(String, Tensor)>>;
    /// Puts a [`state`](Agent::state) back.
    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()>;
    /// Every parameter of one member by name, in PyTorch's layout (weights `[outputs, inputs]`).
    fn parameters(&self, member: usize) -> Result<Vec<(String, Vec<f32>)>>;
    /// Sets all [`parameters`](Agent::parameters) of one member; `place` names their source in errors.
    fn set_parameters(
        &mut self,
        member: usize,
        values: &HashMap<String, Vec<f32>>,
        place: &str,
    ) -> Result<()>;
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
}

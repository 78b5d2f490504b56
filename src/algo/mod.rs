//! The methods. Each trains a population of members at once.

use candle_core::Tensor;

use crate::error::Result;
use crate::nn::Replay;

/// A population of agents of one method, updated together.
pub trait Agent: Send {
    /// Number of members, P.
    fn members(&self) -> usize;
    /// One update of every member from the real data set and the simulator's replay (a method that
    /// uses only one of them ignores the other). Draws depend on (member seed, update index) alone.
    fn update(&mut self, real: &Replay, sim: &Replay) -> Result<()>;
    /// Updates done so far.
    fn updates(&self) -> u64;
    /// Actions for observations `[P, n, obs_dim]` → `[P, n, act_dim]`. `noise`: standard normals of
    /// that shape for a sample of the policy, `None` for its deterministic action.
    fn act(&self, obs: &Tensor, noise: Option<&Tensor>) -> Result<Tensor>;
    /// Losses and means of the last update: (CleanRL's name, `[P]` values).
    fn metrics(&self) -> Result<Vec<(&'static str, Vec<f32>)>>;
    /// Everything that a checkpoint must hold, by name: parameters, moments, counters.
    fn state(&self) -> Result<Vec<(String, Tensor)>>;
    /// Puts a [`state`](Agent::state) back.
    fn load_state(&mut self, state: &std::collections::HashMap<String, Tensor>) -> Result<()>;
}

//! Tasks, and vectors of environments on any engine: a [`HostEnv`] is one on the processor.

mod aligned;
pub(crate) mod channel;
pub(crate) mod control;
pub mod dynamics;
pub(crate) mod episodes;
mod host;
pub(crate) mod rules;
pub mod scale;
pub(crate) mod snapshot;
mod spec;
pub mod status;
pub mod task;

pub use aligned::AlignedFloats;
pub use control::{Autoreset, EpisodeControl};
pub use dynamics::{Dynamics, ParamRow};
pub use host::{Engine, Group, HostEnv, Job};
pub use rules::EnvKey;
pub use scale::ActionScale;
pub use spec::EnvSpec;
pub use task::{Human, Task, Wish};

use crate::error::Result;
use std::any::Any;

/// What one env step of `n` environments returned. Rows are environments.
#[derive(Clone, Debug, Default)]
pub struct StepBatch {
    /// `[n, obs_dim]`: what the policy acts on next, as its sensors show it; after an episode's end, the reset observation.
    pub obs: AlignedFloats,
    /// `[n, obs_dim]`: the same of the true successor of the state acted on, also at an episode's end.
    pub next_obs: AlignedFloats,
    /// `[n]`.
    pub reward: AlignedFloats,
    /// `[n]`: the task's failure condition held; stops a bootstrap.
    pub terminated: Vec<bool>,
    /// `[n]`: the step limit was reached without termination; does not stop a bootstrap.
    pub truncated: Vec<bool>,
    /// `[n]`: where each robot went and what it was paid for; empty where the engine runs on a GPU.
    pub terms: Vec<StepTerms>,
}

impl StepBatch {
    /// Takes over the numbers of `other`, of the same shape, in place.
    pub fn copy_from(&mut self, other: &Self) {
        self.obs.copy_from_slice(&other.obs);
        self.next_obs.copy_from_slice(&other.next_obs);
        self.reward.copy_from_slice(&other.reward);
        self.terminated.copy_from_slice(&other.terminated);
        self.truncated.copy_from_slice(&other.truncated);
        self.terms.copy_from_slice(&other.terms);
    }
}

/// What an env step of one environment is told by beside its observation. Numbers alone, side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct StepTerms {
    /// Position along x at the end of the step, m.
    pub x: f64,
    /// Height at the end of the step above that of the robot's `qpos0`, m.
    pub z: f64,
    /// Mean velocity along x, m/s.
    pub velocity: f64,
    /// What the reward is the sum of: the weighted velocity,
    pub forward: f64,
    /// what a healthy state earns,
    pub healthy: f64,
    /// the cost of the controls, at most 0,
    pub control: f64,
    /// and that of the state.
    pub state: f64,
    /// As `x`, after the reset if the step ended the episode.
    pub x_now: f64,
    /// As `z`, after the reset if the step ended the episode.
    pub z_now: f64,
}

/// Some env steps of a population, whose members have equally many environments each.
#[derive(Clone, Debug, Default)]
pub struct RolloutBuffer {
    /// Rows `[obs, action, next_obs, reward, terminated]`, `[members, steps, per_member, row]`.
    pub rows: Vec<f32>,
    /// `[members, steps, per_member]`.
    pub terminated: Vec<bool>,
    /// `[members, steps, per_member]`.
    pub truncated: Vec<bool>,
    /// Bits of [`status`], `[members, steps, per_member]`.
    pub status: Vec<u32>,
}

/// Many environments of one task, stepped together, with same-step autoreset.
pub trait VecEnv: Any + Send {
    /// Number of environments, n.
    fn num_envs(&self) -> usize;
    /// What all its robots are asked to do.
    fn task(&self) -> &Task;
    /// Length of an observation.
    fn obs_dim(&self) -> usize {
        self.task().obs_dim()
    }
    /// Length of an action.
    fn act_dim(&self) -> usize {
        self.task().act_dim()
    }
    /// Starts a new episode everywhere; the observations, `[n, obs_dim]`.
    fn reset(&mut self) -> Result<&[f32]>;
    /// Replaces the env steps that the running episodes have behind them, `[n]`: who sets them apart from one another
    /// has episodes that end in turn, not all at once.
    fn set_steps(&mut self, steps: &[u32]);
    /// Puts one environment at `qpos`, `qvel` (`[nv]` each), at the start of an episode.
    fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]);
    /// One env step with `actions` `[n, act_dim]`, on the scale of [`Task::scale`].
    fn step(&mut self, actions: &[f32]) -> Result<&StepBatch>;
    /// `qpos` of every environment, `[n, nv]`, rounded to float32.
    ///
    /// # Errors
    /// Where the device fails.
    fn qpos(&self) -> Result<Vec<f32>>;
    /// `qvel` of every environment, `[n, nv]`, rounded to float32.
    ///
    /// # Errors
    /// Where the device fails.
    fn qvel(&self) -> Result<Vec<f32>>;
    /// Bits of [`status`] of the latest step, `[n]`.
    fn status(&self) -> &[u32];
    /// Controls that reached the motors in the latest step, `[n, nu]`, after their noise, delay and dead zone; none where
    /// they stay on a device.
    fn controls(&self) -> Option<&[f64]> {
        None
    }
    /// The parameter rows that its environments may have.
    fn dynamics(&self) -> &Dynamics;
    /// ParamRow of [`dynamics`](VecEnv::dynamics) that each environment has at present, `[n]`; a step that
    /// ends an episode may change it.
    fn param_row(&self) -> &[u32];
    /// Everything that the future depends on (state, warm starts, rows, counters, controls under way, observations where
    /// sensors err), as bytes for a checkpoint.
    ///
    /// # Errors
    /// Where the device fails.
    fn snapshot(&self) -> Result<Vec<u8>>;
    /// Goes back to a [`snapshot`](VecEnv::snapshot) of an equal vector.
    ///
    /// # Errors
    /// Where the bytes are another vector's, and where the device fails.
    fn restore(&mut self, bytes: &[u8]) -> Result<()>;
}

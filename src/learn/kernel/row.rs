//! Where the parts of a transition lie in a row: the one place that knows, for Rust and for CUDA.

use super::field::fields;
use crate::kernel::cuda::word;

/// A row's parts: state, action, next state, reward, terminated. A row of states alone has nothing behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLayout {
    /// Length of an observation, S.
    pub obs_dim: usize,
    /// Length of an action, A.
    pub act_dim: usize,
    len: usize,
}

impl RowLayout {
    /// A transition.
    pub fn new(obs_dim: usize, act_dim: usize) -> Self {
        Self {
            obs_dim,
            act_dim,
            len: 2 * obs_dim + act_dim + 2,
        }
    }

    /// A state alone, at which an action is wanted.
    pub fn state(obs_dim: usize, act_dim: usize) -> Self {
        Self {
            obs_dim,
            act_dim,
            len: obs_dim,
        }
    }

    /// The row up to and with the next state.
    pub fn of_dynamics(self) -> Self {
        Self {
            len: self.dynamics(),
            ..self
        }
    }

    /// Floats of a row.
    pub fn floats(self) -> usize {
        self.len
    }

    /// Column of the state.
    pub fn obs(self) -> usize {
        0
    }

    /// Column of the action.
    pub fn action(self) -> usize {
        self.obs_dim
    }

    /// Column of the next state.
    pub fn next_obs(self) -> usize {
        self.obs_dim + self.act_dim
    }

    /// Floats up to and with the next state: what the dynamics are about.
    pub fn dynamics(self) -> usize {
        self.next_obs() + self.obs_dim
    }

    /// Column of the reward.
    pub fn reward(self) -> usize {
        self.dynamics()
    }

    /// Column of the flag that says whether the episode ended in a terminal state.
    pub fn terminated(self) -> usize {
        self.reward() + 1
    }
}

fields! { RowLayout, "RowLayout", 3, |x| [word(x.obs_dim), word(x.act_dim), word(x.len)]; }

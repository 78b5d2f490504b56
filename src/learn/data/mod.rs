//! Data sets of the real domain: D4RL, Minari and safetensors files.
//!
//! [`Dataset::read`] tells them apart by content. Whatever is wrong with a file comes back as one
//! [`crate::error::Error::Input`] that names the file, the place in it and the help.

mod atomic;
mod behaviour;
pub mod d4rl;
mod ends;
mod hdf5;
mod histogram;
mod layout;
pub mod minari;
mod mix;
mod stats;
pub mod tensors;
mod validate;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::{Error, Result};

pub use atomic::{replace_file, sweep};
pub use behaviour::{BehaviourPolicy, DenseLayer, from_layers, to_layers};
pub use ends::EpisodeRules;
pub use histogram::{Column, Histogram};
pub use layout::Layout;
pub use mix::{Part, mix};
pub use stats::{Stats, moments};

/// Transitions of the real domain, in time order. `n` rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Where it came from: a path, or the recipe that made it.
    pub source: String,
    /// Length of an observation.
    pub obs_dim: usize,
    /// Length of an action.
    pub act_dim: usize,
    /// `[n, obs_dim]`.
    pub observations: Vec<f32>,
    /// `[n, act_dim]`.
    pub actions: Vec<f32>,
    /// `[n]`.
    pub rewards: Vec<f32>,
    /// `[n, obs_dim]`: true successors, also at an episode's end.
    pub next_observations: Vec<f32>,
    /// `[n]`: the task's failure condition held.
    pub terminals: Vec<bool>,
    /// `[n]`: the episode was cut by the step limit (or the recording ended).
    pub timeouts: Vec<bool>,
    /// `infos/qpos`, `[n, nv]`, where the file has it.
    pub qpos: Option<Vec<f32>>,
    /// `infos/qvel`, `[n, nv]`, where the file has it.
    pub qvel: Option<Vec<f32>>,
    /// `infos/action_log_probs`, `[n]`: log-density of each action under the behaviour policy.
    pub action_log_probs: Option<Vec<f32>>,
    /// `infos/gap/<name>`, `[n]` each: strength of every gap that some row was recorded under; NaN in
    /// rows where it was not in force. Empty: none is recorded.
    pub gap: BTreeMap<String, Vec<f64>>,
    /// The behaviour policy, where the file carries it.
    pub policy: Option<BehaviourPolicy>,
    /// The Gymnasium id of the environment that it says it was recorded in (Minari's `env_spec`).
    pub environment: Option<String>,
    /// What is odd but usable, for the user to see.
    pub notes: Vec<String>,
}

impl Dataset {
    /// Number of transitions.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether there is no transition.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Row ranges of the episodes, in order. The last one may be incomplete: its last row then
    /// carries neither flag.
    pub fn episodes(&self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        std::iter::from_fn(move || {
            if start == self.len() {
                return None;
            }
            let end = (start..self.len())
                .find(|&row| self.terminals[row] || self.timeouts[row])
                .map_or(self.len(), |row| row + 1);
            let episode = start..end;
            start = end;
            Some(episode)
        })
    }

    /// Keep the first `n` rows (all, if there are fewer).
    pub fn truncate(&mut self, n: usize) {
        self.retain_rows(|row| row < n);
    }

    /// Keep the rows whose index `keep` accepts. Flags stay as they are: if an episode's last row
    /// goes, the caller marks the new one.
    pub fn retain_rows(&mut self, keep: impl Fn(usize) -> bool) {
        let rows = self.len();
        let kept: Vec<usize> = (0..rows).filter(|&row| keep(row)).collect();
        let infos = [&mut self.qpos, &mut self.qvel, &mut self.action_log_probs];
        let columns = [
            &mut self.observations,
            &mut self.actions,
            &mut self.rewards,
            &mut self.next_observations,
        ];
        for column in columns.into_iter().chain(infos.into_iter().flatten()) {
            retain(column, rows, &kept);
        }
        for strengths in self.gap.values_mut() {
            retain(strengths, rows, &kept);
        }
        retain(&mut self.terminals, rows, &kept);
        retain(&mut self.timeouts, rows, &kept);
    }

    /// The rows of `parts` one after the other. What some part lacks (`infos`, but for gaps), or what
    /// differs between them (the behaviour policy, the environment), the whole lacks too. A part whose last episode is
    /// incomplete is closed by a timeout, for its rows do not go on in the next part.
    ///
    /// # Errors
    /// [`Error::Input`] if `parts` is empty or their observations or actions differ in length.
    pub fn concat(parts: &[Self]) -> Result<Self> {
        let Some((first, rest)) = parts.split_first() else {
            return Err(Error::input(
                "data",
                "no data set to join",
                "name at least one file",
            ));
        };
        let mut whole = first.clone();
        for part in rest {
            if (part.obs_dim, part.act_dim) != (whole.obs_dim, whole.act_dim) {
                return Err(Error::input(
                    &part.source,
                    format!(
                        "rows of {} observations and {} actions, where {} has {} and {}",
                        part.obs_dim, part.act_dim, first.source, first.obs_dim, first.act_dim
                    ),
                    "join files of one task only",
                ));
            }
            if let (Some(timeout), Some(false)) =
                (whole.timeouts.last_mut(), whole.terminals.last())
            {
                *timeout = true;
            }
            whole.source = format!("{} + {}", whole.source, part.source);
            whole.notes.extend(part.notes.iter().cloned());
            let (before, after) = (whole.len(), whole.len() + part.len());
            for (name, strengths) in &part.gap {
                let mine = whole.gap.entry(name.clone()).or_default();
                mine.resize(before, f64::NAN);
                mine.extend(strengths);
            }
            for strengths in whole.gap.values_mut() {
                strengths.resize(after, f64::NAN);
            }
            whole.observations.extend(&part.observations);
            whole.actions.extend(&part.actions);
            whole.rewards.extend(&part.rewards);
            whole.next_observations.extend(&part.next_observations);
            whole.terminals.extend(&part.terminals);
            whole.timeouts.extend(&part.timeouts);
            for (mine, theirs) in [
                (&mut whole.qpos, &part.qpos),
                (&mut whole.qvel, &part.qvel),
                (&mut whole.action_log_probs, &part.action_log_probs),
            ] {
                match (mine.as_mut(), theirs) {
                    (Some(values), Some(more)) => values.extend(more),
                    _ => *mine = None,
                }
            }
            if whole.policy != part.policy {
                whole.policy = None;
            }
            if whole.environment != part.environment {
                whole.environment = None;
            }
        }
        Ok(whole)
    }
}

/// Keep the rows `kept`, in rising order, of a row-major column of `rows` rows.
fn retain<T: Copy>(column: &mut Vec<T>, rows: usize, kept: &[usize]) {
    let Some(width) = column.len().checked_div(rows) else {
        return;
    };
    for (to, from) in kept.iter().enumerate() {
        column.copy_within(from * width..(from + 1) * width, to * width);
    }
    column.truncate(kept.len() * width);
}

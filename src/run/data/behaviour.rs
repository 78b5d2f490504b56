//! Behaviour policies: snapshots that `collect` kept while it trained SAC on the real task, and the
//! data sets made by rolling them out. The shipped ones stand in for D4RL's `medium` and
//! `medium-replay`, which were made the same way: one policy, and all policies up to it.

mod file;
mod human;
mod open;
mod quality;
mod roll_out;

use crate::data::BehaviourPolicy;
use crate::env::Task;
use crate::error::{Error, Result};
use crate::policy::Policy;

pub use quality::{Qualities, Quality, ROWS};
pub use roll_out::random_data;

/// A policy while it was being trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What trained it, as data sets say it (`SAC`).
    pub algorithm: String,
    /// Updates done.
    pub updates: u64,
    /// Mean return of its deterministic actions then.
    pub eval_return: f64,
    /// Its weights.
    pub policy: Policy,
}

impl Snapshot {
    /// As a data set says it.
    pub fn behaviour(&self) -> BehaviourPolicy {
        BehaviourPolicy {
            algorithm: self.algorithm.clone(),
            iteration: self.updates as i32,
            policy: self.policy.clone(),
        }
    }
}

/// Snapshots of one training run, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behaviour {
    /// At least one.
    pub snapshots: Vec<Snapshot>,
}

/// What trains the behaviours whose files do not say.
pub const TRAINED_BY: &str = "SAC";

const SHIPPED: [(&str, &[u8]); 2] = [
    (
        "halfcheetah",
        include_bytes!("../../../assets/behaviour/halfcheetah-v2.safetensors"),
    ),
    (
        "walker2d",
        include_bytes!("../../../assets/behaviour/walker2d-v2.safetensors"),
    ),
];

impl Behaviour {
    /// The snapshots up to the medium one: the first that returned `medium`, or the last where none did.
    pub fn up_to_medium(&self, medium: Option<f64>) -> &[Snapshot] {
        let reached = |s: &Snapshot| medium.is_some_and(|due| s.eval_return >= due);
        match self.snapshots.iter().position(reached) {
            Some(first) => &self.snapshots[..=first],
            None => &self.snapshots,
        }
    }

    /// Refuses policies that are not of `task`'s robot.
    fn check_robot(&self, task: &Task) -> Result<()> {
        let want = (task.obs_dim(), task.act_dim());
        let sizes = self
            .snapshots
            .iter()
            .map(|s| (s.policy.obs_dim(), s.policy.act_dim()));
        match sizes.into_iter().find(|have| *have != want) {
            None => Ok(()),
            Some(have) => Err(Error::input(
                format!("task {}", task.name),
                format!(
                    "has (observations, actions) = {want:?}; the behaviour's policies have {have:?}"
                ),
                "name the policies' own task",
            )),
        }
    }

    /// The shipped snapshots for `task`'s robot.
    pub fn shipped(task: &Task) -> Result<Self> {
        let robot = task
            .name
            .rsplit_once('-')
            .map_or(task.name.as_str(), |(robot, _)| robot);
        match SHIPPED.iter().find(|(name, _)| *name == robot) {
            Some((name, bytes)) => Self::parse(bytes, &format!("shipped behaviour of {name}")),
            None => Err(Error::input(
                format!("task {}", task.name),
                "no behaviour snapshots are shipped for this robot",
                "give a data file with `data FILE` (`h2oplus collect` makes one), or `data random`",
            )),
        }
    }
}

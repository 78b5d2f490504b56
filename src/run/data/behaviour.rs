//! Behaviour policies: snapshots that `collect` kept while it trained SAC on the real task, and the
//! data sets made by rolling them out. The shipped ones stand in for D4RL's `medium` and
//! `medium-replay`, which were made the same way: one policy, and all policies up to it.

mod file;
mod roll_out;

use crate::data::BehaviourPolicy;
use crate::env::Task;
use crate::error::{Error, Result};
use crate::policy::Policy;

pub use roll_out::random_data;

/// Which of the shipped recipes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// The last snapshot alone.
    Medium,
    /// Every snapshot, an equal share of rows each, in the order of training.
    MediumReplay,
}

impl Quality {
    /// `medium` or `medium-replay`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "medium" => Some(Self::Medium),
            "medium-replay" => Some(Self::MediumReplay),
            _ => None,
        }
    }
}

/// A policy while it was being trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
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
            algorithm: "SAC".into(),
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

//! A vector of environments on the engine that was asked for.

use crate::env::{Dynamics, EnvKey, PlanarVecEnv, RapierVecEnv, Task, VecEnv};
use crate::error::Result;
use crate::physics::planar::Arithmetic;
use serde::{Deserialize, Serialize};

/// What advances the state of the robots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Physics {
    /// Our kernel, which follows MuJoCo
    #[default]
    Planar,
    /// Rapier, an engine with contacts of its own
    Rapier,
}

/// One environment of `task` a key, with the rows of `dynamics`, on `physics`.
///
/// # Errors
/// Where the robots exceed the engine's limits.
pub fn build(
    physics: Physics,
    task: &Task,
    dynamics: Dynamics,
    keys: Vec<EnvKey>,
) -> Result<Box<dyn VecEnv>> {
    Ok(match physics {
        Physics::Planar => Box::new(PlanarVecEnv::with_dynamics(
            task,
            dynamics,
            keys,
            Arithmetic::default(),
        )?),
        Physics::Rapier => Box::new(RapierVecEnv::with_dynamics(task, dynamics, keys)?),
    })
}

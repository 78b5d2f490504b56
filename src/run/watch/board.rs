//! What a run shows of itself while it goes on.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::engine::Physics;
use crate::env::Task;
use crate::error::Result;
use crate::model::GapSet;
use crate::policy::Policy;
use crate::run::render::Film;
use crate::run::render::roll::FilmPlan;
use crate::run::train::phases::Spent;

/// Env steps of a film: short, for another one comes with every evaluation.
const STEPS: usize = 200;

/// What is shown. The trainer writes, the page's thread reads; either holds it for an instant only.
#[derive(Default)]
pub struct Board {
    state: Mutex<WatchedState>,
    policy: Mutex<Option<Arc<WatchedPolicy>>>,
}

/// Numbers of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WatchedState {
    /// Method and task.
    pub title: String,
    /// The run's folder.
    pub folder: PathBuf,
    /// Updates done by each member.
    pub updates: u64,
    /// Updates that it ends at.
    pub total: u64,
    /// Seconds of work so far.
    pub seconds: f64,
    /// Where this process's time went; none before it began.
    pub spent: Option<Spent>,
    /// All members.
    pub members: Vec<WatchedMember>,
    /// Updates behind the policy that is shown; none before the first.
    pub policy: Option<u64>,
    /// The run's measurements.
    #[serde(skip)]
    pub metrics: PathBuf,
}

/// A member's health.
#[derive(Clone, Debug, Serialize)]
pub struct WatchedMember {
    /// Its name.
    pub name: String,
    /// Mean return of its latest evaluation.
    pub latest: Option<f64>,
    /// The update in which it diverged.
    pub diverged: Option<u64>,
}

/// A policy to be seen, and its worlds.
pub struct WatchedPolicy {
    /// The real task.
    pub task: Task,
    /// What differs in the simulator.
    pub gap: GapSet,
    /// The simulator's engine.
    pub physics: Physics,
    /// Seed of the initial state.
    pub seed: u64,
    /// What it is called.
    pub name: String,
    /// Updates behind it.
    pub updates: u64,
    /// Its weights.
    pub policy: Policy,
}

impl WatchedPolicy {
    /// What it does.
    ///
    /// # Errors
    /// Where it cannot act.
    pub fn film(&self) -> Result<Film> {
        let plan = FilmPlan {
            task: &self.task,
            gap: &self.gap,
            physics: self.physics,
            seed: self.seed,
            steps: STEPS,
            stochastic: false,
        };
        plan.film(&self.policy, &self.name)
    }
}

impl Board {
    /// Puts `state` in the place of the one before.
    pub fn put(&self, state: WatchedState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Puts `policy` in the place of the one before.
    pub fn show(&self, policy: WatchedPolicy) {
        let policy = Some(Arc::new(policy));
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    /// The numbers.
    pub fn state(&self) -> WatchedState {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        WatchedState {
            policy: self.policy().map(|policy| policy.updates),
            ..state.clone()
        }
    }

    /// The policy.
    pub fn policy(&self) -> Option<Arc<WatchedPolicy>> {
        let policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        policy.clone()
    }
}

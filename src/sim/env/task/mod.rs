//! A task as data: robot, observation, reward, termination, reset.

mod check;
mod file;

use crate::env::ActionScale;
use crate::error::Result;
use crate::model::gap::impossible;
use crate::model::{Gap, GapSet, GapTable, Model, Spec};
use serde::Deserialize;

/// The observation: `qpos[qpos_from..]`, then `qvel`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// First position that is seen; the ones before are where the robot is in the world.
    pub qpos_from: usize,
    /// Velocities are clipped to ± this, m/s and rad/s.
    pub qvel_clip: Option<f64>,
}

/// The reward of an env step of dt: `forward_velocity` · Δqpos\[0\]/dt − `control_cost` · Σa² + `healthy`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reward {
    /// Weight of the mean velocity along x, 1/(m/s).
    pub forward_velocity: f64,
    /// Weight of the squared control: clamped to the motors' ranges where a gap adds noise, else as it
    /// was asked for.
    pub control_cost: f64,
    /// Paid on a healthy step.
    #[serde(default)]
    pub healthy: f64,
    /// Whether the step that ends the episode earns [`healthy`](Reward::healthy) too.
    #[serde(default)]
    pub healthy_on_fall: bool,
}

/// The robot is healthy while `range[0] < qpos[qpos] < range[1]`, both strict.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Healthy {
    /// Index of the position.
    pub qpos: usize,
    /// m or rad.
    pub range: [f64; 2],
}

/// The robot is healthy while `range[0] < x < range[1]`, both strict, for every x in
/// `qpos[qpos_from..]` and `qvel`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthyState {
    /// First position that counts.
    pub qpos_from: usize,
    /// m, rad, m/s and rad/s.
    pub range: [f64; 2],
}

/// Noise added to every component at a reset.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResetNoise {
    /// Uniform in ± the value.
    Uniform(f64),
    /// Normal with the value as standard deviation.
    Normal(f64),
}

/// Reset: `qpos0` and zero velocities, with noise.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// Noise of the positions, m and rad.
    pub qpos: ResetNoise,
    /// Noise of the velocities, m/s and rad/s.
    pub qvel: ResetNoise,
}

/// Reference returns of D4RL.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Return of a random policy: score 0.
    pub random: f64,
    /// Return of an expert: score 100.
    pub expert: f64,
}

/// A robot with its observation, reward, termination and reset.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// `halfcheetah-v2`, or the stem of a file of the user's own.
    pub name: String,
    /// One line for listings.
    pub doc: String,
    /// The robot without a gap.
    pub spec: Spec,
    /// Gaps that may be asked for.
    pub gaps: GapTable,
    /// Physics steps an env step.
    pub frame_skip: usize,
    /// An episode is truncated after so many env steps.
    pub max_episode_steps: usize,
    /// What is seen.
    pub observation: Observation,
    /// What is paid.
    pub reward: Reward,
    /// The episode terminates when one of these fails; empty: never.
    pub healthy: Vec<Healthy>,
    /// The episode terminates when this fails; `None`: whatever the state.
    pub healthy_state: Option<HealthyState>,
    /// How an episode starts.
    pub reset: Reset,
    /// Scale of the normalised score.
    pub score: Option<Score>,
    /// Return at which a behaviour in training counts as `medium`.
    pub medium_return: Option<f64>,
    /// How actions in [-1, 1] become controls.
    pub scale: ActionScale,
    /// Lengths of `qpos` and of an action.
    nv_nu: (usize, usize),
}

impl Task {
    /// Compiles the robot with a gap: tables and the standard deviation of the action noise.
    ///
    /// # Errors
    /// As [`Gap::apply`].
    pub fn model(&self, gap: &Gap) -> Result<(Model, f64)> {
        let (spec, noise) = gap.apply(&self.spec)?;
        Ok((spec.compile()?, noise.std))
    }

    /// As [`model`](Self::model) for a gap whose strengths were drawn, and may change nothing.
    ///
    /// # Errors
    /// As [`Gap::edit`], and where the robot does not compile.
    pub fn drawn_model(&self, gap: &Gap) -> Result<(Model, f64)> {
        let (spec, noise) = gap.edit(&self.spec)?;
        let model = spec.compile().map_err(|e| impossible(gap, e))?;
        Ok((model, noise.std))
    }

    /// Reads the gaps of a batch with this task's gap table.
    ///
    /// # Errors
    /// As [`GapTable::domain`].
    pub fn domain(&self, text: &str) -> Result<GapSet> {
        self.gaps.domain(text)
    }

    /// Reads a gap's text with this task's gap table.
    ///
    /// # Errors
    /// As [`GapTable::gap`].
    pub fn gap(&self, text: &str) -> Result<Gap> {
        self.gaps.gap(text)
    }

    /// Length of an observation.
    pub fn obs_dim(&self) -> usize {
        2 * self.nv_nu.0 - self.observation.qpos_from
    }

    /// Length of an action.
    pub fn act_dim(&self) -> usize {
        self.nv_nu.1
    }

    /// Duration of an env step, s.
    pub fn dt(&self) -> f64 {
        self.spec.option.timestep * self.frame_skip as f64
    }

    /// Whether the episode goes on; NaN is unhealthy.
    pub fn is_healthy(&self, qpos: &[f64], qvel: &[f64]) -> bool {
        let inside = |x: &f64, [lo, hi]: [f64; 2]| lo < *x && *x < hi;
        let one = |h: &Healthy| inside(&qpos[h.qpos], h.range);
        let all = |h: &HealthyState| {
            let mut state = qpos[h.qpos_from..].iter().chain(qvel);
            state.all(|x| inside(x, h.range))
        };
        self.healthy.iter().all(one) && self.healthy_state.as_ref().is_none_or(all)
    }

    /// D4RL's normalised score of a return: 0 is random, 100 an expert. `None` where the task names
    /// no reference returns.
    pub fn normalized_score(&self, episode_return: f64) -> Option<f64> {
        let Score { random, expert } = self.score.as_ref()?;
        Some(100.0 * (episode_return - random) / (expert - random))
    }
}

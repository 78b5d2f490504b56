//! A task as data: robot, observation, reward, termination, reset.

mod check;
mod file;
mod human;

pub use self::human::{Human, Wish};
use crate::env::ActionScale;
use crate::error::Result;
pub use crate::model::gap::Score;
use crate::model::gap::impossible;
use crate::model::{Gap, GapSet, GapTable, Model, Spec};
use serde::Deserialize;

/// An entry of the state: `qpos.2`, `qvel.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StateEntry {
    /// A position.
    Qpos(usize),
    /// A velocity.
    Qvel(usize),
}

/// The observation: `qpos[qpos_from..]`, then `qvel`; or the entries of the state that `pick` names, in its order.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// First position that is seen; the ones before are where the robot is in the world. None beside `pick`.
    pub qpos_from: Option<usize>,
    /// Velocities are clipped to ± this, m/s and rad/s.
    pub qvel_clip: Option<f64>,
    /// What is seen, where it is not all that comes from a position on.
    pub pick: Option<Vec<StateEntry>>,
}

/// What an entry of the state costs at the end of an env step: `weight` · (x − `target`)².
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quadratic {
    /// Which entry.
    pub entry: StateEntry,
    /// 1/(its unit)².
    pub weight: f64,
    /// Where it costs nothing.
    #[serde(default)]
    pub target: f64,
}

/// The reward of an env step of dt: `forward_velocity` · Δqpos\[0\]/dt − `control_cost` · Σa² + `healthy`
/// − the sum of `quadratic`.
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
    /// Costs of the state at the step's end.
    #[serde(default)]
    pub quadratic: Vec<Quadratic>,
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

/// A robot with its observation, reward, termination and reset.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// `halfcheetah-v2`, or the stem of a file of the user's own.
    pub name: String,
    /// One line for listings.
    pub doc: String,
    /// The robot without a gap: what simulators are edits of.
    pub spec: Spec,
    /// What differs on the real robot; none: nothing.
    pub real: Gap,
    /// What differs there where nothing else is said: the task's own.
    own_real: Gap,
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
    /// Who drives it by hand, if anybody does.
    pub human: Option<Human>,
    /// How actions in [-1, 1] become controls.
    pub scale: ActionScale,
    /// Lengths of `qpos` and of an action.
    nv_nu: (usize, usize),
}

/// The gap of a task's own real robot, by name.
pub const OWN_REAL: &str = "task";

impl TryFrom<String> for StateEntry {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let entry = text.split_once('.').and_then(|(part, i)| {
            let i = i.parse().ok()?;
            match part {
                "qpos" => Some(Self::Qpos(i)),
                "qvel" => Some(Self::Qvel(i)),
                _ => None,
            }
        });
        entry.ok_or_else(|| format!("`{text}` is no entry of the state, as qpos.2 or qvel.0 are"))
    }
}

impl StateEntry {
    /// Its number in a state.
    pub fn of(self, qpos: &[f64], qvel: &[f64]) -> f64 {
        match self {
            Self::Qpos(i) => qpos[i],
            Self::Qvel(i) => qvel[i],
        }
    }

    /// Its index among the positions, where it is one.
    pub fn position(self) -> Option<usize> {
        match self {
            Self::Qpos(i) => Some(i),
            Self::Qvel(_) => None,
        }
    }

    /// Its index among the velocities, where it is one.
    pub fn velocity(self) -> Option<usize> {
        match self {
            Self::Qpos(_) => None,
            Self::Qvel(i) => Some(i),
        }
    }
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

    /// Reads the gaps of a batch with this task's gap table; `odrl` are all its shifts for this robot, in turn; `task` is
    /// what differs on its own real robot.
    ///
    /// # Errors
    /// As [`GapTable::domain`].
    pub fn domain(&self, text: &str) -> Result<GapSet> {
        if text.trim() == OWN_REAL {
            return Ok(GapSet::from(&self.own_real));
        }
        let shifts = self.gaps.shifts_for(&self.spec.name);
        match text.trim() == "odrl" && !shifts.is_empty() {
            true => self.gaps.domain(&shifts.join("/")),
            false => self.gaps.domain(text),
        }
    }

    /// Reads a gap's text with this task's gap table.
    ///
    /// # Errors
    /// As [`GapTable::gap`].
    pub fn gap(&self, text: &str) -> Result<Gap> {
        self.gaps.gap(text)
    }

    /// The task where the real robot has the gap that `text` names; `task`: its own. D4RL's scale of the score is the plain robot's;
    /// a shifted one has its own, or none.
    ///
    /// # Errors
    /// As [`gap`](Self::gap) and [`model`](Self::model).
    pub fn with_real(mut self, text: &str) -> Result<Self> {
        if text.trim() == OWN_REAL {
            return Ok(self);
        }
        let real = self.gap(text)?;
        self.model(&real)?;
        if real != self.own_real {
            // A benchmark's scale is of the robots that weigh as D4RL's.
            let score = real.score(&self.spec.name);
            self.score = score.filter(|_| self.score.is_some());
            self.medium_return = None;
        }
        self.real = real;
        Ok(self)
    }

    /// Its name, and what differs on the real robot.
    pub fn title(&self) -> String {
        match self.is_shifted() {
            false => self.name.clone(),
            true => format!("{} with {}", self.name, self.real),
        }
    }

    /// Whether the real robot is another than the task's own.
    pub fn is_shifted(&self) -> bool {
        self.real != self.own_real
    }

    /// What files of the real robot are called: `walker2d-v2`, or `walker2d_gravity_0.5`, where v2 goes
    /// without saying.
    pub fn file_stem(&self) -> String {
        let name = self.name.strip_suffix("-v2").unwrap_or(&self.name);
        match self.is_shifted() {
            false => self.name.clone(),
            true => format!("{name}_{}", self.real.file_stem()),
        }
    }

    /// What a file of the real robot is called: `walker2d-v2-medium.hdf5` as D4RL's, or as ODRL's,
    /// `walker2d_gravity_0.5_medium.hdf5`.
    pub fn file_name(&self, what: &str) -> String {
        let joint = if self.is_shifted() { '_' } else { '-' };
        format!("{}{joint}{what}", self.file_stem())
    }

    /// Length of an observation.
    pub fn obs_dim(&self) -> usize {
        let seen = &self.observation;
        let whole = || 2 * self.nv_nu.0 - seen.qpos_from.unwrap_or(0);
        seen.pick.as_ref().map_or_else(whole, Vec::len)
    }

    /// Every entry of the observation, in order.
    pub fn seen(&self) -> Vec<StateEntry> {
        let (nv, seen) = (self.nv_nu.0, &self.observation);
        let positions = seen.qpos_from.unwrap_or(0)..nv;
        let whole = || {
            let positions = positions.map(StateEntry::Qpos);
            positions.chain((0..nv).map(StateEntry::Qvel)).collect()
        };
        seen.pick.clone().unwrap_or_else(whole)
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

    /// The return of which `score` is the [normalised score](Self::normalized_score).
    pub fn return_of_score(&self, score: f64) -> Option<f64> {
        let Score { random, expert } = self.score.as_ref()?;
        Some(random + 0.01 * score * (expert - random))
    }
}

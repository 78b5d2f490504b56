//! A task as data: robot, observation, reward, termination, reset, from `envs/<name>.toml`.

use crate::env::ActionScale;
use crate::error::{Error, Result};
use crate::model::gap::impossible;
use crate::model::{CapsuleMass, Gap, GapSet, GapTable, MarginRule, Model, Spec, toml_input};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Embedded tasks: name and text.
const TASKS: [(&str, &str); 9] = [
    (
        "halfcheetah-v2",
        include_str!("../envs/halfcheetah-v2.toml"),
    ),
    (
        "halfcheetah-v4",
        include_str!("../envs/halfcheetah-v4.toml"),
    ),
    (
        "halfcheetah-v5",
        include_str!("../envs/halfcheetah-v5.toml"),
    ),
    ("hopper-v2", include_str!("../envs/hopper-v2.toml")),
    ("hopper-v4", include_str!("../envs/hopper-v4.toml")),
    ("hopper-v5", include_str!("../envs/hopper-v5.toml")),
    ("walker2d-v2", include_str!("../envs/walker2d-v2.toml")),
    ("walker2d-v4", include_str!("../envs/walker2d-v4.toml")),
    ("walker2d-v5", include_str!("../envs/walker2d-v5.toml")),
];

/// Physics steps that an env step may take: beyond them it would seem to stand still.
const MAX_FRAME_SKIP: usize = 10_000;

/// Embedded robots: file name and text.
const ASSETS: [(&str, &str); 4] = [
    (
        "half_cheetah.xml",
        include_str!("../assets/half_cheetah.xml"),
    ),
    ("hopper.xml", include_str!("../assets/hopper.xml")),
    ("walker2d.xml", include_str!("../assets/walker2d.xml")),
    ("walker2d_v5.xml", include_str!("../assets/walker2d_v5.xml")),
];

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
pub enum Noise {
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
    pub qpos: Noise,
    /// Noise of the velocities, m/s and rad/s.
    pub qvel: Noise,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskFile {
    doc: String,
    asset: String,
    capsule_mass: CapsuleMass,
    #[serde(default)]
    contact_margin: MarginRule,
    frame_skip: usize,
    max_episode_steps: usize,
    observation: Observation,
    reward: Reward,
    #[serde(default)]
    healthy: Vec<Healthy>,
    healthy_state: Option<HealthyState>,
    reset: Reset,
    score: Option<Score>,
    medium_return: Option<f64>,
    gaps: Option<String>,
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
    /// Names of the embedded tasks.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TASKS.iter().map(|(name, _)| *name)
    }

    /// An embedded task (`halfcheetah-v2`; `halfcheetah` means v2; Gymnasium's `HalfCheetah-v2`), or a path to a TOML file.
    ///
    /// # Errors
    /// On an unknown name; when the file cannot be read, holds an unknown key, or does not fit its robot.
    pub fn load(name: &str) -> Result<Self> {
        if Self::is_file(name) {
            return Self::load_file(Path::new(name));
        }
        let wanted = name.to_ascii_lowercase();
        let versioned = format!("{wanted}-v2");
        match TASKS.iter().find(|(n, _)| *n == wanted || *n == versioned) {
            Some((n, text)) => Self::parse(n, &format!("envs/{n}.toml"), text, None),
            None => {
                let known: Vec<&str> = Self::names().collect();
                Err(Error::input(
                    format!("task `{name}`"),
                    "there is no such task",
                    format!(
                        "tasks: {} (without a version: v2), or a path to a .toml file",
                        known.join(", ")
                    ),
                ))
            }
        }
    }

    /// Whether `name` is taken for a path, not for an embedded task.
    pub fn is_file(name: &str) -> bool {
        name.ends_with(".toml") || name.contains(['/', '\\'])
    }

    /// The files of the user's own that the task in `path` names: what they are, and where they lie.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn beside(path: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
        let text = crate::text::read(path)?;
        let file: TaskFile = toml_input(&path.display().to_string(), &text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let robot = Some(folder.join(&file.asset)).filter(|path| path.exists());
        let gaps = file.gaps.map(|own| match folder.join(&own) {
            path if path.exists() => path,
            _ => own.into(),
        });
        let robot = robot.map(|path| ("robot", path));
        let gaps = gaps.map(|path| ("table of gaps", path));
        Ok(robot.into_iter().chain(gaps).collect())
    }

    fn load_file(path: &Path) -> Result<Self> {
        let text = crate::text::read(path)?;
        let name = path
            .file_stem()
            .map_or_else(|| "task".into(), |s| s.to_string_lossy().into_owned());
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&name, &path.display().to_string(), &text, Some(folder))
    }

    /// `folder` is where a user's file looks for its robot and gaps before the embedded ones.
    fn parse(name: &str, source: &str, text: &str, folder: Option<&Path>) -> Result<Self> {
        let file: TaskFile = toml_input(source, text)?;
        let beside = |file: &str| folder.map(|f| f.join(file)).filter(|p| p.exists());
        let mut spec = match beside(&file.asset) {
            Some(path) => Spec::load(path)?,
            None => match ASSETS.iter().find(|(n, _)| *n == file.asset) {
                Some((n, text)) => Spec::parse(&format!("assets/{n}"), text)?,
                None => {
                    let known: Vec<&str> = ASSETS.iter().map(|(n, _)| *n).collect();
                    return Err(Error::input(
                        source,
                        format!("asset `{}` is not there", file.asset),
                        format!(
                            "a path relative to the task's own file, or one of: {}",
                            known.join(", ")
                        ),
                    ));
                }
            },
        };
        spec.compiler.capsule_mass = file.capsule_mass;
        spec.compiler.contact_margin = file.contact_margin;
        let gaps = match &file.gaps {
            None => GapTable::builtin(),
            Some(own) => GapTable::load(beside(own).unwrap_or_else(|| own.into()))?,
        };
        let model = spec.compile()?;
        let task = Self {
            name: name.to_owned(),
            doc: file.doc,
            spec,
            gaps,
            frame_skip: file.frame_skip,
            max_episode_steps: file.max_episode_steps,
            observation: file.observation,
            reward: file.reward,
            healthy: file.healthy,
            healthy_state: file.healthy_state,
            reset: file.reset,
            score: file.score,
            medium_return: file.medium_return,
            scale: ActionScale::of(&model.actuators),
            nv_nu: (model.nv(), model.nu()),
        };
        task.check(source)?;
        Ok(task)
    }

    fn check(&self, source: &str) -> Result<()> {
        let bad = |key: &str, problem: String, help: &str| {
            Err(Error::input(format!("{source}: {key}"), problem, help))
        };
        let (nv, nu) = self.nv_nu;
        if nu == 0 {
            return bad(
                "asset",
                "the robot has no motor".to_owned(),
                "give it an <actuator>",
            );
        }
        for (key, value) in [
            ("frame_skip", self.frame_skip),
            ("max_episode_steps", self.max_episode_steps),
        ] {
            if value == 0 {
                return bad(key, "is 0".to_owned(), "give 1 or more");
            }
        }
        if self.frame_skip > MAX_FRAME_SKIP {
            let problem = format!("is {}", self.frame_skip);
            let help = format!("give at most {MAX_FRAME_SKIP}, or a larger timestep to the robot");
            return bad("frame_skip", problem, &help);
        }
        if self.observation.qpos_from > nv {
            return bad(
                "observation.qpos_from",
                format!(
                    "is {}, but the robot has {nv} positions",
                    self.observation.qpos_from
                ),
                "give the index of a position",
            );
        }
        if self
            .observation
            .qvel_clip
            .is_some_and(|c| c.is_nan() || c <= 0.0)
        {
            return bad(
                "observation.qvel_clip",
                "is not above 0".to_owned(),
                "give a bound above 0, or leave it out",
            );
        }
        for healthy in &self.healthy {
            let [lo, hi] = healthy.range;
            if healthy.qpos >= nv || lo.is_nan() || hi.is_nan() || lo >= hi {
                return bad(
                    "healthy",
                    format!("qpos = {}, range = [{lo}, {hi}]", healthy.qpos),
                    &format!(
                        "give a position below {nv} and a range whose first bound lies below the second"
                    ),
                );
            }
        }
        if let Some(HealthyState { qpos_from, range }) = &self.healthy_state {
            let [lo, hi] = range;
            if *qpos_from > nv || lo.is_nan() || hi.is_nan() || lo >= hi {
                return bad(
                    "healthy_state",
                    format!("qpos_from = {qpos_from}, range = [{lo}, {hi}]"),
                    &format!(
                        "give a first position of at most {nv} and a range whose first bound lies below the second"
                    ),
                );
            }
        }
        let reward = &self.reward;
        if ![reward.forward_velocity, reward.control_cost, reward.healthy]
            .iter()
            .all(|x| x.is_finite())
        {
            return bad(
                "reward",
                "a weight is not finite".to_owned(),
                "give finite numbers",
            );
        }
        for (key, noise) in [
            ("reset.qpos", self.reset.qpos),
            ("reset.qvel", self.reset.qvel),
        ] {
            let (Noise::Uniform(scale) | Noise::Normal(scale)) = noise;
            if !(scale >= 0.0 && scale.is_finite()) {
                return bad(
                    key,
                    format!("is {scale}"),
                    "give a finite scale of 0 or more",
                );
            }
        }
        if self.medium_return.is_some_and(|r| !r.is_finite()) {
            return bad(
                "medium_return",
                "is not finite".to_owned(),
                "give a return, or leave it out",
            );
        }
        if let Some(score) = &self.score
            && (!score.random.is_finite()
                || !score.expert.is_finite()
                || score.random >= score.expert)
        {
            return bad(
                "score",
                "random is not below expert".to_owned(),
                "give the two reference returns",
            );
        }
        Ok(())
    }

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

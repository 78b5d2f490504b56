//! Tasks from files: `envs/<name>.toml`, embedded, and those of the user's own.

use super::{Healthy, HealthyState, Human, Observation, Reset, Reward, Score, Task};
use crate::env::ActionScale;
use crate::error::{Error, Result};
use crate::model::{CapsuleMass, Gap, GapTable, MarginRule, Spec, toml_input};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Files of a folder, in the program: name and text of each.
macro_rules! embedded {
    ($folder:literal, $end:literal: $($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../", $folder, "/", $name, $end)))),*]
    };
}

/// Embedded tasks: name and text.
const TASKS: &[(&str, &str)] = embedded!("envs", ".toml":
    "halfcheetah-v2" "halfcheetah-v4" "halfcheetah-v5"
    "hopper-v2" "hopper-v4" "hopper-v5"
    "walker2d-v2" "walker2d-v4" "walker2d-v5"
    "wheelleg-forward" "wheelleg-stand"
);

/// Embedded robots: file name and text.
const ASSETS: &[(&str, &str)] = embedded!("assets", "":
    "half_cheetah.xml" "hopper.xml" "walker2d.xml" "walker2d_v5.xml" "wheel_legged.xml"
);

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
    human: Option<Human>,
    real: Option<String>,
    gaps: Option<String>,
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
                let mut help = format!(
                    "tasks: {} (without a version: v2), or a path to a .toml file",
                    known.join(", ")
                );
                if let Some((robot, shift)) = GapTable::benchmark_task(name) {
                    help =
                        format!("it is the task {robot} with the gap `{shift}` on the real robot");
                }
                let problem = match wanted.starts_with("ant") {
                    true => {
                        "there is no such task: Ant is not planar, and robots here move in the x-z plane"
                    }
                    false => "there is no such task",
                };
                Err(Error::input(format!("task `{name}`"), problem, help))
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
        let mut task = Self {
            name: name.to_owned(),
            doc: file.doc,
            spec,
            real: Gap::none(),
            own_real: Gap::none(),
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
            human: file.human,
            scale: ActionScale::of(&model.actuators),
            nv_nu: (model.nv(), model.nu()),
        };
        task.check(source)?;
        if let Some(real) = file.real {
            let place = format!("{source}: real");
            task.real = task.gap(&real).map_err(|e| e.within(&place))?;
            task.model(&task.real).map_err(|e| e.within(&place))?;
            task.own_real = task.real.clone();
        }
        Ok(task)
    }
}

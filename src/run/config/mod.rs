//! Everything that decides a run: defaults, then a recipe, then a TOML file, then flags; the result is saved.

pub mod config_file;
pub mod members;
pub mod memory;
pub mod recipe;
pub mod resolved;
pub mod seeds;
mod toml_text;

use std::path::Path;

use h2oplus_base::settings;

use crate::engine::{Device, Physics};
use crate::env::Task;
use crate::env::task::OWN_REAL;
use crate::error::{Error, Result};
use crate::kernel::MatmulPrecision;
use crate::method::Method;
use crate::net::device::DeviceKind;
use crate::setting::Settings;
use config_file::ConfigFile;
use members::{Axis, Member};
use recipe::Recipe;
use resolved::Run;
use seeds::Seeds;

settings! {
    /// A training run. The method's own settings stand beside it, in `[settings]`.
    pub struct TrainConfig {
        /// Whose values stand in place of the defaults: `fast` learns most per minute, `long` furthest in an hour, `paper`
        /// has the publication's settings; or a TOML file
        recipe: String = "fast".into(),
        /// Robot and version, or a TOML file of your own
        task: String = "halfcheetah-v2".into(),
        /// Engine of the simulator; the real task stays with `planar`
        physics: Physics = Physics::default(),
        /// Where the simulator runs (`planar` alone has shaders)
        sim_device: Device = Device::default(),
        /// What differs in the simulator: `gravity`, `gravity=1.5,friction=0.3`, `none`; several in turn,
        /// `none/gravity`; drawn, `gravity=0.5..2.0`; or a TOML file of distributions
        gap: String = "gravity".into(),
        /// Parameter rows into which strengths are drawn for each member (default: the file's, or 1024;
        /// at most one an environment unless they are redrawn)
        gap_rows: Option<usize> = None => SOME_U32,
        /// Draw an environment's parameters anew at every reset
        gap_redraw: bool = false,
        /// What differs on the real robot, whose returns count and whose data are learnt from: one gap of fixed
        /// strength, as `gravity=0.5`; the simulator is then the plain robot unless --gap says otherwise. `task`: what
        /// the task's file says, nothing for most; `none`: nothing
        real_gap: String = OWN_REAL.into(),
        /// Real data: `medium-replay`, `medium`, `random`, or a D4RL, Minari or safetensors file
        data: String = "medium-replay".into(),
        /// Transitions to use (0: all of a file, 100,000 otherwise)
        rows: usize = 0 => COUNT,
        /// Method
        algo: String = "h2oplus".into(),
        /// Members of the population: `0`, `0,3`, `0..4` (both ends)
        seeds: Seeds = Seeds::one(0),
        /// Updates of each member
        updates: u64 = 50_000 => SOME_U32,
        /// Simulated environments per member
        envs: usize = 8 => SOME_U32,
        /// Simulator steps of each member per cycle
        cycle_steps: usize = 1000 => SOME_U32,
        /// Updates per cycle
        cycle_updates: u64 = 1000 => SOME,
        /// Uniform random simulator steps before the policy acts
        random_steps: u64 = 0 => COUNT,
        /// Rows of the simulator's replay per row of the data set
        replay_ratio: f64 = 10.0 => POSITIVE,
        /// At most this many rows in each member's replay (0: no cap)
        replay_cap: usize = 0 => COUNT,
        /// Updates between evaluations on the real task
        eval_every: u64 = 5000 => SOME,
        /// Episodes of an evaluation
        eval_episodes: usize = 10 => SOME_U32,
        /// Updates between checkpoints; a large number leaves the last alone
        checkpoint_every: u64 = 5000 => SOME,
        /// Updates between lines of metrics
        log_every: u64 = 500 => SOME,
        /// Updates between behaviour snapshots of the policy (0: none)
        snapshot_every: u64 = 0 => COUNT,
        /// Stop once a member's evaluation reaches this return
        target_return: Option<f64> = None => FINITE,
        /// Where the learner runs
        device: DeviceKind = DeviceKind::default(),
        /// How matrix products round: `tf32` on a GPU, `bf16` on a CPU with units for it
        precision: MatmulPrecision = MatmulPrecision::default(),
    }
    beside {
        /// What members differ in besides the seeds.
        #[serde(default, with = "members::table")]
        vary: Vec<Axis>,
        /// The method's own settings, resolved
        #[serde(default)]
        settings: toml::Table,
        /// The members, as they follow from `seeds` and `vary`: written for the reader
        #[serde(default)]
        members: Vec<Member>,
    }
}

/// Rows of a simulated ring where no data set decides it; older ones are written over.
pub const REPLAY_ROWS: usize = 1_000_000;

/// What stood on the command line.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Keys of the run, as a config file would have them.
    pub run: toml::Table,
    /// The method's own settings.
    pub settings: toml::Table,
    /// What members differ in.
    pub vary: Vec<Axis>,
}

/// Defaults, overlaid with the recipe, with `file` (TOML), with what was given.
///
/// # Errors
/// Where no run can have a value. The place is its file, line and key, or the key alone.
pub fn resolve(given: &Given, file: Option<&Path>) -> Result<Run> {
    let mut file = file.map(ConfigFile::read).transpose()?.unwrap_or_default();
    if !file.members.is_empty() {
        // Its members must be its own, whatever the flags change.
        Run::of(&file)?;
    }
    Axis::differ(&given.vary)?;
    let keys = given.run.keys().chain(given.settings.keys());
    keys.for_each(|key| file.overridden(key));
    for axis in &given.vary {
        file.overridden(&axis.place());
        file.vary.retain(|other| other.key != axis.key);
    }
    file.vary.extend(given.vary.iter().cloned());
    file.vary.sort_by(|a, b| a.key.cmp(&b.key));
    file.run.extend(given.run.clone());
    file.settings.extend(given.settings.clone());
    file.members.clear();
    fill(&mut file)?;
    Run::of(&file)
}

/// Takes from the recipe what `file` leaves open.
fn fill(file: &mut ConfigFile) -> Result<()> {
    let named = |key: &str, default: String| match file.run.get(key) {
        None => Some(default),
        Some(value) => value.as_str().map(str::to_owned),
    };
    let TrainConfig {
        recipe, algo, task, ..
    } = TrainConfig::default();
    // A task that is not there is refused as such, later.
    let own = named("task", task).and_then(|task| Task::load(&task).ok());
    let own = own.is_some_and(|task| !task.real.is_none());
    let (Some(recipe), Some(algo)) = (named("recipe", recipe), named("algo", algo)) else {
        return Ok(()); // it is refused as what it is
    };
    let recipe = Recipe::named(&recipe).map_err(|e| file.placed(e))?;
    for (key, value) in recipe.run() {
        file.run.entry(key).or_insert_with(|| value.clone());
    }
    // Where the real robot is the shifted one, the simulator is the plain one.
    let varies = file.vary.iter().any(|axis| axis.key == "real_gap");
    if varies || own || file.run.contains_key("real_gap") {
        let plain = || toml::Value::from("none");
        file.run.entry("gap").or_insert_with(plain);
    }
    let Ok(method) = Method::named(&algo) else {
        return Ok(()); // likewise
    };
    for (key, value) in recipe.settings(method) {
        if file.vary.iter().all(|axis| axis.key != key) {
            file.settings.entry(key).or_insert(value);
        }
    }
    Ok(())
}

impl TrainConfig {
    /// SAC on the real robot itself, with what remains at its default: how behaviours are made.
    pub fn sac_on(task: &str, real_gap: &str, seed: u64, updates: u64) -> Self {
        Self {
            task: task.to_string(),
            gap: real_gap.to_string(),
            real_gap: real_gap.to_string(),
            data: "none".into(),
            algo: "sac".into(),
            seeds: Seeds::one(seed),
            updates,
            random_steps: 5000,
            // The simulator costs next to nothing beside an update: fresher data for the same time.
            cycle_steps: 1000,
            cycle_updates: 500,
            checkpoint_every: 25_000,
            ..Self::default()
        }
    }

    /// Transitions of each member in a round of simulator steps.
    pub fn round(&self) -> usize {
        self.cycle_steps.next_multiple_of(self.envs)
    }

    /// As `config.toml` holds it.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::input("config", e, "report this as a bug"))
    }

    /// What `file` says, over the defaults.
    pub(in crate::run) fn of(file: &ConfigFile) -> Result<Self> {
        Ok(Self {
            settings: file.settings.clone(),
            vary: file.vary.clone(),
            members: file.members.clone(),
            ..Self::over_defaults(&file.run)?
        })
    }

    /// Rows of each member's simulated ring for a data set of `rows` rows; [`REPLAY_ROWS`] without one.
    pub fn replay_rows(&self, rows: usize) -> usize {
        let wanted = if rows == 0 {
            REPLAY_ROWS
        } else {
            (rows as f64 * self.replay_ratio) as usize
        };
        let wanted = wanted.max(self.round());
        if self.replay_cap > 0 {
            wanted.min(self.replay_cap)
        } else {
            wanted
        }
    }
}

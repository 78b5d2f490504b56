//! Everything that decides a run: defaults, then a TOML file, then flags; the result is saved.

use std::path::Path;

use h2oplus_base::settings;

use super::config_file::ConfigFile;
use super::members::{self, Axis, Member};
use super::seeds::Seeds;
use crate::engine::{self, Backend, Device, Physics};
use crate::env::{Dynamics, Task};
use crate::error::{Error, Result};
use crate::method::Method;
use crate::model::GapSet;
use crate::net::device::{self, DeviceKind, MatmulPrecision};
use crate::setting::Settings;

settings! {
    /// A training run. The method's own settings stand beside it, in `[settings]`.
    pub struct TrainConfig {
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
        /// Real data: `medium-replay`, `medium`, `random`, or a D4RL or Minari file
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
        /// How matrix products round on a GPU
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

/// Defaults, overlaid with `file` (TOML), overlaid with what was given.
///
/// # Errors
/// Where no run can have a value. The place is its file, line and key, or the key alone.
pub fn resolve(given: &Given, file: Option<&Path>) -> Result<TrainConfig> {
    let mut file = file.map(ConfigFile::read).transpose()?.unwrap_or_default();
    if !file.members.is_empty() {
        let alone = TrainConfig::of(&file).and_then(|config| config.check_members());
        alone.map_err(|e| file.placed(e))?;
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
    let config = TrainConfig::of(&file).and_then(|config| config.check().map(|()| config));
    config.map_err(|e| file.placed(e))
}

impl TrainConfig {
    /// SAC on the real task itself, with what remains at its default: how behaviours are made.
    pub fn sac_on(task: &str, seed: u64, updates: u64) -> Self {
        Self {
            task: task.to_string(),
            gap: "none".into(),
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

    /// As `config.toml` holds it.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::input("config", e, "report this as a bug"))
    }

    /// The config of a run, which it wrote to `path`.
    ///
    /// # Errors
    /// Where the file is not as a run writes it, or has a value that no run can have.
    pub fn read(path: &Path) -> Result<Self> {
        let file = ConfigFile::read(path)?;
        let written = Self::default().table()?;
        if let Some(key) = written
            .keys()
            .find(|key| Self::setting(key).is_some() && !file.run.contains_key(key.as_str()))
        {
            let help = "restore the file as the run wrote it";
            return Err(Error::input(path.display(), format!("lacks `{key}`"), help));
        }
        let config = Self::of(&file).and_then(|config| config.check().map(|()| config));
        config.map_err(|e| file.placed(e))
    }

    /// What `file` says, over the defaults.
    fn of(file: &ConfigFile) -> Result<Self> {
        Ok(Self {
            settings: file.settings.clone(),
            vary: file.vary.clone(),
            members: file.members.clone(),
            ..Self::over_defaults(&file.run)?
        })
    }

    /// Refuses values that no run can have; each message names a key.
    pub fn check(&self) -> Result<()> {
        let mut numbers = self.table()?;
        numbers.retain(|key, _| Self::setting(key).is_some());
        Self::typed(&numbers)?;
        let method = Method::named(&self.algo)?;
        let cycle = self.cycle_steps.next_multiple_of(self.envs);
        if (1..cycle).contains(&self.replay_cap) && !method.offline {
            let problem = format!("is {}, but a cycle brings {cycle} rows", self.replay_cap);
            let help = format!("give at least {cycle}, 0 for no cap, or a smaller `cycle_steps`");
            return Err(Error::input("replay_cap", problem, help));
        }
        Axis::differ(&self.vary)?;
        for axis in self
            .vary
            .iter()
            .filter(|a| !matches!(a.key.as_str(), "gap" | "data"))
        {
            for value in &axis.values {
                method
                    .value(&axis.key, value)
                    .map_err(|e| e.of(&axis.place()))?;
            }
        }
        method.resolve_members(&self.settings_of(&self.population()?))?;
        self.check_members()
    }

    /// Refuses written members that do not follow from `seeds` and `vary`.
    fn check_members(&self) -> Result<()> {
        if self.members.is_empty() || self.members == self.population()? {
            return Ok(());
        }
        let problem = "do not follow from `seeds`, `gap`, `data` and [vary]";
        Err(Error::input(
            "members",
            problem,
            "leave them out, or change [vary] too",
        ))
    }

    /// Refuses, before any work is done, what the method, the robot or this machine does not give; where the simulator
    /// will run, and why.
    pub fn try_out(&self, task: &Task) -> Result<(Backend, String)> {
        self.check()?;
        device::open(self.device, self.precision)?;
        let members = self.population()?;
        self.check_memory(task, &members)?;
        for member in &members {
            self.domain(task, member)?;
        }
        engine::choose(self.physics, self.sim_device)
    }

    /// The simulator's gaps of `member`, tried on the robot.
    pub fn domain(&self, task: &Task, member: &Member) -> Result<GapSet> {
        let domain = task.domain(&member.gap)?;
        let domain = domain.with(self.gap_rows, self.gap_redraw)?;
        domain.check(&task.spec)?;
        Ok(domain)
    }

    /// The simulator's parameter rows: `envs` environments of each of `members`, with those that it
    /// has alone.
    pub fn dynamics(&self, task: &Task, members: &[Member]) -> Result<Dynamics> {
        let rows = |member: &Member| {
            let domain = self.domain(task, member)?;
            Dynamics::draw(task, &domain, member.seed, self.envs)
        };
        let parts = members.iter().map(rows).collect::<Result<_>>()?;
        Ok(Dynamics::join(parts, self.envs))
    }

    /// Rows of each member's simulated ring for a data set of `rows` rows; a million without one.
    pub fn replay_rows(&self, rows: usize) -> usize {
        let wanted = if rows == 0 {
            1_000_000
        } else {
            (rows as f64 * self.replay_ratio) as usize
        };
        let wanted = wanted.max(self.cycle_steps.next_multiple_of(self.envs));
        if self.replay_cap > 0 {
            wanted.min(self.replay_cap)
        } else {
            wanted
        }
    }
}

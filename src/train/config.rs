//! Everything that decides a run: defaults, then a TOML file, then flags; the result is saved.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::config_file::ConfigFile;
use super::given::{Overrides, defaults};
use super::members::{self, Axis, Member};
use super::seeds::Seeds;
use crate::algo;
use crate::choice::choice;
use crate::engine::{self, Backend, Device, Physics};
use crate::env::{Dynamics, Task};
use crate::error::{Error, Result};
use crate::flag;
use crate::model::GapSet;
use crate::nn::device::{self, DeviceKind, MatmulPrecision};
use crate::range::{Range, Ranges};

/// A training run. The method's own settings stand beside it, in `[settings]`.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Robot and version, or a TOML file of your own
    #[arg(long, default_value = "halfcheetah-v2")]
    pub task: String,
    /// Engine of the simulator; the real task stays with `planar`
    #[arg(long, value_parser = choice::<Physics>(), default_value_t)]
    #[serde(default)]
    pub physics: Physics,
    /// Where the simulator runs (`planar` alone has shaders)
    #[arg(long, value_parser = choice::<Device>(), default_value_t)]
    #[serde(default)]
    pub sim_device: Device,
    /// What differs in the simulator: `gravity`, `gravity=1.5,friction=0.3`, `none`; several in turn,
    /// `none/gravity`; drawn, `gravity=0.5..2.0`; or a TOML file of distributions
    #[arg(long, default_value = "gravity")]
    pub gap: String,
    /// Parameter rows into which strengths are drawn for each member (default: the file's, or 1024;
    /// at most one an environment unless they are redrawn)
    #[arg(long, value_name = "N")]
    pub gap_rows: Option<usize>,
    /// Draw an environment's parameters anew at every reset
    #[arg(long)]
    #[serde(default)]
    pub gap_redraw: bool,
    /// Real data: `medium-replay`, `medium`, `random`, or a D4RL or Minari file
    #[arg(long, default_value = "medium-replay")]
    pub data: String,
    /// Transitions to use (0: all of a file, 100,000 otherwise)
    #[arg(long, default_value_t = 0)]
    pub rows: usize,
    /// Method
    #[arg(long, default_value = "h2oplus")]
    pub algo: String,
    /// Members of the population: `0`, `0,3`, `0..4` (both ends)
    #[arg(long, default_value = "0")]
    pub seeds: Seeds,
    /// What members differ in besides the seeds; repeat it for every combination. A setting (lambda=0,0.1,0.5),
    /// gap=gravity,friction or data=a.hdf5,b.hdf5 (apart by `;` where a value has a comma)
    #[arg(long, value_name = "KEY=V1,V2,…")]
    #[serde(default, with = "members::table")]
    pub vary: Vec<Axis>,
    /// Updates of each member
    #[arg(long, default_value_t = 50_000)]
    pub updates: u64,
    /// Simulated environments per member
    #[arg(long, default_value_t = 8)]
    pub envs: usize,
    /// Simulator steps of each member per cycle
    #[arg(long, default_value_t = 1000)]
    pub cycle_steps: usize,
    /// Updates per cycle
    #[arg(long, default_value_t = 1000)]
    pub cycle_updates: u64,
    /// Uniform random simulator steps before the policy acts
    #[arg(long, default_value_t = 0)]
    pub random_steps: u64,
    /// Rows of the simulator's replay per row of the data set
    #[arg(long, default_value_t = 10.0)]
    pub replay_ratio: f64,
    /// At most this many rows in each member's replay (0: no cap)
    #[arg(long, default_value_t = 0)]
    pub replay_cap: usize,
    /// Updates between evaluations on the real task
    #[arg(long, default_value_t = 5000)]
    pub eval_every: u64,
    /// Episodes of an evaluation
    #[arg(long, default_value_t = 10)]
    pub eval_episodes: usize,
    /// Updates between checkpoints; a large number leaves the last alone
    #[arg(long, default_value_t = 5000)]
    pub checkpoint_every: u64,
    /// Updates between lines of metrics
    #[arg(long, default_value_t = 500)]
    pub log_every: u64,
    /// Updates between behaviour snapshots of the policy (0: none)
    #[arg(long, default_value_t = 0)]
    pub snapshot_every: u64,
    /// Stop once a member's evaluation reaches this return
    #[arg(long)]
    pub target_return: Option<f64>,
    /// Where the learner runs
    #[arg(long, value_parser = choice::<DeviceKind>(), default_value_t)]
    pub device: DeviceKind,
    /// How matrix products round on a GPU
    #[arg(long, value_parser = choice::<MatmulPrecision>(), default_value_t)]
    #[serde(default)]
    pub precision: MatmulPrecision,
    /// The method's own settings, resolved
    #[arg(skip)]
    #[serde(default)]
    pub settings: toml::Table,
    /// The members, as they follow from `seeds` and `vary`: written for the reader
    #[arg(skip)]
    #[serde(default)]
    pub members: Vec<Member>,
}

impl Ranges for TrainConfig {
    const RANGES: &'static [(&'static str, Range)] = &[
        ("gap_rows", Range::SOME_U32),
        ("rows", Range::COUNT),
        ("updates", Range::SOME_U32),
        ("envs", Range::SOME_U32),
        ("cycle_steps", Range::SOME_U32),
        ("cycle_updates", Range::SOME),
        ("random_steps", Range::COUNT),
        ("replay_ratio", Range::POSITIVE),
        ("replay_cap", Range::COUNT),
        ("eval_every", Range::SOME),
        ("eval_episodes", Range::SOME_U32),
        ("checkpoint_every", Range::SOME),
        ("log_every", Range::SOME),
        ("snapshot_every", Range::COUNT),
        ("target_return", Range::FINITE),
    ];
}

/// Defaults, overlaid with `file` (TOML), overlaid with the flags that were given; `settings` are
/// the given flags of the method.
pub fn resolve(
    flags: &Overrides<TrainConfig>,
    file: Option<&Path>,
    settings_given: &toml::Table,
) -> Result<TrainConfig> {
    let mut file = file.map(ConfigFile::read).transpose()?.unwrap_or_default();
    if !file.members.is_empty() {
        let alone = TrainConfig::of(&file, table(&defaults::<TrainConfig>())?)?;
        alone.check_members().map_err(|e| file.placed(e))?;
    }
    Axis::differ(&flags.all.vary)?;
    let given = flags.given.keys().chain(settings_given.keys());
    given.for_each(|key| file.overridden(&flag::name(key)));
    for axis in &flags.all.vary {
        file.overridden(&axis.place());
        file.vary.retain(|other| other.key != axis.key);
    }
    file.vary.extend(flags.all.vary.iter().cloned());
    file.vary.sort_by(|a, b| a.key.cmp(&b.key));
    file.run.extend(flags.given.clone());
    file.settings.extend(settings_given.clone());
    file.members.clear();
    let config = TrainConfig::of(&file, table(&flags.all)?)?;
    config.check().map_err(|e| file.placed(e))?;
    Ok(config)
}

fn table(flags: &TrainConfig) -> Result<toml::Table> {
    toml::Table::try_from(flags).map_err(|e| Error::input("flags", e, "give smaller numbers"))
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
            ..defaults()
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
        let config = Self::of(&file, toml::Table::new()).map_err(|e| match e {
            Error::Input { problem, .. } => {
                let help = "restore the file as the run wrote it";
                Error::input(path.display(), problem, help)
            }
            other => other,
        })?;
        config.check().map_err(|e| file.placed(e))?;
        Ok(config)
    }

    /// `defaults` under what `file` says.
    fn of(file: &ConfigFile, mut defaults: toml::Table) -> Result<Self> {
        defaults.remove("vary");
        defaults.extend(file.run.clone());
        defaults.remove("vary");
        let config: Self = defaults.try_into().map_err(|e: toml::de::Error| {
            let help = "`h2oplus train --help` lists the keys and their values";
            Error::input("config", e.message(), help)
        })?;
        Ok(Self {
            settings: file.settings.clone(),
            vary: file.vary.clone(),
            members: file.members.clone(),
            ..config
        })
    }

    /// Refuses values that no run can have; each message names a flag.
    pub fn check(&self) -> Result<()> {
        let numbers = table(self)?;
        for (key, range) in Self::RANGES {
            let value = numbers.get(*key);
            let number = value.and_then(|v| v.as_float().or(v.as_integer().map(|n| n as f64)));
            if let Some(number) = number {
                range.check(&flag::name(key), number)?;
            }
        }
        let cycle = self.cycle_steps.next_multiple_of(self.envs);
        if (1..cycle).contains(&self.replay_cap) && algo::simulates(&self.algo) {
            let problem = format!("is {}, but a cycle brings {cycle} rows", self.replay_cap);
            let help = format!("give at least {cycle}, 0 for no cap, or fewer --cycle-steps");
            return Err(Error::input("--replay-cap", problem, help));
        }
        Axis::differ(&self.vary)?;
        for axis in self
            .vary
            .iter()
            .filter(|a| !matches!(a.key.as_str(), "gap" | "data"))
        {
            for value in &axis.values {
                algo::setting(&self.algo, &axis.key, value).map_err(|e| e.of(&axis.place()))?;
            }
        }
        algo::resolve_members(&self.algo, &self.settings_of(&self.population()?))?;
        self.check_members()
    }

    /// Refuses written members that do not follow from `seeds` and `vary`.
    fn check_members(&self) -> Result<()> {
        if self.members.is_empty() || self.members == self.population()? {
            return Ok(());
        }
        let problem = "do not follow from `seeds`, `gap`, `data` and [vary]";
        Err(Error::input(
            "--members",
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

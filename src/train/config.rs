//! Everything that decides a run: defaults, then a TOML file, then flags; the result is saved.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::given::{Given, defaults};
use super::members::{self, Axis, Member};
use super::seeds::Seeds;
use crate::algo;
use crate::choice::choice;
use crate::env::{self, Device, Dynamics, Physics, Place, Task};
use crate::error::{Error, Result};
use crate::model::Domain;
use crate::nn::device::{self, DeviceKind, Precision};

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
    /// Updates between checkpoints
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
    #[arg(long, value_parser = choice::<Precision>(), default_value_t)]
    #[serde(default)]
    pub precision: Precision,
    /// The method's own settings, resolved
    #[arg(skip)]
    #[serde(default)]
    pub settings: toml::Table,
    /// The members, as they follow from `seeds` and `vary`: written for the reader
    #[arg(skip)]
    #[serde(default)]
    pub members: Vec<Member>,
}

/// Defaults, overlaid with `file` (TOML), overlaid with the flags that were given; `settings` are
/// the given flags of the method.
pub fn resolve(
    flags: &Given<TrainConfig>,
    file: Option<&Path>,
    settings_given: &toml::Table,
) -> Result<TrainConfig> {
    let mut resolved = toml::Table::try_from(&flags.all)
        .map_err(|e| Error::input("flags", e, "report this as a bug"))?;
    let (mut settings, mut vary) = (toml::Table::new(), toml::Table::new());
    if let Some(path) = file {
        let mut table = read_toml(path)?;
        if let Some(toml::Value::Table(given)) = table.remove("settings") {
            settings = given;
        }
        if let Some(toml::Value::Table(given)) = table.remove("vary") {
            vary = given;
        }
        resolved.extend(table);
    }
    resolved.extend(flags.given.clone());
    if let Some(toml::Value::Table(given)) = flags.given.get("vary") {
        vary.extend(given.clone());
    }
    resolved.insert("vary".into(), toml::Value::Table(vary));
    settings.extend(settings_given.clone());
    resolved.insert("settings".into(), toml::Value::Table(settings));
    let place = file.map_or("flags".into(), |path| path.display().to_string());
    let config: TrainConfig = resolved.try_into().map_err(|e: toml::de::Error| {
        Error::input(
            place,
            e.message(),
            "`h2oplus train --help` lists the keys and their values",
        )
    })?;
    config.check()?;
    Ok(config)
}

fn read_toml(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    text.parse::<toml::Table>().map_err(|e| {
        let line = e
            .span()
            .map_or(0, |s| text[..s.start].matches('\n').count() + 1);
        Error::input(
            format!("{}:{line}", path.display()),
            e.message(),
            "mend the TOML there",
        )
    })
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

    /// Refuses values that no run can have.
    pub fn check(&self) -> Result<()> {
        let at_least_one: [(&str, u64); 7] = [
            ("--updates", self.updates),
            ("--envs", self.envs as u64),
            ("--cycle-steps", self.cycle_steps as u64),
            ("--cycle-updates", self.cycle_updates),
            ("--eval-every", self.eval_every),
            ("--eval-episodes", self.eval_episodes as u64),
            ("--log-every", self.log_every),
        ];
        for (flag, value) in at_least_one {
            if value == 0 {
                return Err(Error::input(flag, "is 0", "give at least 1"));
            }
        }
        if self.checkpoint_every == 0 {
            let mend = "give at least 1; a large number leaves only the last checkpoint";
            return Err(Error::input("--checkpoint-every", "is 0", mend));
        }
        if !(self.replay_ratio.is_finite() && self.replay_ratio > 0.0) {
            let problem = format!("is {}", self.replay_ratio);
            return Err(Error::input(
                "--replay-ratio",
                problem,
                "give a number above 0",
            ));
        }
        self.population().map(drop)
    }

    /// Refuses, before any work is done, what the method, the robot or this machine does not give; where the simulator
    /// will run, and why.
    pub fn try_out(&self, task: &Task) -> Result<(Place, String)> {
        device::open(self.device, self.precision)?;
        let members = self.population()?;
        algo::resolve_members(&self.algo, &self.settings_of(&members))?;
        for member in &members {
            self.domain(task, member)?;
        }
        env::choose(self.physics, self.sim_device)
    }

    /// The simulator's gaps of `member`, tried on the robot.
    pub fn domain(&self, task: &Task, member: &Member) -> Result<Domain> {
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

//! A run, resolved: what flags and files say, read and checked once. Whatever works on a run takes this.

use std::path::Path;

use candle_core::Device;
use toml::Table;

use super::TrainConfig;
use super::config_file::ConfigFile;
use super::members::{Axis, Member};
use super::recipe::Recipe;
use crate::engine::{self, Backend};
use crate::env::{Dynamics, Task};
use crate::error::{Error, Result};
use crate::kernel::Compute;
use crate::method::{Agent, Method};
use crate::model::GapSet;
use crate::net::device::{self, OpenDevice};
use crate::setting::Settings;

/// A config that a run can have, with what follows from it.
#[derive(Clone, Debug)]
pub struct Run {
    /// As `config.toml` holds it: all settings of the method, and all members, are in it.
    pub config: TrainConfig,
    /// The real task.
    pub task: Task,
    /// The method.
    pub method: &'static Method,
    /// All settings of each member.
    pub settings: Vec<Table>,
    /// The real task of each member.
    pub reals: Vec<Task>,
}

/// What a run works with: opened once, before any work is done.
#[derive(Clone)]
pub struct Resources {
    /// Where the learner runs.
    pub learner: Device,
    /// Where the simulator runs.
    pub simulator: Backend,
    /// Why it runs there.
    pub note: String,
    /// The gaps of each member's simulator, tried on the robot.
    pub gaps: Vec<GapSet>,
}

impl Run {
    /// Resolves `config`.
    ///
    /// # Errors
    /// Where no run can have one of its values. The place is the key.
    pub fn new(config: TrainConfig) -> Result<Self> {
        let (method, config, settings) = resolve(config)?;
        let plain = Task::load(&config.task)?;
        let task = plain.clone().with_real(&config.real_gap)?;
        let real = |member: &Member| match &member.real_gap {
            None => Ok(task.clone()),
            Some(gap) => plain.clone().with_real(gap),
        };
        Ok(Self {
            reals: config.members.iter().map(real).collect::<Result<_>>()?,
            config,
            task,
            method,
            settings,
        })
    }

    /// Resolves what `file` says, over the defaults. The place of an error is the file, the line and the key.
    pub(in crate::run) fn of(file: &ConfigFile) -> Result<Self> {
        let run = TrainConfig::of(file).and_then(Self::new);
        run.map_err(|e| file.placed(e))
    }

    /// The run whose config was written to `path`.
    ///
    /// # Errors
    /// Where the file is not as a run writes it, or has a value that no run can have.
    pub fn read(path: &Path) -> Result<Self> {
        let file = ConfigFile::read(path)?;
        let written = TrainConfig::default().table()?;
        let mut due = written
            .keys()
            .filter(|key| TrainConfig::setting(key).is_some());
        if let Some(key) = due.find(|key| !file.run.contains_key(key.as_str())) {
            let help = "restore the file as the run wrote it";
            return Err(Error::input(path.display(), format!("lacks `{key}`"), help));
        }
        Self::of(&file)
    }

    /// The same run with another method, for the same [`Resources`]. The other method's own settings are the
    /// recipe's: what was given was for the first.
    ///
    /// # Errors
    /// Where there is no such method, or it cannot have the run's other values, or memory is too small.
    pub fn with_method(&self, name: &str) -> Result<Self> {
        let mut config = self.config.clone();
        config.algo = name.to_owned();
        config.settings = Recipe::named(&config.recipe)?.settings(Method::named(name)?);
        config.members.clear();
        config.vary.retain(Axis::is_shared);
        let other = Self::new(config)?;
        other.check_memory()?;
        Ok(other)
    }

    /// The members.
    pub fn members(&self) -> &[Member] {
        &self.config.members
    }

    /// The members' seeds.
    pub fn seeds(&self) -> Vec<u64> {
        self.members().iter().map(|member| member.seed).collect()
    }

    /// Refuses, before any work is done, what the robot or this machine does not give. The config then says
    /// which device learns.
    ///
    /// # Errors
    /// Where a gap does not fit the robot, a device is not there, or memory is too small.
    pub fn open(&mut self) -> Result<Resources> {
        let OpenDevice {
            device,
            kind,
            notes,
        } = device::open(self.config.device, self.config.precision)?;
        self.check_memory()?;
        let gaps = self.members().iter().map(|member| self.gap(member));
        let gaps = gaps.collect::<Result<_>>()?;
        let (simulator, why) = engine::choose(self.config.physics, self.config.sim_device)?;
        self.config.device = kind;
        notes.iter().for_each(|note| crate::log::once(note));
        Ok(Resources {
            learner: device,
            simulator,
            note: why,
            gaps,
        })
    }

    /// The simulator's gaps of `member`, tried on the robot.
    ///
    /// # Errors
    /// Where they do not fit it.
    pub fn gap(&self, member: &Member) -> Result<GapSet> {
        let TrainConfig {
            gap_rows,
            gap_redraw,
            ..
        } = self.config;
        let gap = self.task.domain(&member.gap)?.with(gap_rows, gap_redraw)?;
        gap.check(&self.task.spec)?;
        Ok(gap)
    }

    /// The simulator's parameter rows: `envs` environments of each member, with the rows that it has alone.
    ///
    /// # Errors
    /// Where a drawn robot cannot be.
    pub fn dynamics(&self, gaps: &[GapSet]) -> Result<Dynamics> {
        let envs = self.config.envs;
        let rows =
            |(member, gap): (&Member, &GapSet)| Dynamics::draw(&self.task, gap, member.seed, envs);
        let parts = self.members().iter().zip(gaps).map(rows);
        Ok(Dynamics::join(parts.collect::<Result<_>>()?, envs))
    }

    /// A fresh agent on `device`.
    ///
    /// # Errors
    /// Where the device does not take it.
    pub fn agent(&self, device: &Device) -> Result<Agent> {
        let (obs, act) = (self.task.obs_dim(), self.task.act_dim());
        let on = Compute {
            device: device.clone(),
            precision: self.config.precision,
        };
        self.method
            .build(&self.settings, obs, act, &self.seeds(), on)
    }
}

/// Refuses values that no run can have. The method; the config with all its settings and members; all settings of
/// each member.
fn resolve(mut config: TrainConfig) -> Result<(&'static Method, TrainConfig, Vec<Table>)> {
    let mut keys = config.table()?;
    keys.retain(|key, _| TrainConfig::setting(key).is_some());
    TrainConfig::typed(&keys)?;
    let method = Method::named(&config.algo)?;
    let cycle = config.round();
    if (1..cycle).contains(&config.replay_cap) && !method.offline {
        let problem = format!("is {}, but a cycle brings {cycle} rows", config.replay_cap);
        let help = format!("give at least {cycle}, 0 for no cap, or a smaller `cycle_steps`");
        return Err(Error::input("replay_cap", problem, help));
    }
    Axis::differ(&config.vary)?;
    for axis in config.vary.iter().filter(|axis| !axis.is_shared()) {
        for value in &axis.values {
            let value = method.value(&axis.key, value);
            value.map_err(|e| e.of(&axis.place()))?;
        }
    }
    let members = config.population()?;
    let settings = method.resolve_members(&config.settings_of(&members))?;
    if !config.members.is_empty() && config.members != members {
        let problem = "do not follow from `seeds`, `gap`, `data` and [vary]";
        let help = "leave them out, or change [vary] too";
        return Err(Error::input("members", problem, help));
    }
    config.settings = method.resolve(&config.settings)?;
    config.members = members;
    Ok((method, config, settings))
}

//! How a run begins, and how it goes on.

use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::Device;

use super::Trainer;
use crate::data::Dataset;
use crate::env::EnvKey;
use crate::error::{Error, Result};
use crate::method::Agent;
use crate::model::gap::without_folders;
use crate::net::Replay;
use crate::run::config::resolved::{Resources, Run};
use crate::run::data::real_data::RealData;
use crate::run::record::checkpoint::Checkpoint;
use crate::run::record::checkpoints;
use crate::run::record::dynamics_file;
use crate::run::record::inputs::{self, Input};
use crate::run::record::metrics::Metrics;
use crate::run::record::paused::{self, Paused};
use crate::run::record::run_folder::RunFolder;
use crate::run::train::phases::Phases;
use crate::run::train::rollout::Rollout;
use crate::run::train::simulator::Simulator;

/// The run in `folder` and its agent, from `checkpoint` or from the newest one.
///
/// # Errors
/// Where there is no sound checkpoint, or it is not the run's.
pub fn load_agent(folder: &RunFolder, checkpoint: Option<&Path>) -> Result<(Run, Agent)> {
    let device = Device::Cpu;
    let checkpoint = match checkpoint {
        Some(path) => Checkpoint::load(path, &device)?,
        None => match checkpoints::newest(&folder.checkpoints(), &device)? {
            Some(newest) => newest.checkpoint,
            None => {
                return Err(Error::input(
                    folder.checkpoints().display(),
                    "holds no checkpoint: the run ended before its first one",
                    format!(
                        "go on with: h2oplus train --resume {}",
                        folder.path().display()
                    ),
                ));
            }
        },
    };
    let run = folder.read_run()?;
    run.check_networks()?;
    // An edited config could ask for networks of any size, which the checkpoint would not fit.
    paused::same_config(folder, &run.config, &checkpoint.header)?;
    let mut agent = run.agent(&device)?;
    agent.load_state(&checkpoint.agent())?;
    Ok((run, agent))
}

impl Trainer {
    /// Makes a run folder under `root`, with the files `beside` (name, contents) in it, and starts `run`
    /// there. Without data (SAC alone can do without), the real replay is empty.
    ///
    /// # Errors
    /// Where a file of the run cannot be read, or the folder not be written.
    pub fn create(
        mut run: Run,
        with: Resources,
        root: &Path,
        data: Option<&RealData>,
        beside: &[(&str, &str)],
    ) -> Result<Self> {
        let gaps = run.config.varied("gap");
        let gap = without_folders(&gaps.unwrap_or_else(|| with.gaps[0].to_string()));
        inputs::settle(&mut run.config)?;
        let inputs = inputs::of(&run.config)?;
        let config = &run.config;
        let real = config.varied("real_gap");
        let task = match &real {
            Some(reals) => format!("{}_{reals}", run.task.name),
            None => run.task.file_stem(),
        };
        let parts = [&task, &config.algo, &gap, &config.seeds.to_string()];
        let folder = RunFolder::create(root, parts.map(String::as_str), config, beside)?;
        Self::new(run, with, folder, inputs, data, None)
    }

    /// [`create`](Self::create), in the folder `path`.
    ///
    /// # Errors
    /// As there, and where something is at `path` already.
    pub fn create_at(
        mut run: Run,
        with: Resources,
        path: &Path,
        data: Option<&RealData>,
    ) -> Result<Self> {
        inputs::settle(&mut run.config)?;
        let inputs = inputs::of(&run.config)?;
        let folder = RunFolder::create_at(path, &run.config)?;
        Self::new(run, with, folder, inputs, data, None)
    }

    /// Goes on with a run from its newest sound checkpoint, or from its beginning where it has none.
    ///
    /// # Errors
    /// Where a file of the run cannot be read, or its checkpoint does not fit it.
    pub fn resume(paused: Paused, with: Resources, data: Option<&RealData>) -> Result<Self> {
        let Paused {
            folder,
            run,
            written,
            checkpoint,
            damaged,
        } = paused;
        let inputs = inputs::of(&run.config)?;
        let trainer = Self::new(run, with, folder, inputs, data, checkpoint)?;
        checkpoints::set_aside(&damaged)?;
        if trainer.run.config.updates != written {
            trainer.folder.write_config(&trainer.run.config)?;
        }
        Ok(trainer)
    }

    /// Builds a run in `folder`, at `checkpoint` or at its beginning.
    fn new(
        run: Run,
        with: Resources,
        folder: RunFolder,
        inputs: Vec<Input>,
        data: Option<&RealData>,
        checkpoint: Option<(PathBuf, Checkpoint)>,
    ) -> Result<Self> {
        let (config, device) = (&run.config, with.learner);
        let (s, a) = (run.task.obs_dim(), run.task.act_dim());
        let (seeds, members) = (run.seeds(), run.members());
        let agent = run.agent(&device)?;
        let recorded = folder.dynamics();
        // A file of before the first checkpoint may be missing: the same rows are drawn again.
        let dynamics = match checkpoint.is_some() && recorded.is_file() {
            true => dynamics_file::load(&recorded, &run.task, seeds.len() * config.envs)?,
            false => run.dynamics(&with.gaps)?,
        };
        let keys = EnvKey::population(&seeds, config.envs);
        if !dynamics.fits(&keys) {
            return Err(Error::input(
                recorded.display(),
                "its rows are of another number of environments",
                "restore the file as the run wrote it",
            ));
        }
        let (simulator, why_not) = Simulator::new(&run, &with.simulator, dynamics, &agent)?;
        if let Some(why_not) = why_not {
            crate::log!("policies act on the learner's device, not on the simulator's: {why_not}");
        }
        if checkpoint.is_none() {
            dynamics_file::save(&recorded, simulator.env().dynamics())?;
        }
        // A method without a simulator leaves its replay empty.
        let sim_rows = |member| match (run.method.offline, data) {
            (true, _) => 1,
            (false, Some(data)) => config.replay_rows(data.rows(member)),
            (false, None) => config.replay_rows(0),
        };
        let sim_rows: Vec<_> = (0..members.len()).map(sim_rows).collect();
        let sets = data.iter().flat_map(|data| &data.sets);
        say_memory(sets.map(Dataset::len).sum(), &sim_rows, s, a);
        let real = match data {
            Some(data) => Replay::from_datasets(&data.sets, data.set.clone().into(), &device)?,
            None => Replay::new(1, 1, s, a, &device)?,
        };
        let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
        let (step, lines) = (checkpoint.as_ref())
            .map_or((0, 0), |(_, Checkpoint { header, .. })| {
                (header.updates, header.metrics_lines)
            });
        let metrics = match folder.metrics().is_file() || checkpoint.is_some() {
            true => Metrics::resume(folder.path(), &names, step, lines)?,
            false => Metrics::create(folder.path(), &names)?,
        };
        let mut trainer = Self {
            real,
            sim: Replay::rings(&sim_rows, s, a, &device)?,
            rollout: Rollout::new(simulator, &seeds)?,
            metrics,
            inputs,
            go_on: ("h2oplus train --resume", None),
            brief: false,
            cycles: 0,
            latest: Vec::new(),
            diverged: vec![None; seeds.len()],
            earlier_seconds: 0.0,
            started: Instant::now(),
            first_update: 0,
            phases: Phases::new(device.clone()),
            board: None,
            run,
            folder,
            device,
            agent,
        };
        if let Some(plan) = trainer.rollout.memory() {
            crate::log!("memory of the simulator's device: {plan}");
        }
        if let Some((path, checkpoint)) = checkpoint {
            trainer.restore(&path, &checkpoint)?;
        }
        Ok(trainer)
    }
}

/// Says how much memory the data and the replay will take, before they do.
fn say_memory(real: usize, sim: &[usize], obs_dim: usize, act_dim: usize) {
    let mib = |rows: usize| Replay::bytes(rows, obs_dim, act_dim) as f64 / f64::from(1 << 20);
    let (members, rows) = (sim.len(), sim.iter().sum::<usize>());
    crate::log!(
        "memory: real data {real} rows, {:.0} MiB; replays of {members} members in the simulator {rows} rows, {:.0} MiB (`replay_cap` limits each)",
        mib(real),
        mib(rows),
    );
}

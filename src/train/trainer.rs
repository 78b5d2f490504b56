//! The loop: roll out, update, evaluate, checkpoint. The state after k updates is a function of the
//! config alone, so a run resumed from any checkpoint ends in the same bits.

use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::Device;

use super::checkpoint::Checkpoint;
use super::checkpoints;
use super::config::TrainConfig;
use super::dynamics_file;
use super::evaluate::Episodes;
use super::inputs::{self, Input};
use super::members::Member;
use super::metrics::Metrics;
use super::paused::{self, Paused};
use super::phases::{Phase, Phases, Spent};
use super::progress::Progress;
use super::real_data::RealData;
use super::rollout::Rollout;
use super::run_folder::RunFolder;
use super::run_folder::word;
use super::simulator::Simulator;
use super::stop;
use crate::data::{Dataset, moments};
use crate::engine;
use crate::env::{EnvKey, Task};
use crate::error::{Error, Result};
use crate::method::{self, Agent, Method};
use crate::net::Replay;
use crate::net::device::{self, OpenDevice};

mod evaluation;
mod state;

/// The config of a run and its agent, from `checkpoint` or from the newest one.
pub fn load_agent(run: &RunFolder, checkpoint: Option<&Path>) -> Result<(TrainConfig, Agent)> {
    let device = Device::Cpu;
    let checkpoint = match checkpoint {
        Some(path) => Checkpoint::load(path, &device)?,
        None => match checkpoints::newest(&run.checkpoints(), &device)? {
            Some(newest) => newest.checkpoint,
            None => {
                return Err(Error::input(
                    run.checkpoints().display(),
                    "holds no checkpoint: the run ended before its first one",
                    format!(
                        "go on with: h2oplus train --resume {}",
                        run.path().display()
                    ),
                ));
            }
        },
    };
    let config = run.read_config()?;
    let task = Task::load(&config.task)?;
    let members = config.population()?;
    config.check_networks(&task, &members)?;
    // An edited config could ask for networks of any size, which the checkpoint would not fit.
    paused::same_config(run, &config, &checkpoint.header)?;
    let mut agent = build(&config, &members, &task, &device)?;
    agent.load_state(&checkpoint.agent())?;
    Ok((config, agent))
}

/// Opens the learner's device, and resolves what the config leaves open: what ran is saved, for its bits are
/// those of this device.
fn settle(config: &mut TrainConfig) -> Result<Device> {
    let OpenDevice { device, kind, note } = device::open(config.device, config.precision)?;
    config.device = kind;
    if let Some(note) = note {
        crate::log!("{note}");
    }
    config.settings = Method::named(&config.algo)?.resolve(&config.settings)?;
    config.members = config.population()?;
    Ok(device)
}

/// A fresh agent with these members.
fn build(config: &TrainConfig, members: &[Member], task: &Task, device: &Device) -> Result<Agent> {
    let (s, a) = (task.obs_dim(), task.act_dim());
    let seeds: Vec<_> = members.iter().map(|member| member.seed).collect();
    method::build_members(
        &config.algo,
        &config.settings_of(members),
        s,
        a,
        &seeds,
        device,
    )
}

/// A run in memory.
pub struct Trainer {
    config: TrainConfig,
    folder: RunFolder,
    task: Task,
    device: Device,
    agent: Agent,
    real: Replay,
    sim: Replay,
    rollout: Rollout,
    metrics: Metrics,
    /// The files that the run is made from.
    inputs: Vec<Input>,
    /// The command that goes on with a run, without its folder.
    go_on: &'static str,
    /// Rounds of simulator steps done.
    cycles: u64,
    /// Latest evaluation, by member.
    latest: Vec<Episodes>,
    /// The update, counted from 1, in which each member diverged, as far as it has been said.
    diverged: Vec<Option<u64>>,
    /// Seconds of work before this process, from the checkpoint.
    earlier_seconds: f64,
    started: Instant,
    /// Updates done before this process.
    first_update: u64,
    phases: Phases,
}

impl Trainer {
    /// Makes a run folder under `root`, with the files `beside` (name, contents) in it, and starts a run
    /// there. Without data (SAC alone can do without), the real replay is empty.
    pub fn create(
        mut config: TrainConfig,
        root: &Path,
        data: Option<&RealData>,
        beside: &[(&str, &str)],
    ) -> Result<Self> {
        config.check()?;
        let task = Task::load(&config.task)?;
        // Before a folder is made.
        config.try_out(&task)?;
        let gap = match config.varied("gap") {
            Some(gaps) => gaps,
            None => task.domain(&config.gap)?.to_string(),
        };
        inputs::settle(&mut config);
        let inputs = inputs::of(&config)?;
        let device = settle(&mut config)?;
        let parts = [&task.name, &config.algo, &gap, &config.seeds.to_string()];
        let folder = RunFolder::create(root, parts.map(String::as_str), &config, beside)?;
        Self::new(config, device, folder, inputs, data, None)
    }

    /// Goes on with a run from its newest sound checkpoint, or from its beginning where it has none.
    pub fn resume(paused: Paused, data: Option<&RealData>) -> Result<Self> {
        let Paused {
            folder,
            mut config,
            checkpoint,
            damaged,
        } = paused;
        let device = settle(&mut config)?;
        let inputs = inputs::of(&config)?;
        let written = folder.read_config()?;
        let trainer = Self::new(config, device, folder, inputs, data, checkpoint)?;
        checkpoints::set_aside(&damaged)?;
        if trainer.config.updates != written.updates {
            trainer.folder.write_config(&trainer.config)?;
        }
        Ok(trainer)
    }

    /// Builds a run in `folder` from a resolved config, at `checkpoint` or at its beginning.
    fn new(
        config: TrainConfig,
        device: Device,
        folder: RunFolder,
        inputs: Vec<Input>,
        data: Option<&RealData>,
        checkpoint: Option<(PathBuf, Checkpoint)>,
    ) -> Result<Self> {
        let task = Task::load(&config.task)?;
        let (s, a) = (task.obs_dim(), task.act_dim());
        let members = &config.members;
        let seeds: Vec<_> = members.iter().map(|member| member.seed).collect();
        let agent = build(&config, members, &task, &device)?;
        let recorded = folder.dynamics();
        // A file of before the first checkpoint may be missing: the same rows are drawn again.
        let dynamics = match checkpoint.is_some() && recorded.is_file() {
            true => dynamics_file::load(&recorded, &task, seeds.len() * config.envs)?,
            false => config.dynamics(&task, members)?,
        };
        let keys = EnvKey::population(&seeds, config.envs);
        if !dynamics.fits(&keys) {
            return Err(Error::input(
                recorded.display(),
                "its rows are of another number of environments",
                "restore the file as the run wrote it",
            ));
        }
        let (place, _) = engine::choose(config.physics, config.sim_device)?;
        let (simulator, why_not) = Simulator::new(&config, &place, &task, dynamics, &agent)?;
        if let Some(why_not) = why_not {
            crate::log!("policies act on the learner's device, not on the simulator's: {why_not}");
        }
        if checkpoint.is_none() {
            dynamics_file::save(&recorded, simulator.env().dynamics())?;
        }
        // A method without a simulator leaves its replay empty.
        let sim_rows = |member| match (agent.simulates(), data) {
            (false, _) => 1,
            (true, Some(data)) => config.replay_rows(data.rows(member)),
            (true, None) => config.replay_rows(0),
        };
        let sim_rows: Vec<_> = (0..members.len()).map(sim_rows).collect();
        let sets = data.iter().flat_map(|data| &data.sets);
        plan_memory(sets.map(Dataset::len).sum(), &sim_rows, s, a);
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
            go_on: "h2oplus train --resume",
            cycles: 0,
            latest: Vec::new(),
            diverged: vec![None; seeds.len()],
            earlier_seconds: 0.0,
            started: Instant::now(),
            first_update: 0,
            phases: Phases::new(device.clone()),
            config,
            folder,
            task,
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

    /// Says which command goes on with this run, its folder left out: `h2oplus train --resume` unless told.
    pub fn go_on_with(&mut self, command: &'static str) {
        self.go_on = command;
    }

    /// The resolved config.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The latest evaluation of each member.
    pub fn latest(&self) -> &[Episodes] {
        &self.latest
    }

    /// The update, counted from 1, in which each member diverged.
    pub fn diverged(&self) -> &[Option<u64>] {
        &self.diverged
    }

    /// Where this process's time went.
    pub fn spent(&self) -> Spent {
        let done = self.agent.updates() - self.first_update;
        self.phases.spent(self.agent.members() as u64 * done)
    }

    /// Runs to the end of the budget (or the target return, or the last sound member). Ctrl-C saves and gives
    /// [`Error::Stopped`].
    pub fn run(&mut self) -> Result<()> {
        let done = self.run_loop();
        // What the system says of a folder that is gone does not help.
        done.map_err(|e| match e {
            Error::Io { .. } => self.folder.still_there().err().unwrap_or(e),
            e => e,
        })
    }

    fn run_loop(&mut self) -> Result<()> {
        let saving = stop::Saving::begin();
        let total = self.config.updates;
        let label = format!("{} {}", self.config.algo, self.task.name);
        let progress = Progress::new(&label, self.agent.updates(), total);
        let begun = Instant::now();
        let steps_at_start = self.rollout.env_steps();
        // A new run, or one that was stopped within an evaluation.
        if self.latest.is_empty() {
            self.milestone(&progress)?;
        }
        while !stop::asked()
            && self.agent.updates() < total
            && !self.target_reached()
            && self.diverged.contains(&None)
        {
            self.step_simulator()?;
            self.phases.enter(Phase::Learning)?;
            self.agent.update(&self.real, &self.sim)?;
            let k = self.agent.updates();
            if k.is_multiple_of(self.config.log_every) || k == total {
                self.phases.enter(Phase::Recording)?;
                self.note_diverged(&progress)?;
            }
            if k.is_multiple_of(self.config.log_every) {
                self.log_losses(k)?;
                if let Some(trouble) = self.rollout.take_trouble() {
                    progress.line(&format!(
                        "simulated robots that broke began anew: {trouble}"
                    ));
                }
                let seconds = begun.elapsed().as_secs_f64();
                let per_s = (k - self.first_update) as f64 / seconds;
                let steps_per_s = (self.rollout.env_steps() - steps_at_start) as f64 / seconds;
                let (latest, _) = moments(self.latest.iter().map(Episodes::mean));
                progress.set(k);
                for note in device::take_notes() {
                    progress.line(&note);
                }
                progress.message(format!(
                    "{per_s:.0} updates/s {steps_per_s:.0} env steps/s return {:.0}",
                    latest
                ));
                self.log_rates(k, per_s, steps_per_s)?;
            }
            if k.is_multiple_of(self.config.eval_every) || k == total {
                self.milestone(&progress)?;
            } else {
                self.snapshot_if_due()?;
            }
            // The last one is written once, behind the loop.
            if k.is_multiple_of(self.config.checkpoint_every) && k < total && !stop::asked() {
                self.checkpoint()?;
            }
        }
        self.checkpoint()?;
        self.phases.end()?;
        drop(saving);
        stop::check().inspect_err(|_| {
            let (k, go_on) = (self.agent.updates(), self.go_on);
            let at = word(self.folder.path());
            progress.line(&format!(
                "stopped after {k} updates; go on with: {go_on} {at}"
            ));
        })
    }

    /// Evaluates, and keeps a snapshot where one is due. One that is cut short by a stop leaves no evaluation behind:
    /// the run that goes on begins with it.
    fn milestone(&mut self, progress: &Progress) -> Result<()> {
        self.latest.clear();
        match self.evaluate(progress) {
            Err(Error::Stopped) => Ok(()),
            done => done.and_then(|()| self.snapshot_if_due()),
        }
    }

    fn snapshot_if_due(&self) -> Result<()> {
        let (k, every) = (self.agent.updates(), self.config.snapshot_every);
        match every > 0 && k > 0 && k.is_multiple_of(every) {
            true => self.snapshot(),
            false => Ok(()),
        }
    }

    /// Whether a member's latest evaluation is at the target.
    pub fn target_reached(&self) -> bool {
        let best = self
            .latest
            .iter()
            .map(Episodes::mean)
            .fold(f64::NEG_INFINITY, f64::max);
        self.config
            .target_return
            .is_some_and(|target| best >= target)
    }

    /// Seconds of work on this run, those before a resume included.
    fn seconds(&self) -> f64 {
        self.earlier_seconds + self.started.elapsed().as_secs_f64()
    }

    /// Simulator steps keep pace with the updates that use them: a round of `cycle_steps` before
    /// every `cycle_updates` updates.
    fn step_simulator(&mut self) -> Result<()> {
        if let Some(used) = self.agent.simulated_updates()
            && self.cycles * self.config.cycle_updates <= used
        {
            self.phases.enter(Phase::Simulating)?;
            let Self {
                config,
                rollout,
                agent,
                sim,
                device,
                ..
            } = &mut *self;
            let steps = (config.cycle_steps, config.random_steps);
            // From inside the pool, every step forks without waking a thread of its own.
            rayon::scope(|_| rollout.collect(agent, sim, steps.0, steps.1, device))?;
            self.cycles += 1;
        }
        Ok(())
    }

    /// Says which members have diverged since it was last said.
    fn note_diverged(&mut self, progress: &Progress) -> Result<()> {
        let before = std::mem::replace(&mut self.diverged, self.agent.diverged()?);
        let members = self.config.members.iter().zip(before).zip(&self.diverged);
        for ((Member { name, .. }, _), at) in members.filter(|((_, before), _)| before.is_none()) {
            if let Some(update) = at {
                progress.line(&format!(
                    "update {update:>7}  {name} has diverged and stands still from here on; the others go on"
                ));
            }
        }
        Ok(())
    }

    fn log_losses(&mut self, k: u64) -> Result<()> {
        let (losses, seconds) = (self.agent.metrics()?, self.seconds());
        let finished = self.rollout.take_finished();
        for (m, finished) in finished.into_iter().enumerate() {
            let mut row: Vec<(&str, f64)> = losses
                .iter()
                .map(|(name, v)| (*name, f64::from(v[m])))
                .collect();
            row.extend(finished.map(|r| ("charts/episodic_return", r)));
            row.extend(self.diverged[m].map(|at| ("charts/diverged_at", at as f64)));
            self.metrics.log(k, seconds, m, &row)?;
        }
        Ok(())
    }

    fn log_rates(&mut self, k: u64, updates_per_s: f64, env_steps_per_s: f64) -> Result<()> {
        let seconds = self.seconds();
        for m in 0..self.agent.members() {
            let rates = [
                ("perf/updates_per_s", updates_per_s),
                ("perf/env_steps_per_s", env_steps_per_s),
                ("charts/SPS", env_steps_per_s),
                ("perf/learning_share", self.spent().learning_share),
            ];
            self.metrics.log(k, seconds, m, &rates)?;
        }
        Ok(())
    }

    /// Names of the members.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.config
            .members
            .iter()
            .map(|member| member.name.as_str())
    }
}

/// Says how much memory the data and the replay will take, before they do.
fn plan_memory(real: usize, sim: &[usize], obs_dim: usize, act_dim: usize) {
    let mib = |rows: usize| Replay::bytes(rows, obs_dim, act_dim) as f64 / f64::from(1 << 20);
    let (members, rows) = (sim.len(), sim.iter().sum::<usize>());
    crate::log!(
        "memory: real data {real} rows, {:.0} MiB; replays of {members} members in the simulator {rows} rows, {:.0} MiB (`replay_cap` limits each)",
        mib(real),
        mib(rows),
    );
}

//! The loop: roll out, update, evaluate, checkpoint. The state after k updates is a function of the
//! config alone, so a run resumed from any checkpoint ends in the same bits.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use candle_core::{Device, Tensor};

use super::behaviour::{Behaviour, Snapshot};
use super::checkpoint::Checkpoint;
use super::config::TrainConfig;
use super::evaluate::{Episodes, STEADY, evaluate};
use super::members::Member;
use super::metrics::Metrics;
use super::phases::{Phase, Phases, Spent};
use super::progress::Progress;
use super::real_data::RealData;
use super::rollout::{Rollout, still};
use super::rows;
use super::run_folder::RunFolder;
use super::simulator::Simulator;
use super::stop;
use crate::algo::{self, Agent};
use crate::data::{Dataset, moments};
use crate::env::{self, EnvKey, PlanarVecEnv, Task};
use crate::error::{Error, Result};
use crate::nn::Replay;
use crate::nn::device::{self, Opened};

/// Evaluations start from states that no training rollout draws.
const EVAL_SEED: u64 = 0x5eed_0e7a;

/// The config of a run and its agent, from `checkpoint` or from the newest one.
pub fn load_agent(
    run: &RunFolder,
    checkpoint: Option<&Path>,
) -> Result<(TrainConfig, Box<dyn Agent>)> {
    let config: TrainConfig = run.read_config()?;
    let task = Task::load(&config.task)?;
    let device = Device::Cpu;
    let mut agent = build(&config, &config.population()?, &task, &device)?;
    let path = match checkpoint {
        Some(path) => path.to_path_buf(),
        None => Checkpoint::newest(&run.checkpoints())?,
    };
    agent.load_state(&Checkpoint::load(&path, &device)?.agent())?;
    Ok((config, agent))
}

/// A fresh agent with these members.
fn build(
    config: &TrainConfig,
    members: &[Member],
    task: &Task,
    device: &Device,
) -> Result<Box<dyn Agent>> {
    let (s, a) = (task.obs_dim(), task.act_dim());
    let seeds: Vec<_> = members.iter().map(|member| member.seed).collect();
    algo::build_members(
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
    agent: Box<dyn Agent>,
    real: Replay,
    sim: Replay,
    rollout: Rollout,
    metrics: Metrics,
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
    /// Makes a run folder under `root` and starts a run in it.
    pub fn create(config: TrainConfig, root: &Path, data: Option<&RealData>) -> Result<Self> {
        let task = Task::load(&config.task)?;
        // Before a folder is made.
        config.try_out(&task)?;
        let gap = match config.varied("gap") {
            Some(gaps) => gaps,
            None => task.domain(&config.gap)?.to_string(),
        };
        let parts = [&task.name, &config.algo, &gap, &config.seeds.to_string()];
        let folder = RunFolder::create(root, parts.map(String::as_str))?;
        Self::new(config, folder, data, false)
    }

    /// Builds a run in `folder` from a resolved config; with `resume`, goes on from its newest
    /// checkpoint. Without data (SAC alone can do without), the real replay is empty.
    pub fn new(
        mut config: TrainConfig,
        folder: RunFolder,
        data: Option<&RealData>,
        resume: bool,
    ) -> Result<Self> {
        let Opened { device, kind, note } = device::open(config.device, config.precision)?;
        // What ran is saved: its bits are those of this device.
        config.device = kind;
        if let Some(note) = note {
            crate::log!("{note}");
        }
        let task = Task::load(&config.task)?;
        let (s, a) = (task.obs_dim(), task.act_dim());
        config.settings = algo::resolve_settings(&config.algo, &config.settings)?;
        config.members = config.population()?;
        let members = &config.members;
        let seeds: Vec<_> = members.iter().map(|member| member.seed).collect();
        let agent = build(&config, members, &task, &device)?;
        let recorded = folder.dynamics();
        let dynamics = match resume && recorded.is_file() {
            true => rows::load(&recorded, &task)?,
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
        let (place, _) = env::choose(config.physics, config.sim_device)?;
        let (simulator, why_not) =
            Simulator::new(&config, &place, &task, dynamics, agent.as_ref())?;
        if let Some(why_not) = why_not {
            crate::log!("policies act on the learner's device, not on the simulator's: {why_not}");
        }
        if !resume {
            rows::save(&recorded, simulator.env().dynamics())?;
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
        let checkpoint = match resume {
            true => Some(Checkpoint::newest(&folder.checkpoints())?),
            false => None,
        };
        let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
        let metrics = match &checkpoint {
            Some(path) => Metrics::resume(folder.path(), &names, Checkpoint::updates(path))?,
            None => Metrics::create(folder.path(), &names)?,
        };
        let mut trainer = Self {
            real,
            sim: Replay::rings(&sim_rows, s, a, &device)?,
            rollout: Rollout::new(simulator, &seeds)?,
            metrics,
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
        match checkpoint {
            Some(path) => trainer.restore(&path)?,
            None => trainer.folder.describe(&trainer.config)?,
        }
        Ok(trainer)
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
        stop::install();
        let total = self.config.updates;
        let label = format!("{} {}", self.config.algo, self.task.name);
        let progress = Progress::new(&label, self.agent.updates(), total);
        let begun = Instant::now();
        let steps_at_start = self.rollout.env_steps();
        if self.latest.is_empty() {
            self.evaluate(&progress)?;
        }
        while self.agent.updates() < total
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
                self.evaluate(&progress)?;
            }
            if self.config.snapshot_every > 0 && k.is_multiple_of(self.config.snapshot_every) {
                self.snapshot()?;
            }
            let stop = stop::asked();
            // The last one is written once, behind the loop.
            if stop || (k.is_multiple_of(self.config.checkpoint_every) && k < total) {
                self.checkpoint()?;
            }
            if stop {
                let at = self.folder.path().display();
                progress.line(&format!(
                    "stopped after {k} updates; go on with: h2oplus train --resume {at}"
                ));
                return Err(Error::Stopped);
            }
        }
        self.checkpoint()?;
        self.phases.end()
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
            rayon::scope(|_| rollout.collect(agent.as_mut(), sim, steps.0, steps.1, device))?;
            self.cycles += 1;
        }
        Ok(())
    }

    fn evaluate(&mut self, progress: &Progress) -> Result<()> {
        self.phases.enter(Phase::Evaluating)?;
        let (p, n) = (self.agent.members(), self.config.eval_episodes);
        // Every member and every evaluation meets the same initial states.
        let keys = EnvKey::population(&vec![EVAL_SEED; p], n);
        let mut env = PlanarVecEnv::keyed(&self.task, &[], keys)?;
        let s = self.task.obs_dim();
        let (agent, device) = (self.agent.as_ref(), &self.device);
        let mut lost = BTreeSet::new();
        let mut actor = |obs: &[f32], _: Option<&[f32]>| -> Result<Vec<f32>> {
            let obs = Tensor::from_slice(obs, (p, n, s), device)?;
            let mut actions = agent.act(&obs, None)?.flatten_all()?.to_vec1()?;
            lost.extend(still(&mut actions, p));
            Ok(actions)
        };
        let all = evaluate(&mut env, &mut actor, None)?;
        for member in lost {
            self.agent.freeze(member)?;
        }
        self.note_diverged(progress)?;
        self.latest = (0..p)
            .map(|m| Episodes {
                returns: all.returns[m * n..(m + 1) * n].to_vec(),
                lengths: all.lengths[m * n..(m + 1) * n].to_vec(),
                rows: all.rows[m * n..(m + 1) * n].to_vec(),
                broken: all.broken[m * n..(m + 1) * n].to_vec(),
            })
            .collect();
        if let Some(trouble) = all.trouble() {
            progress.print(&format!("evaluation: {trouble}; {STEADY}"));
        }
        let (k, seconds) = (self.agent.updates(), self.seconds());
        for (m, episodes) in self.latest.iter().enumerate() {
            let mut row = vec![
                ("eval/return", episodes.mean()),
                ("eval/return_std", episodes.std()),
                ("eval/length", episodes.mean_length()),
            ];
            let score = self.task.normalized_score(episodes.mean());
            row.extend(score.map(|score| ("eval/normalized_score", score)));
            self.metrics.log(k, seconds, m, &row)?;
        }
        self.metrics.flush()?;
        let of = |e: &Episodes| format!("{:.0} ± {:.0}", e.mean(), e.std());
        let head = format!("update {k:>7}  return on the real task");
        if let [only] = &self.latest[..] {
            progress.line(&format!("{head}  {}", of(only)));
            return Ok(());
        }
        progress.line(&head);
        for (member, episodes) in self.config.members.iter().zip(&self.latest) {
            progress.line(&format!("  {:>15}  {}", of(episodes), member.name));
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

    /// Keeps the first member's policy as a behaviour snapshot, `snapshots/step_<k>.safetensors`.
    fn snapshot(&self) -> Result<()> {
        let folder = self.folder.path().join("snapshots");
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let k = self.agent.updates();
        let snapshot = Snapshot {
            updates: k,
            eval_return: self.latest.first().map_or(f64::NAN, Episodes::mean),
            policy: self.agent.policy(0)?,
        };
        Behaviour {
            snapshots: vec![snapshot],
        }
        .save(&folder.join(Checkpoint::name(k)))
    }

    fn checkpoint(&mut self) -> Result<()> {
        self.phases.enter(Phase::Recording)?;
        let mut checkpoint = Checkpoint {
            json: serde_json::json!({
                "updates": self.agent.updates(),
                "cycles": self.cycles,
                "latest": self.latest,
                "seconds": self.seconds(),
                "replay_pushed": self.sim.pushed(),
                "members": self.names(),
            }),
            ..Checkpoint::default()
        };
        for (name, tensor) in self.agent.state()? {
            checkpoint.tensors.insert(format!("agent.{name}"), tensor);
        }
        if let Some(rows) = self.sim.state()? {
            checkpoint.tensors.insert("replay.rows".into(), rows);
        }
        self.rollout.save(&mut checkpoint.bytes);
        self.metrics.flush()?;
        let folder = self.folder.checkpoints();
        checkpoint.save(&folder.join(Checkpoint::name(self.agent.updates())))?;
        Checkpoint::prune(&folder, 2)
    }

    fn restore(&mut self, path: &Path) -> Result<()> {
        let checkpoint = Checkpoint::load(path, &self.device)?;
        let missing = |what: &str| {
            let problem = format!("`{what}` is missing or misshapen");
            Error::input(path.display(), problem, "resume from an earlier checkpoint")
        };
        let count = |what: &str| checkpoint.json[what].as_u64().ok_or_else(|| missing(what));
        if checkpoint.json["members"] != serde_json::json!(self.names()) {
            let members = self.names().join(", ");
            let problem = format!("its members are not those of the run: {members}");
            let mend = "restore config.toml as the run wrote it";
            return Err(Error::input(path.display(), problem, mend));
        }
        self.cycles = count("cycles")?;
        self.latest = serde_json::from_value(checkpoint.json["latest"].clone())
            .map_err(|_| missing("latest"))?;
        self.earlier_seconds = checkpoint.json["seconds"].as_f64().unwrap_or(0.0);
        if let Some(rows) = checkpoint.tensors.get("replay.rows") {
            self.sim.restore(rows, count("replay_pushed")?)?;
        }
        self.rollout.load(&checkpoint.bytes)?;
        self.agent.load_state(&checkpoint.agent())?;
        self.first_update = self.agent.updates();
        self.diverged = self.agent.diverged()?;
        Ok(())
    }

    /// Names of the members.
    fn names(&self) -> Vec<&str> {
        self.config
            .members
            .iter()
            .map(|member| member.name.as_str())
            .collect()
    }
}

/// Says how much memory the data and the replay will take, before they do.
fn plan_memory(real: usize, sim: &[usize], obs_dim: usize, act_dim: usize) {
    let mib = |rows: usize| Replay::bytes(rows, obs_dim, act_dim) as f64 / f64::from(1 << 20);
    let (members, rows) = (sim.len(), sim.iter().sum::<usize>());
    crate::log!(
        "memory: real data {real} rows, {:.0} MiB; replays of {members} members in the simulator {rows} rows, {:.0} MiB (--replay-cap ROWS limits each)",
        mib(real),
        mib(rows),
    );
}

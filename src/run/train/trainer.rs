//! The loop: roll out, update, evaluate, checkpoint. The state after k updates is a function of the
//! config alone, so a run resumed from any checkpoint ends in the same bits.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use candle_core::Device;

use super::evaluate::Episodes;
use super::phases::{Phase, Phases, Spent};
use super::progress::Progress;
use super::rollout::Rollout;
use super::stop;
use crate::data::moments;
use crate::error::{Error, Result};
use crate::method::Agent;
use crate::net::Replay;
use crate::net::device;
use crate::run::config::TrainConfig;
use crate::run::config::resolved::Run;
use crate::run::record::inputs::Input;
use crate::run::record::metrics::Metrics;
use crate::run::record::run_folder::{RunFolder, word};
use crate::run::watch::Board;

mod build;
mod evaluation;
mod keep;
mod moves;
mod player;
mod records;
mod state;
mod transitions;
mod watched;

pub use build::load_agent;

/// At most so many updates of each member between two looks at the signals.
const STREAK: u64 = 10;

/// A run in memory.
pub struct Trainer {
    run: Run,
    folder: RunFolder,
    device: Device,
    agent: Agent,
    real: Replay,
    sim: Replay,
    rollout: Rollout,
    metrics: Metrics,
    /// The files that the run is made from.
    inputs: Vec<Input>,
    /// The command that goes on with a run, and with which folder; the run's own, unless this says otherwise.
    go_on: (&'static str, Option<PathBuf>),
    /// Whether evaluations are said in one line, however many members there are.
    brief: bool,
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
    /// Of the live view, where there is one.
    board: Option<Arc<Board>>,
}

impl Trainer {
    /// Says which command goes on with this run: `h2oplus train --resume` and its folder, unless told.
    pub fn go_on_with(&mut self, command: &'static str, folder: Option<&Path>) {
        self.go_on = (command, folder.map(Path::to_path_buf));
    }

    /// Says evaluations in one line, however many members there are.
    pub fn be_brief(&mut self) {
        self.brief = true;
    }

    /// The resolved config.
    pub fn config(&self) -> &TrainConfig {
        &self.run.config
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Updates done by each member.
    pub fn updates(&self) -> u64 {
        self.agent.updates()
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
        done.map_err(|e| match &e {
            Error::Io { path, source } => {
                let lost = source.kind() == ErrorKind::NotFound;
                match lost && path.starts_with(self.folder.path()) {
                    true => self.folder.gone(),
                    false => self.folder.still_there().err().unwrap_or(e),
                }
            }
            _ => e,
        })
    }

    fn run_loop(&mut self) -> Result<()> {
        let saving = stop::Saving::begin();
        let total = self.run.config.updates;
        let label = format!("{} {}", self.run.config.algo, self.run.task.name);
        let progress = Progress::new(&label, self.agent.updates(), total);
        let begun = Instant::now();
        let steps_at_start = self.rollout.env_steps();
        self.publish()?;
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
            let updates = self.next_event() - self.agent.updates();
            self.agent.update(updates, &self.real, &self.sim)?;
            let k = self.agent.updates();
            if k.is_multiple_of(self.run.config.log_every) || k == total {
                self.phases.enter(Phase::Recording)?;
                self.note_diverged(&progress)?;
            }
            if k.is_multiple_of(self.run.config.log_every) {
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
                self.publish()?;
            }
            if k.is_multiple_of(self.run.config.eval_every) || k == total {
                self.milestone(&progress)?;
            } else {
                self.snapshot_if_due()?;
            }
            // The last one is written once, behind the loop.
            if k.is_multiple_of(self.run.config.checkpoint_every) && k < total && !stop::asked() {
                self.checkpoint()?;
            }
        }
        self.checkpoint()?;
        self.phases.end()?;
        drop(saving);
        stop::check().inspect_err(|_| {
            let (k, (go_on, folder)) = (self.agent.updates(), &self.go_on);
            let at = word(folder.as_deref().unwrap_or(self.folder.path()));
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
            done => {
                done?;
                self.publish_policy()?;
                self.snapshot_if_due()
            }
        }
    }

    fn snapshot_if_due(&self) -> Result<()> {
        let (k, every) = (self.agent.updates(), self.run.config.snapshot_every);
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
        self.run
            .config
            .target_return
            .is_some_and(|target| best >= target)
    }

    /// Seconds of work on this run, those before a resume included.
    pub fn seconds(&self) -> f64 {
        self.earlier_seconds + self.started.elapsed().as_secs_f64()
    }

    /// The update before which something else is due: a line of metrics, an evaluation, a checkpoint, the simulator's turn,
    /// or a look at the signals.
    fn next_event(&self) -> u64 {
        let (k, config) = (self.agent.updates(), &self.run.config);
        let every = [
            config.log_every,
            config.eval_every,
            config.checkpoint_every,
            config.snapshot_every,
            STREAK,
        ];
        let due = every.into_iter().filter(|every| *every > 0);
        let due = due.map(|every| (k / every + 1) * every);
        let due = due
            .chain(self.simulator_due())
            .min()
            .unwrap_or(config.updates);
        due.min(config.updates)
    }

    /// The update before which the next round of simulator steps is due, where there are any.
    fn simulator_due(&self) -> Option<u64> {
        let first = self.agent.simulates_from()?;
        Some(first + self.cycles * self.run.config.cycle_updates)
    }

    /// Simulator steps keep pace with the updates that use them: a round of `cycle_steps` before
    /// every `cycle_updates` updates.
    fn step_simulator(&mut self) -> Result<()> {
        if self
            .simulator_due()
            .is_some_and(|due| due <= self.agent.updates())
        {
            self.phases.enter(Phase::Simulating)?;
            let Self {
                run,
                rollout,
                agent,
                sim,
                device,
                ..
            } = &mut *self;
            let steps = (run.config.cycle_steps, run.config.random_steps);
            // From inside the pool, every step forks without waking a thread of its own.
            rayon::scope(|_| rollout.collect(agent, sim, steps.0, steps.1, device))?;
            self.cycles += 1;
        }
        Ok(())
    }

    /// Names of the members.
    fn names(&self) -> impl Iterator<Item = &str> {
        let members = self.run.members().iter();
        members.map(|member| member.name.as_str())
    }
}

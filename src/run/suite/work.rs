//! Training a plan's groups, one after the other: what is done is not repeated, and what fails does not stop the rest.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::file::Keep;
use super::folder::SuiteFolder;
use super::plan::{RunGroup, SuitePlan};
use super::shard::Shard;
use super::status::{GroupState, GroupStatus};
use crate::error::{Error, Result};
use crate::run::config::resolved::Run;
use crate::run::data::real_data::RealData;
use crate::run::record::lock::Lock;
use crate::run::record::paused::Paused;
use crate::run::record::run_folder::hardware;
use crate::run::train::trainer::Trainer;

/// Rows that a suite keeps of each member's replay, where it keeps states.
const STATE_ROWS: usize = 20_000;

/// What a process does of a plan.
pub struct SuiteWork<'a> {
    /// The suite's folder.
    pub folder: &'a SuiteFolder,
    /// Its plan.
    pub plan: &'a SuitePlan,
    /// The share of it.
    pub shard: Option<Shard>,
    /// Whether runs that are done keep their checkpoints.
    pub keep_checkpoints: bool,
    /// Seconds that each group was predicted to take; 0 where nothing is known.
    pub seconds: Vec<f64>,
}

/// What came of it: numbers of groups, but for `diverged`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Trained to their end, now or before.
    pub done: usize,
    /// Ended by an error.
    pub failed: usize,
    /// Other processes are at them.
    pub elsewhere: usize,
    /// Runs that diverged.
    pub diverged: usize,
}

/// The data of the group before, which the next one is likely to share.
type Loaded = Option<((String, String, usize), RealData)>;

impl SuiteWork<'_> {
    /// Numbers of the groups that belong to this process.
    pub fn groups(&self) -> Vec<usize> {
        let shard = self.shard.unwrap_or(Shard::ALL);
        shard.of(&self.plan.groups)
    }

    /// Numbers of those among them that are not done.
    ///
    /// # Errors
    /// Where a status is damaged.
    pub fn pending(&self) -> Result<Vec<usize>> {
        let mut pending = Vec::new();
        for n in self.groups() {
            let status = self.folder.read_status(&self.plan.groups[n].name)?;
            if !status.is_some_and(|status| status.is_done()) {
                pending.push(n);
            }
        }
        Ok(pending)
    }

    /// Trains all groups that are not done. Ends with [`Error::Stopped`], everything saved, after a signal.
    ///
    /// # Errors
    /// Where the suite's own folder cannot be written.
    pub fn run(&self) -> Result<Outcome> {
        for path in [self.folder.statuses(), self.folder.runs()] {
            fs::create_dir_all(&path).map_err(Error::io(&path))?;
        }
        let mut pace = Pace::new(self)?;
        let (mut outcome, mut data) = (Outcome::default(), None);
        for n in self.groups() {
            let group = &self.plan.groups[n];
            let lock = self.folder.statuses().join(format!("{}.lock", group.name));
            let Some(_lock) = Lock::at(&lock)? else {
                crate::log!("{}: another process is at it", group.name);
                outcome.elsewhere += 1;
                continue;
            };
            let status = match self.folder.read_status(&group.name)? {
                Some(status) if status.is_done() => status,
                _ => {
                    pace.say(self, n);
                    let status = self.attempt(group, &mut data)?;
                    pace.note(self.seconds[n]);
                    status
                }
            };
            outcome.diverged += status.diverged.iter().flatten().count();
            match status.state {
                GroupState::Done => outcome.done += 1,
                GroupState::Failed => outcome.failed += 1,
            }
            if status.is_done() && !self.keep_checkpoints {
                self.thin(group)?;
            }
        }
        Ok(outcome)
    }

    /// Trains `group` and writes down how it ended.
    fn attempt(&self, group: &RunGroup, data: &mut Loaded) -> Result<GroupStatus> {
        let begun = Instant::now();
        // A fault of the program in one group is no reason to lose the night for the others.
        let trained = catch_unwind(AssertUnwindSafe(|| self.train(group, data)));
        let trained = trained.unwrap_or_else(|panic| {
            *data = None;
            Err(fault(&*panic))
        });
        let status = match trained {
            Err(Error::Stopped) => return Err(Error::Stopped),
            Ok(trainer) => GroupStatus {
                diverged: trainer.diverged().to_vec(),
                updates: trainer.updates(),
                seconds: trainer.seconds(),
                ..self.status(group, GroupState::Done)
            },
            Err(error) => {
                crate::log!("{} failed: {error}", group.name);
                GroupStatus {
                    error: Some(error.to_string()),
                    seconds: begun.elapsed().as_secs_f64(),
                    ..self.status(group, GroupState::Failed)
                }
            }
        };
        status.write(&self.folder.status(&group.name))?;
        Ok(status)
    }

    fn status(&self, group: &RunGroup, state: GroupState) -> GroupStatus {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        GroupStatus {
            group: group.name.clone(),
            state,
            error: None,
            diverged: vec![None; group.members],
            updates: 0,
            seconds: 0.0,
            ended: now.map_or(0, |now| now.as_secs()),
            commit: env!("H2OPLUS_COMMIT").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            hardware: hardware(),
            shard: self.shard.map(|shard| shard.to_string()),
        }
    }

    /// Trains `group` to its end, from its newest checkpoint where there is one.
    fn train(&self, group: &RunGroup, data: &mut Loaded) -> Result<Trainer> {
        let path = self.folder.run(&group.name);
        let mut trainer = match path.join("config.toml").is_file() {
            true => {
                let mut paused = Paused::take(&path)?;
                let with = paused.run_mut().open()?;
                let data = load(paused.run(), data)?;
                Trainer::resume(paused, with, data)?
            }
            false => {
                let mut run = self.folder.placed(self.plan, group)?.resolve()?;
                let with = run.open()?;
                let data = load(&run, data)?;
                Trainer::create_at(run, with, &path, data)?
            }
        };
        trainer.go_on_with("h2oplus suite --resume", Some(self.folder.path()));
        trainer.be_brief();
        trainer.run()?;
        trainer.save_policies()?;
        if let Err(error) = trainer.leave_players() {
            crate::log!("{}: no player: {error}", group.name);
        }
        if self.plan.keep.contains(&Keep::States) {
            trainer.save_states(STATE_ROWS)?;
        }
        if self.plan.keep.contains(&Keep::Motion) {
            trainer.save_motion()?;
        }
        Ok(trainer)
    }

    /// Removes the checkpoints of a group that is done: its policies are kept.
    fn thin(&self, group: &RunGroup) -> Result<()> {
        let folder = self.folder.run(&group.name).join("checkpoints");
        let entries = match fs::read_dir(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(Error::io(&folder))?,
        };
        for entry in entries {
            let path = entry.map_err(Error::io(&folder))?.path();
            fs::remove_file(&path).map_err(Error::io(&path))?;
        }
        Ok(())
    }
}

/// The error that a panic is to the other groups.
fn fault(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let problem = format!("panicked: {}", text.unwrap_or("it did not say why"));
    let help = "this is a fault of the program: report it with the group's config.toml";
    Error::input("the program", problem, help)
}

/// The data of `run`, which are those of the group before where they are the same; none for a method without.
fn load<'a>(run: &Run, loaded: &'a mut Loaded) -> Result<Option<&'a RealData>> {
    let config = &run.config;
    if config.data == "none" {
        return Ok(None);
    }
    let key = (run.task.title(), config.data.clone(), config.rows);
    match loaded {
        // Before the next ones are made: both together may be too much.
        Some((known, _)) if *known != key => *loaded = None,
        _ => {}
    }
    if loaded.is_none() {
        *loaded = Some((key, RealData::load(run)?));
    }
    let data = loaded.as_mut().map(|(_, data)| data).expect("just loaded");
    data.set = vec![0; run.members().len()];
    Ok(Some(data))
}

/// How far the work has come, in predicted seconds, and how much slower than predicted it goes.
struct Pace {
    left: f64,
    done: f64,
    begun: Instant,
    position: usize,
    of: usize,
}

impl Pace {
    fn new(work: &SuiteWork) -> Result<Self> {
        let pending = work.pending()?;
        Ok(Self {
            left: pending.iter().map(|n| work.seconds[*n]).sum(),
            done: 0.0,
            begun: Instant::now(),
            position: 0,
            of: pending.len(),
        })
    }

    /// Says which group comes, and how long all will take from here.
    fn say(&mut self, work: &SuiteWork, n: usize) {
        self.position += 1;
        let group = &work.plan.groups[n];
        let slower = match self.done > 0.0 {
            true => self.begun.elapsed().as_secs_f64() / self.done,
            false => 1.0,
        };
        let left = match self.left > 0.0 {
            true => format!("; about {} left", duration(self.left * slower)),
            false => String::new(),
        };
        let (position, of) = (self.position, self.of);
        crate::log!(
            "group {position} of {of}: {}, {} runs{left}",
            group.name,
            group.members
        );
    }

    /// A group is done that was to take `seconds`.
    fn note(&mut self, seconds: f64) {
        self.left -= seconds;
        self.done += seconds;
    }
}

/// `7 h 52 min`, `3 min 20 s`, `12 s`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_says_what_it_said() {
        for (panic, text) in [
            (catch_unwind(|| panic!("no room")), "panicked: no room"),
            (catch_unwind(|| panic!("{} rooms", 2)), "panicked: 2 rooms"),
            (catch_unwind(|| std::panic::panic_any(7)), "did not say why"),
        ] {
            let error = fault(&*panic.expect_err("it panics")).to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}

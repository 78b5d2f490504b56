//! A run that goes on: its folder, locked, its config and its newest checkpoint, compared with each other
//! and with the files that the run is made from.

use std::path::{Path, PathBuf};

use candle_core::Device;
use toml::{Table, Value};

use super::checkpoint::{Checkpoint, Header};
use super::checkpoints::{self, Newest};
use super::inputs;
use super::run_folder::RunFolder;
use crate::error::{Error, Result};
use crate::run::config::TrainConfig;
use crate::run::config::resolved::Run;

/// A run that was stopped, or killed.
pub struct Paused {
    pub(in crate::run) folder: RunFolder,
    pub(in crate::run) run: Run,
    /// Updates that `config.toml` says.
    pub(in crate::run) written: u64,
    /// Where it lies, and what it holds; none before the first one.
    pub(in crate::run) checkpoint: Option<(PathBuf, Checkpoint)>,
    /// Damaged ones after it.
    pub(in crate::run) damaged: Vec<PathBuf>,
}

/// Keys of a config that may differ: the budget grows, and files may move (their contents count).
const MAY_DIFFER: [&str; 3] = ["updates", "members", "vary"];

impl Paused {
    /// Takes the run in `path`.
    ///
    /// # Errors
    /// Where it is no run, another process works in it, no checkpoint of it is usable, or its config or
    /// its files have changed.
    pub fn take(path: &Path) -> Result<Self> {
        let folder = RunFolder::take(path)?;
        // First: a run of another format may have other keys.
        let newest = checkpoints::newest(&folder.checkpoints(), &Device::Cpu)?;
        let run = folder.read_run()?;
        let (checkpoint, damaged) = match newest {
            Some(Newest {
                path,
                checkpoint,
                damaged,
            }) => (Some((path, checkpoint)), damaged),
            None => (None, Vec::new()),
        };
        let paused = Self {
            folder,
            written: run.config.updates,
            run,
            checkpoint,
            damaged,
        };
        paused.check()?;
        Ok(paused)
    }

    /// The run.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The run, to be opened.
    pub fn run_mut(&mut self) -> &mut Run {
        &mut self.run
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Gives the run a longer budget.
    ///
    /// # Errors
    /// Where it is shorter than the run's.
    pub fn grow(&mut self, updates: u64) -> Result<()> {
        if updates < self.run.config.updates {
            let problem = format!("is {updates}, the run's is {}", self.run.config.updates);
            let help = "leave it out, or give a larger one: a budget may only grow";
            return Err(Error::input("updates", problem, help));
        }
        self.run.config.updates = updates;
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let Some((path, Checkpoint { header, .. })) = &self.checkpoint else {
            return match self.folder.policies().is_file() {
                false => Ok(()),
                true => {
                    let problem = "is done, and kept its last policies without its checkpoints";
                    let help = "look at them with `h2oplus eval`, or start a new run";
                    Err(Error::input(self.folder.path().display(), problem, help))
                }
            };
        };
        if self.run.config.updates < header.updates {
            let (updates, done) = (self.run.config.updates, header.updates);
            let problem = format!("updates = {updates}, but {done} are done");
            return Err(Error::input(
                self.folder.config().display(),
                problem,
                RESTORE,
            ));
        }
        same_config(&self.folder, &self.run.config, header)?;
        inputs::check(&self.folder, &self.run.config, path, &header.inputs)
    }
}

/// What helps against a config that was edited.
const RESTORE: &str = "restore the file as the run wrote it, or start a new run";

/// Refuses a config that is not the one under which the checkpoint with this `header` was written.
pub(in crate::run) fn same_config(
    folder: &RunFolder,
    config: &TrainConfig,
    header: &Header,
) -> Result<()> {
    let place = folder.config().display().to_string();
    let table = |text: &str| {
        text.parse::<Table>()
            .map_err(|e| Error::input(&place, e.message(), RESTORE))
    };
    let (now, began) = (table(&config.to_toml()?)?, table(&header.config)?);
    let part = |table: &Table, key: &str| match table.get(key) {
        Some(Value::Table(part)) => part.clone(),
        _ => Table::new(),
    };
    for (what, now, began) in [
        ("", &now, &began),
        (
            "settings.",
            &part(&now, "settings"),
            &part(&began, "settings"),
        ),
        ("vary.", &part(&now, "vary"), &part(&began, "vary")),
    ] {
        if let Some(key) = difference(now, began) {
            let shown = |table: &Table| table.get(&key).map_or("nothing".into(), Value::to_string);
            let (now, began) = (shown(now), shown(began));
            let problem = format!("{what}{key} is {now}; the run began with {began}");
            return Err(Error::input(&place, problem, RESTORE));
        }
    }
    Ok(())
}

/// A key by which a run with the config `now` is not the one that `began`.
fn difference(now: &Table, began: &Table) -> Option<String> {
    let mut keys = now.keys().chain(began.keys());
    let differs = |key: &&String| {
        let (now, began) = (now.get(*key), began.get(*key));
        now != began && !(both_files(key, now) && both_files(key, began))
    };
    keys.find(|key| {
        let free = MAY_DIFFER.contains(&key.as_str()) || *key == "settings";
        !free && differs(key)
    })
    .cloned()
}

/// Whether `value` names files, which may move: their contents are compared elsewhere.
fn both_files(key: &str, value: Option<&Value>) -> bool {
    match value {
        Some(Value::String(name)) => inputs::is_file(key, name),
        Some(Value::Array(all)) => all.iter().all(|value| both_files(key, Some(value))),
        _ => false,
    }
}

//! Behaviours from wherever policies lie.

use std::path::Path;

use super::{Behaviour, Snapshot};
use crate::error::{Error, Result};
use crate::run::record::run_folder::RunFolder;
use crate::run::train::trainer::load_agent;

impl Behaviour {
    /// The policy of a run or of a checkpoint, or the snapshots in a file.
    ///
    /// # Errors
    /// Where they cannot be read, or the run has several members.
    pub fn open(path: &Path) -> Result<Self> {
        let Some(run) = RunFolder::around(path).filter(|_| Self::is_one_policy(path)) else {
            return Self::load(path);
        };
        let run = RunFolder::open(&run)?;
        let one = match run.policies_of(path) {
            true => Self::load(&run.policies())?,
            false => Self::of_run(&run, path.is_file().then_some(path))?,
        };
        if one.snapshots.len() == 1 {
            return Ok(one);
        }
        let problem = format!("is of a run of {} members", one.snapshots.len());
        let help = "give one that trained a single member";
        Err(Error::input(path.display(), problem, help))
    }

    /// Whether `path` is a run, or a checkpoint of one: a single policy.
    pub fn is_one_policy(path: &Path) -> bool {
        RunFolder::around(path).is_some() && !RunFolder::is_snapshot(path)
    }

    fn of_run(folder: &RunFolder, checkpoint: Option<&Path>) -> Result<Self> {
        let (run, agent) = load_agent(folder, checkpoint)?;
        let snapshot = |member| {
            Ok(Snapshot {
                algorithm: run.config.algo.to_uppercase(),
                updates: agent.updates(),
                eval_return: f64::NAN,
                policy: agent.policy(member)?,
            })
        };
        let snapshots = (0..agent.members()).map(snapshot);
        Ok(Self {
            snapshots: snapshots.collect::<Result<_>>()?,
        })
    }
}

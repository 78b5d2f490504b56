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
        match RunFolder::around(path) {
            Some(run) if !Self::is_snapshots(path) => {
                Self::of_run(&RunFolder::open(&run)?, path.is_file().then_some(path))
            }
            _ => Self::load(path),
        }
    }

    /// Whether `path` is a run, or a checkpoint of one: a single policy.
    pub fn is_one_policy(path: &Path) -> bool {
        RunFolder::around(path).is_some() && !Self::is_snapshots(path)
    }

    fn is_snapshots(path: &Path) -> bool {
        path.parent()
            .is_some_and(|folder| folder.ends_with("snapshots"))
    }

    fn of_run(folder: &RunFolder, checkpoint: Option<&Path>) -> Result<Self> {
        let (run, agent) = load_agent(folder, checkpoint)?;
        if agent.members() > 1 {
            let problem = format!("is a run of {} members", agent.members());
            let help = "give one that trained a single member";
            return Err(Error::input(folder.path().display(), problem, help));
        }
        let snapshot = Snapshot {
            algorithm: run.config.algo.to_uppercase(),
            updates: agent.updates(),
            eval_return: f64::NAN,
            policy: agent.policy(0)?,
        };
        Ok(Self {
            snapshots: vec![snapshot],
        })
    }
}

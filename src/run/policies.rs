//! The policies that a run folder, a checkpoint, a data file or a file of snapshots holds.

use std::path::{Path, PathBuf};

use crate::data::Dataset;
use crate::env::Task;
use crate::env::task::OWN_REAL;
use crate::error::{Error, Result};
use crate::policy::Policy;
use crate::run::config::TrainConfig;
use crate::run::config::resolved::Run;
use crate::run::data::behaviour::Behaviour;
use crate::run::data::real_data::log_notes;
use crate::run::data::same_robot;
use crate::run::record::run_folder::RunFolder;
use crate::run::train::trainer;

/// A policy, and what it is called.
pub struct NamedPolicy {
    /// In words: `h2oplus seed 0 after 20000 updates`.
    pub name: String,
    /// Its weights.
    pub policy: Policy,
}

/// What a file or a run holds.
pub struct Policies {
    /// Where they were found.
    pub path: PathBuf,
    /// The task that they were made for.
    pub task: String,
    /// What differs on the real robot there.
    pub real_gap: String,
    /// The run that they belong to, where there is one.
    pub run: Option<Run>,
    /// At least one; of a run, one a member.
    pub policies: Vec<NamedPolicy>,
}

impl Policies {
    /// Those that `path` holds: a run folder, a checkpoint, a D4RL file (its behaviour policy), or snapshots.
    ///
    /// # Errors
    /// Where it holds none, or is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let run = RunFolder::around(path).map(|run| RunFolder::open(&run));
        match run.transpose()? {
            Some(run) if run.policies_of(path) => of_kept(&run),
            Some(run) if !RunFolder::is_snapshot(path) => {
                of_checkpoint(&run, path.is_file().then_some(path))
            }
            Some(run) => {
                let run = run.read_run()?;
                let TrainConfig { task, real_gap, .. } = run.config.clone();
                of_file(path, task, real_gap, Some(run))
            }
            None => {
                let [task, real_gap] = robot_of_name(path)?;
                of_file(path, task, real_gap, None)
            }
        }
    }

    /// The task that number `n` of them acts on: `task` and `real_gap` where they are given, else the policy's own.
    ///
    /// # Errors
    /// Where there is no such task, or the gap does not fit it.
    pub fn task(&self, n: usize, task: Option<&str>, real_gap: Option<&str>) -> Result<Task> {
        let task = Task::load(task.unwrap_or(&self.task))?;
        let member = self.run.as_ref().and_then(|run| run.members().get(n));
        let own = member.and_then(|member| member.real_gap.as_ref());
        task.with_real(real_gap.unwrap_or(own.unwrap_or(&self.real_gap)))
    }

    /// Number `n` of them, with its number; where none is given a run's first member, or the last of several snapshots.
    ///
    /// # Errors
    /// Where there are not so many.
    pub fn choose(&self, n: Option<usize>) -> Result<(usize, &NamedPolicy)> {
        let count = self.policies.len();
        let default = if self.run.is_some() { 0 } else { count - 1 };
        let n = n.unwrap_or(default);
        let Some(chosen) = self.policies.get(n) else {
            let problem = format!("is {n}; {} holds {count} policies", self.path.display());
            return Err(Error::input("--policy", problem, "count them from 0"));
        };
        Ok((n, chosen))
    }

    /// Refuses `policy`, called `name`, for a `task` of other sizes.
    ///
    /// # Errors
    /// Then.
    pub fn check(&self, name: &str, policy: &Policy, task: &Task) -> Result<()> {
        let have = (policy.obs_dim(), policy.act_dim());
        if have == (task.obs_dim(), task.act_dim()) {
            return Ok(());
        }
        let task = &task.name;
        Err(Error::input(
            self.path.display(),
            format!("{name} has (observations, actions) = {have:?}, {task} differs"),
            "name the policy's own task with --task",
        ))
    }
}

/// The task and the gap of the real robot that a file's name says; the default task, and a task's own gap, where it says none.
///
/// # Errors
/// Where the robot's own files are damaged.
pub fn robot_of_name(path: &Path) -> Result<[String; 2]> {
    let name = file_name(path);
    let task = same_robot::task_of(&name).unwrap_or_else(|| TrainConfig::default().task);
    let shift = same_robot::shift_of(&name, &Task::load(&task)?);
    Ok([task, shift.unwrap_or_else(|| OWN_REAL.into())])
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Of a file that is no checkpoint.
fn of_file(path: &Path, task: String, real_gap: String, run: Option<Run>) -> Result<Policies> {
    let name = file_name(path);
    let of = |policies| Policies {
        path: path.to_path_buf(),
        task,
        real_gap,
        run,
        policies,
    };
    if name.ends_with(".safetensors") {
        let snapshots = Behaviour::load(path)?.snapshots.into_iter();
        let policies = snapshots.map(|s| NamedPolicy {
            name: format!("snapshot at update {}", s.updates),
            policy: s.policy,
        });
        return Ok(of(policies.collect()));
    }
    let data = Dataset::read(path)?;
    log_notes(&data);
    match data.policy {
        Some(from) => {
            let policy = from.policy;
            Ok(of(vec![NamedPolicy { name, policy }]))
        }
        None => Err(Error::input(
            path.display(),
            "carries no behaviour policy (metadata/policy)",
            "give a run folder, a checkpoint, or a D4RL file that has one",
        )),
    }
}

/// Of a run's `checkpoint`, or of its newest one.
fn of_checkpoint(folder: &RunFolder, checkpoint: Option<&Path>) -> Result<Policies> {
    let (run, agent) = trainer::load_agent(folder, checkpoint)?;
    let updates = agent.updates();
    let policies = (0..run.members().len()).map(|m| Ok((updates, agent.policy(m)?)));
    let policies = policies.collect::<Result<_>>()?;
    Ok(of_members(folder, run, policies))
}

/// The policies that a run kept in place of its checkpoints.
fn of_kept(folder: &RunFolder) -> Result<Policies> {
    let run = folder.read_run()?;
    let kept = Behaviour::load(&folder.policies())?.snapshots;
    if kept.len() != run.members().len() {
        let (kept, members) = (kept.len(), run.members().len());
        let problem = format!("holds {kept} policies; the run has {members} members");
        let help = "restore the file as the run wrote it";
        return Err(Error::input(folder.policies().display(), problem, help));
    }
    let policies = kept.into_iter().map(|kept| (kept.updates, kept.policy));
    Ok(of_members(folder, run, policies.collect()))
}

/// Of the members of `run`, with the updates behind each.
fn of_members(folder: &RunFolder, run: Run, policies: Vec<(u64, Policy)>) -> Policies {
    let named = run.members().iter().zip(policies);
    let named = named.map(|(member, (updates, policy))| NamedPolicy {
        name: policy_name(&run, &member.name, updates),
        policy,
    });
    Policies {
        path: folder.path().to_path_buf(),
        policies: named.collect(),
        task: run.config.task.clone(),
        real_gap: run.config.real_gap.clone(),
        run: Some(run),
    }
}

/// What the policy of the member `name` of `run` is called after `updates` updates.
pub fn policy_name(run: &Run, name: &str, updates: u64) -> String {
    format!("{} {name} after {updates} updates", run.config.algo)
}

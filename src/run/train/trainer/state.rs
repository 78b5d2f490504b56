//! What a run leaves behind while it goes on, and how it is put back.

use std::path::Path;

use super::Trainer;
use crate::error::{Error, Result};
use crate::run::data::behaviour::{Behaviour, Snapshot};
use crate::run::record::checkpoint::{Checkpoint, Header};
use crate::run::record::checkpoints;
use crate::run::train::evaluate::Episodes;
use crate::run::train::phases::Phase;

impl Trainer {
    /// Keeps the first member's policy as a behaviour snapshot, `snapshots/step_<k>.safetensors`.
    pub fn snapshot(&self) -> Result<()> {
        self.folder.still_there()?;
        let folder = self.folder.snapshots();
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let k = self.agent.updates();
        let snapshot = self.snapshot_of(0)?;
        Behaviour {
            snapshots: vec![snapshot],
        }
        .save(&folder.join(checkpoints::name(k)))
    }

    /// The policy that a member has now, with its latest return.
    pub(super) fn snapshot_of(&self, member: usize) -> Result<Snapshot> {
        Ok(Snapshot {
            algorithm: self.run.config.algo.to_uppercase(),
            updates: self.agent.updates(),
            eval_return: self.latest.get(member).map_or(f64::NAN, Episodes::mean),
            policy: self.agent.policy(member)?,
        })
    }

    /// Writes a checkpoint, and keeps the one before it.
    pub(super) fn checkpoint(&mut self) -> Result<()> {
        self.phases.enter(Phase::Recording)?;
        self.folder.still_there()?;
        // The checkpoint counts on these lines.
        self.metrics.sync()?;
        let mut checkpoint = Checkpoint {
            header: Header {
                updates: self.agent.updates(),
                cycles: self.cycles,
                replay_pushed: self.sim.pushed(),
                metrics_lines: self.metrics.lines(),
                seconds: self.seconds(),
                latest: self.latest.clone(),
                members: self.names().map(str::to_owned).collect(),
                config: self.run.config.to_toml()?,
                inputs: self.inputs.clone(),
                ..Header::default()
            },
            ..Checkpoint::default()
        };
        for (name, tensor) in self.agent.state()? {
            checkpoint.tensors.insert(format!("agent.{name}"), tensor);
        }
        if let Some(rows) = self.sim.state()? {
            checkpoint.tensors.insert("replay.rows".into(), rows);
        }
        self.rollout.save(&mut checkpoint.bytes)?;
        let folder = self.folder.checkpoints();
        checkpoint.save(&folder.join(checkpoints::name(self.agent.updates())))?;
        checkpoints::prune(&folder, 2)
    }

    /// Puts the state back that `checkpoint`, read from `path`, holds. Its digest was compared: what is
    /// refused here was written by a program that counts otherwise, or by hand.
    pub(super) fn restore(&mut self, path: &Path, checkpoint: &Checkpoint) -> Result<()> {
        let header = &checkpoint.header;
        let wrong = |problem: String| {
            let help = "delete that file and resume again, from the checkpoint before it";
            Error::input(path.display(), problem, help)
        };
        let placed = |e: Error| match e {
            Error::Input { place, problem, .. } => wrong(format!("{place}: {problem}")),
            other => wrong(other.to_string()),
        };
        if !header.members.iter().map(String::as_str).eq(self.names()) {
            let members = self.names().collect::<Vec<_>>().join(", ");
            let problem = format!("its members are not those of the run: {members}");
            let help = "restore config.toml as the run wrote it";
            return Err(Error::input(path.display(), problem, help));
        }
        let (p, n) = (header.members.len(), self.run.config.eval_episodes);
        let whole = |e: &Episodes| {
            let lengths = [e.returns.len(), e.lengths.len(), e.rows.len()];
            lengths == [n; 3] && e.returns.iter().all(|r| r.is_finite())
        };
        if !(header.latest.is_empty() || header.latest.len() == p)
            || !header.latest.iter().all(whole)
        {
            return Err(wrong(format!(
                "its evaluations are not {n} episodes of each of {p} members"
            )));
        }
        if !(header.seconds >= 0.0 && header.seconds.is_finite()) {
            return Err(wrong(format!("it took {} seconds", header.seconds)));
        }
        self.agent.load_state(&checkpoint.agent()).map_err(placed)?;
        self.rollout.load(&checkpoint.bytes).map_err(placed)?;
        let updates = self.agent.updates();
        if updates != header.updates {
            let said = header.updates;
            return Err(wrong(format!(
                "its counters say {updates} updates, its header {said}"
            )));
        }
        // Rounds follow from updates, rows and steps from rounds.
        let used = self.agent.simulated_updates().unwrap_or(0);
        let cycles = used.div_ceil(self.run.config.cycle_updates);
        let steps = cycles * self.run.config.cycle_steps.div_ceil(self.run.config.envs) as u64;
        let rows = steps * self.run.config.envs as u64;
        for (what, is, due) in [
            ("rounds of simulator steps", header.cycles, cycles),
            ("rows in the replay", header.replay_pushed, rows),
            ("simulator steps", self.rollout.env_steps(), rows),
        ] {
            if is != due {
                return Err(wrong(format!("it counts {is} {what} where {due} are due")));
            }
        }
        match checkpoint.tensors.get("replay.rows") {
            Some(rows) => {
                let rows = rows.to_device(&self.device)?;
                self.sim
                    .restore(&rows, header.replay_pushed)
                    .map_err(placed)?;
            }
            None if header.replay_pushed == 0 => {}
            None => return Err(wrong("`replay.rows` is missing".into())),
        }
        self.cycles = header.cycles;
        self.latest = header.latest.clone();
        self.earlier_seconds = header.seconds;
        self.first_update = updates;
        self.diverged = self.agent.diverged()?;
        Ok(())
    }
}

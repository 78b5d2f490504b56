//! What a run puts on the board of its live view.

use std::sync::Arc;

use super::Trainer;
use crate::error::Result;
use crate::run::policies::policy_name;
use crate::run::train::evaluate::Episodes;
use crate::run::watch::{Board, WatchedMember, WatchedPolicy, WatchedState};

impl Trainer {
    /// Puts numbers and policies on `board` from here on.
    pub fn watched_on(&mut self, board: &Arc<Board>) {
        self.board = Some(Arc::clone(board));
    }

    /// Puts the numbers on the board, where there is one; what has been measured so far is in the file then.
    pub(super) fn publish(&mut self) -> Result<()> {
        let Some(board) = self.board.clone() else {
            return Ok(());
        };
        self.metrics.flush()?;
        let members = self.names().map(str::to_owned).enumerate();
        let member = |(m, name)| WatchedMember {
            name,
            latest: self.latest.get(m).map(Episodes::mean),
            diverged: self.diverged[m],
        };
        board.put(WatchedState {
            title: format!("{} {}", self.run.config.algo, self.run.task.title()),
            folder: self.folder.path().to_path_buf(),
            updates: self.agent.updates(),
            total: self.run.config.updates,
            seconds: self.seconds(),
            spent: Some(self.spent()),
            members: members.map(member).collect(),
            policy: None,
            metrics: self.folder.metrics(),
        });
        Ok(())
    }

    /// The same, and the first member's policy.
    pub(super) fn publish_policy(&mut self) -> Result<()> {
        self.publish()?;
        let Some(board) = &self.board else {
            return Ok(());
        };
        let (known, updates) = (&self.run.members()[0], self.agent.updates());
        board.show(WatchedPolicy {
            task: self.run.task.clone(),
            gap: self.run.gap(known)?,
            physics: self.run.config.physics,
            seed: known.seed,
            name: policy_name(&self.run, &known.name, updates),
            updates,
            policy: self.agent.policy(0)?,
        });
        Ok(())
    }
}

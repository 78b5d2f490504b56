//! The players that a run leaves behind.

use std::path::PathBuf;

use super::Trainer;
use crate::error::Result;
use crate::run::config::members::Member;
use crate::run::policies::policy_name;
use crate::run::render::Film;
use crate::run::render::roll::FilmPlan;

/// Seconds of the robot's time that a player shows, as far as [`STEPS`] allow.
const SECONDS: f64 = 20.0;
/// Env steps at least and at most: a page of some hundred kilobytes.
const STEPS: [usize; 2] = [400, 800];
/// Players at most.
const MOST: usize = 64;

impl Trainer {
    /// Writes a page with a player for the first member of each gap, data set and setting, and says where they are.
    ///
    /// # Errors
    /// Where a policy cannot act, or a page not be written.
    pub fn leave_players(&self) -> Result<Vec<PathBuf>> {
        let own = |m: &Member| (m.gap.clone(), m.data.clone(), m.settings.clone());
        let members = self.run.members();
        let first =
            |n: &usize| members.iter().position(|m| own(m) == own(&members[*n])) == Some(*n);
        let some = (0..members.len()).filter(first).take(MOST);
        let steps = (SECONDS / self.run.task.dt()) as usize;
        let write = |member: usize| {
            let path = self.folder.player(member);
            let film = self.film(member, steps.clamp(STEPS[0], STEPS[1]))?;
            film.write(&path)?;
            Ok(path)
        };
        some.map(write).collect()
    }

    /// What the policy of `member` does now, in its worlds, for `steps` env steps at most.
    ///
    /// # Errors
    /// Where it cannot act.
    pub fn film(&self, member: usize, steps: usize) -> Result<Film> {
        let known = &self.run.members()[member];
        let plan = FilmPlan {
            task: &self.run.task,
            gap: &self.run.gap(known)?,
            physics: self.run.config.physics,
            seed: known.seed,
            steps,
            stochastic: false,
        };
        let name = policy_name(&self.run, &known.name, self.agent.updates());
        plan.film(&self.agent.policy(member)?, &name)
    }
}

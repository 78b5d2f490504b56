//! The lines that a run leaves in `metrics.jsonl` while it learns.

use super::Trainer;
use crate::error::Result;
use crate::run::config::members::Member;
use crate::run::train::progress::Progress;

impl Trainer {
    /// Says which members have diverged since it was last said.
    pub(super) fn note_diverged(&mut self, progress: &Progress) -> Result<()> {
        let before = std::mem::replace(&mut self.diverged, self.agent.diverged()?);
        let members = self.run.members().iter().zip(before).zip(&self.diverged);
        for ((Member { name, .. }, _), at) in members.filter(|((_, before), _)| before.is_none()) {
            if let Some(update) = at {
                progress.line(&format!(
                    "update {update:>7}  {name} has diverged and stands still from here on; the others go on"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn log_losses(&mut self, k: u64) -> Result<()> {
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

    pub(super) fn log_rates(
        &mut self,
        k: u64,
        updates_per_s: f64,
        env_steps_per_s: f64,
    ) -> Result<()> {
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
}

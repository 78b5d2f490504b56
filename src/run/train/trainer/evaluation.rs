//! Episodes on the real task while a run goes on.

use std::collections::BTreeSet;

use candle_core::Tensor;

use super::Trainer;
use crate::data::moments;
use crate::engine::PlanarVecEnv;
use crate::engine::planar::Precision;
use crate::env::{Dynamics, EnvKey, EnvSpec};
use crate::error::Result;
use crate::run::train::evaluate::{Episodes, STEADY, WatcherFn, evaluate_watched};
use crate::run::train::phases::Phase;
use crate::run::train::progress::Progress;
use crate::run::train::rollout::zero_non_finite;

/// Evaluations start from states that no training rollout draws.
const EVAL_SEED: u64 = 0x5eed_0e7a;

impl Trainer {
    /// The episodes of an evaluation, `eval_episodes` a member, member after member, which `watcher` is shown; and the
    /// members whose policies are lost.
    pub(super) fn episodes(
        &self,
        watcher: &mut WatcherFn<'_>,
    ) -> Result<(Episodes, BTreeSet<usize>)> {
        let (p, n) = (self.agent.members(), self.run.config.eval_episodes);
        // Every member and every evaluation meets the same initial states.
        let keys = EnvKey::population(&vec![EVAL_SEED; p], n);
        let real = self.run.reals.iter().map(Dynamics::real);
        let real = Dynamics::join(real.collect::<Result<_>>()?, n);
        let mut env = PlanarVecEnv::new(EnvSpec::new(&self.run.task, real, keys), Precision::F32)?;
        let s = self.run.task.obs_dim();
        let mut lost = BTreeSet::new();
        let mut actor = |obs: &[f32], _: Option<&[f32]>| -> Result<Vec<f32>> {
            let obs = Tensor::from_slice(obs, (p, n, s), &self.device)?;
            let mut actions = self.agent.act(&obs, None)?.flatten_all()?.to_vec1()?;
            lost.extend(zero_non_finite(&mut actions, p));
            Ok(actions)
        };
        let all = evaluate_watched(&mut env, &mut actor, None, watcher)?;
        Ok((all, lost))
    }

    /// Evaluates every member, and records what came out.
    pub(super) fn evaluate(&mut self, progress: &Progress) -> Result<()> {
        self.phases.enter(Phase::Evaluating)?;
        let (p, n) = (self.agent.members(), self.run.config.eval_episodes);
        let (all, lost) = self.episodes(&mut |_, _, _| Ok(()))?;
        for member in lost {
            self.agent.freeze(member)?;
        }
        self.note_diverged(progress)?;
        self.latest = (0..p)
            .map(|m| Episodes {
                returns: all.returns[m * n..(m + 1) * n].to_vec(),
                lengths: all.lengths[m * n..(m + 1) * n].to_vec(),
                rows: all.rows[m * n..(m + 1) * n].to_vec(),
                broken: all.broken[m * n..(m + 1) * n].to_vec(),
            })
            .collect();
        if let Some(trouble) = all.trouble() {
            progress.line(&format!("evaluation: {trouble}; {STEADY}"));
        }
        let (k, seconds) = (self.agent.updates(), self.seconds());
        for (m, episodes) in self.latest.iter().enumerate() {
            let mut row = vec![
                ("eval/return", episodes.mean()),
                ("eval/return_std", episodes.std()),
                ("eval/length", episodes.mean_length()),
            ];
            let score = self.run.reals[m].normalized_score(episodes.mean());
            row.extend(score.map(|score| ("eval/normalized_score", score)));
            self.metrics.log(k, seconds, m, &row)?;
        }
        self.metrics.flush()?;
        let of = |e: &Episodes| format!("{:.0} ± {:.0}", e.mean(), e.std());
        let head = format!("update {k:>7}  return on the real task");
        if let [only] = &self.latest[..] {
            progress.line(&format!("{head}  {}", of(only)));
            return Ok(());
        }
        if self.brief {
            let (mean, std) = moments(self.latest.iter().map(Episodes::mean));
            let members = self.latest.len();
            progress.line(&format!(
                "{head}  {mean:.0} ± {std:.0} over {members} members"
            ));
            return Ok(());
        }
        progress.line(&head);
        for (member, episodes) in self.run.members().iter().zip(&self.latest) {
            progress.line(&format!("  {:>15}  {}", of(episodes), member.name));
        }
        Ok(())
    }
}

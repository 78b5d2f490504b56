//! Actions of the policy inside an update.

use super::{Batch, Block, PolicyNet, Tape, Values};
use crate::error::Result;
use crate::kernel::head::{Sample, SampleBuffers};
use crate::kernel::{Buf, LogPi, Normals, StateActions};
use crate::rng::Stream;

/// Actions sampled of the policy at a batch's states, and at its next states.
pub struct Fresh {
    /// (s, a), a ~ π(s).
    pub now: Block,
    /// (s', a'), a' ~ π(s').
    pub next: Block,
    pub(super) log_pi: Buf<LogPi>,
    pub(super) noise: Buf<Normals>,
    /// The policy's outputs at s and at s'.
    pub(super) raw: [Values; 2],
}

impl Tape {
    /// Actions of `policy` at the states and at the next states of `batch`, with their log-densities.
    pub fn sample(&mut self, policy: &PolicyNet, batch: &Batch) -> Result<Fresh> {
        assert!(batch.is_first(), "rows are sampled at from the first on");
        let (rows, row) = (batch.len(), self.scene.row);
        let raw = [batch.obs(), batch.next_obs()].map(|s| self.at(&policy.mlp, &s));
        let noise = self.normals("noise", Stream::Update, 2 * rows * row.act_dim, |d| {
            &d.noise
        })?;
        let width = row.obs_dim + row.act_dim;
        let fresh: Buf<StateActions> = self.zeros(2 * rows * width)?;
        let log_pi: Buf<LogPi> = self.zeros(2 * rows)?;
        let sample = Sample {
            members: self.members(),
            rows: 2 * rows,
            batch: rows,
            raw: raw.map(|raw| raw.out),
            affine: policy.spread.own(),
            row,
        };
        let (to, density, eps, from) = (
            fresh.clone(),
            log_pi.clone(),
            noise.clone(),
            batch.rows.clone(),
        );
        self.launch(move |c| {
            sample.launch(SampleBuffers {
                fresh: &to,
                log_pi: &density,
                acts: &c.ws.acts,
                theta: &c.params.theta,
                noise: &eps,
                batch_rows: &from,
            })
        });
        let all = Block::of(&fresh, [2 * rows, width], self.latest());
        Ok(Fresh {
            now: all.part(0..rows),
            next: all.part(rows..2 * rows),
            log_pi,
            noise,
            raw,
        })
    }
}

//! The dynamics ratio of two classifiers: see [`ratio`](crate::kernel::ratio).

use super::{Batch, Block, Tape, Values, Weights};
use crate::error::Result;
use crate::kernel::PerMember;
use crate::kernel::noise::{Blur, BlurBuffers};
use crate::kernel::ratio::{
    RatioHeads, RatioLoss, RatioLossBuffers, RatioReward, RatioRewardBuffers, RatioWeight,
    RatioWeightBuffers,
};
use crate::kernel::{Normals, W};
use crate::rng::Stream;

/// Rows (s,a,s'), real ones, then as many simulated ones, with normals added.
pub struct Blurred {
    /// (s,a), and further columns.
    pub rows: Block,
    half: usize,
}

impl Tape {
    /// Draws `half` real and as many simulated rows, apart from the batch, and adds normals of deviation `std`.
    pub fn blurred_rows(&mut self, half: usize, std: PerMember<f32>) -> Result<Blurred> {
        let width = self.scene.row.dynamics();
        let len = 2 * half * width;
        let x = self.dynamics_rows([half; 2])?;
        self.take("classifier rows", &x, |draws| &draws.ratio);
        let noise =
            self.normals::<Normals>("classifier noise", Stream::RatioNoise, len, |draws| {
                &draws.ratio_noise
            })?;
        let blur = Blur {
            members: self.members(),
            len,
            std,
        };
        let rows = x.clone();
        self.launch(move |_| {
            blur.launch(BlurBuffers {
                x: &x,
                noise: &noise,
            })
        });
        Ok(Blurred {
            rows: Block::of(&rows, [2 * half, width], self.latest()),
            half,
        })
    }

    /// The cross-entropies of both classifiers, real against simulated, at `rows`.
    pub fn ratio_loss(&mut self, rows: &Blurred, raw: [Values; 2], heads: RatioHeads) {
        let loss = RatioLoss {
            members: self.members(),
            half: rows.half,
            raw: self.read_both(&raw),
            heads,
            stats_at: self.places(&RatioLoss::STATS),
        };
        self.trains(&raw);
        self.launch(move |c| {
            loss.launch(RatioLossBuffers {
                act_grads: &c.ws.act_grads,
                stats: c.stats,
                acts: &c.ws.acts,
            })
        });
    }

    /// Adds η·clip(log p_real/p_sim, ±c) to the rewards of `batch`, whose classifier outputs are `raw`; `numbers` is η and
    /// c.
    pub fn ratio_reward(&mut self, batch: &Batch, raw: Values, numbers: [PerMember<f32>; 2]) {
        let [eta, clip] = numbers;
        let reward = RatioReward {
            members: self.members(),
            rows: batch.range.clone(),
            raw: self.read(&raw),
            row: batch.layout,
            stats_at: self.places(&RatioReward::STATS),
            eta,
            clip,
        };
        let rows = batch.buffer().clone();
        self.launch(move |c| {
            reward.launch(RatioRewardBuffers {
                batch: &rows,
                stats: c.stats,
                acts: &c.ws.acts,
            })
        });
    }

    /// w = clip(p_real/p_sim) of the simulated rows of `batch`, whose classifier outputs are `raw` (none: 1), over its mean
    /// if it is to be normalised; 1 of the real ones.
    pub fn ratio_weights(
        &mut self,
        batch: &Batch,
        raw: Option<Values>,
        clip: PerMember<[f32; 2]>,
        normalise: bool,
    ) -> Result<Weights> {
        let [real, sim] = batch.halves();
        let w = self.zeros::<W>(real + sim)?;
        let ratio = RatioWeight {
            members: self.members(),
            real,
            sim,
            raw: raw.map(|raw| self.read(&raw)),
            normalise,
            clip,
            stats_at: self.places(&RatioWeight::STATS),
        };
        let (kernel, to) = (ratio.clone(), w.clone());
        self.launch(move |c| {
            kernel.launch(RatioWeightBuffers {
                w: &to,
                stats: c.stats,
                acts: &c.ws.acts,
            })
        });
        Ok(Weights {
            w,
            ratio: Some(ratio),
        })
    }
}

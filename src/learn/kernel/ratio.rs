//! The dynamics ratio from two classifiers, on (s,a) and on (s,a,s'): their cross-entropies and the weight.
//!
//! Each head is z = 2 tanh(·), class 0 real, class 1 simulated. The (s,a,s') logits are z_sas + z_sa, so
//! log p_real/p_sim (s'|s,a) = `z_sas[0] − z_sas[1]` exactly, and the second loss reaches the first network.
//!
//! A bounded (s,a) head cannot say of a far (s,a) all that there is to say, so the other head says the rest, and the
//! ratio becomes a penalty on new (s,a). [`RatioHeads::FreeSa`] leaves the (s,a) head unbounded.

use super::cpu::{each, tile_sums};
use super::head::softplus;
use h2oplus_base::choices;

use crate::kernel::{Acts, OnHost, RowLayout, Slot, Stats, fields, kernel};

/// Of a head's tanh.
pub(crate) const SCALE: f32 = 2.0;

choices! {
    /// Which heads of the classifiers are bounded.
    pub enum RatioHeads {
        /// Both, by 2·tanh, as published.
        Published = "published",
        /// That of (s,a,s') alone, so that the ratio measures dynamics rather than how new (s,a) is.
        FreeSa = "free-sa",
    }
}

fields! { RatioHeads, "unsigned", 1, |x| [*x as u32]; }

impl RatioHeads {
    /// z of the (s,a) head, and its slope.
    fn sa(self, raw: f32) -> (f32, f32) {
        match self {
            Self::Published => {
                let t = raw.tanh();
                (SCALE * t, SCALE * (1.0 - t * t))
            }
            Self::FreeSa => (raw, 1.0),
        }
    }
}

kernel! {
    /// Writes the gradients of both networks' raw outputs, and its [`RatioLoss::STATS`].
    pub struct RatioLoss in "ratio_loss";
    fields {
        /// Rows of either half: first the real rows, then as many simulated ones.
        half: usize,
        /// The raw outputs `[2·half, 2]` of the (s,a) and the (s,a,s') network.
        raw: [Slot<Acts>; 2],
        /// Which heads are bounded.
        heads: RatioHeads,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {}
    buffers RatioLossBuffers {
        out {
            /// Where the gradients go.
            act_grads: Deltas,
            /// Losses.
            stats: Stats,
        }
        in {
            /// Raw outputs.
            acts: Acts,
        }
    }
    stats ["losses/d_sa_loss", "losses/d_sas_loss"];
    threads |_| super::BLOCK;
    floats |k| 16 * k.half;
}

impl RatioLoss {
    fn twin(&self, b: RatioLossBuffers<OnHost<'_>>) {
        let inverse = 1.0 / self.half as f32;
        let sums = tile_sums(self.members, 2 * self.half, |member, tile| {
            let floats = 2 * tile.len();
            let at = self.raw.map(|raw| raw.row(tile.start, 2));
            let [sa, sas] = at.map(|raw| b.acts.at(member, raw, floats));
            // SAFETY: members, tiles and networks are disjoint.
            let [d_sa, d_sas] = at.map(|raw| unsafe { b.act_grads.at(member, raw, floats) });
            let mut losses = [0.0; 2];
            for n in 0..tile.len() {
                let (t, u) = (2 * n, 2 * n + 1);
                let [(sa0, slope0), (sa1, slope1)] = [sa[t], sa[u]].map(|raw| self.heads.sa(raw));
                let sas = [sas[t].tanh(), sas[u].tanh()];
                // With two classes, cross-entropy is softplus of (wrong − right logit).
                let sign = if tile.start + n < self.half {
                    1.0
                } else {
                    -1.0
                };
                let gap_sa = sign * (sa1 - sa0);
                let gap_sas = gap_sa + sign * SCALE * (sas[1] - sas[0]);
                losses[0] += softplus(gap_sa) * inverse;
                losses[1] += softplus(gap_sas) * inverse;
                let g_sas = sign * sigmoid(gap_sas) * inverse;
                let g_sa = sign * sigmoid(gap_sa) * inverse + g_sas;
                d_sa[t] = -g_sa * slope0;
                d_sa[u] = g_sa * slope1;
                d_sas[t] = -g_sas * SCALE * (1.0 - sas[0] * sas[0]);
                d_sas[u] = g_sas * SCALE * (1.0 - sas[1] * sas[1]);
            }
            losses
        });
        for (member, sums) in sums.iter().enumerate() {
            // SAFETY: nobody else writes.
            let stats = unsafe { b.stats.at(member, self.stats_at, sums.len()) };
            stats.copy_from_slice(sums);
        }
    }
}

/// log p_real/p_sim (s'|s,a) from the (s,a,s') network's raw outputs.
pub(crate) fn log_ratio(raw: [f32; 2]) -> f32 {
    SCALE * (raw[0].tanh() - raw[1].tanh())
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

kernel! {
    /// Adds η·clip(log p_real/p_sim (s'|s,a), ±c) to the rewards of some rows of the batch, and writes its
    /// [`RatioReward::STATS`].
    pub struct RatioReward in "ratio_reward";
    fields {
        /// The rows of the batch.
        rows: std::ops::Range<usize>,
        /// The (s,a,s') network's raw outputs at them, `[rows, 2]`.
        raw: Slot<Acts>,
        /// A row of the batch.
        row: RowLayout,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// η.
        eta: f32,
        /// c.
        clip: f32,
    }
    buffers RatioRewardBuffers {
        out {
            /// Rewards.
            batch: Rows,
            /// The mean of what was added.
            stats: Stats,
        }
        in {
            /// Raw outputs.
            acts: Acts,
        }
    }
    stats ["losses/reward_correction"];
    threads |_| super::BLOCK;
    floats |k| 4 * k.rows.len();
}

impl RatioReward {
    fn twin(&self, b: RatioRewardBuffers<OnHost<'_>>) {
        let (floats, len) = (self.row.floats(), self.rows.len());
        each(self.members, |member| {
            let (eta, clip) = (self.eta.of(member), self.clip.of(member));
            let raw = b.acts.at(member, self.raw, 2 * len).chunks_exact(2);
            // SAFETY: members are disjoint.
            let (batch, stats) = unsafe {
                (
                    b.batch.part(member, self.rows.start * floats, len * floats),
                    b.stats.at(member, self.stats_at, Self::STATS.len()),
                )
            };
            let mut sum = 0.0;
            for (z, row) in raw.zip(batch.chunks_exact_mut(floats)) {
                let correction = eta * log_ratio([z[0], z[1]]).clamp(-clip, clip);
                row[self.row.reward()] += correction;
                sum += correction;
            }
            stats[0] = sum / len as f32;
        });
    }
}

kernel! {
    /// w = clip(p_real/p_sim, low, high) of the simulated rows, over its mean where it is normalised; 1 for the real ones
    /// before them. Writes w and its [`RatioWeight::STATS`].
    pub struct RatioWeight in "ratio_weight";
    fields {
        /// Real rows, which weigh 1.
        real: usize,
        /// Simulated rows.
        sim: usize,
        /// The (s,a,s') network's raw outputs at the simulated rows, `[sim, 2]`; none: all weigh 1.
        raw: Option<Slot<Acts>>,
        /// Whether the simulated rows' weights are divided by their mean.
        normalise: bool,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// Clip of the ratio.
        clip: [f32; 2],
    }
    buffers RatioWeightBuffers {
        out {
            /// Weights.
            w: W,
            /// Their mean, before it may be 1.
            stats: Stats,
        }
        in {
            /// Raw outputs.
            acts: Acts,
        }
    }
    stats ["losses/ratio"];
    threads |_| super::BLOCK;
    floats |k| k.real + 3 * k.sim;
}

impl RatioWeight {
    fn twin(&self, b: RatioWeightBuffers<OnHost<'_>>) {
        each(self.members, |member| {
            // SAFETY: members are disjoint.
            let (w, stats) = unsafe {
                let stats = b.stats.at(member, self.stats_at, Self::STATS.len());
                (b.w.part(member, 0, self.real + self.sim), stats)
            };
            w.fill(1.0);
            let [low, high] = self.clip.of(member);
            let sim = &mut w[self.real..];
            if let Some(raw) = self.raw {
                let raw = b.acts.from(member, raw).chunks_exact(2);
                for (w, z) in sim.iter_mut().zip(raw) {
                    *w = log_ratio([z[0], z[1]]).exp().max(low).min(high);
                }
            }
            let mean = sim.iter().sum::<f32>() / self.sim.max(1) as f32;
            if self.normalise {
                sim.iter_mut().for_each(|w| *w /= mean);
            }
            stats[0] = mean;
        });
    }
}

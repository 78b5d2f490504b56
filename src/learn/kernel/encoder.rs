//! PAR's encoder of the dynamics: representations f(s) of mean magnitude 1, and how far what g says of the next one is
//! from it, ‖g(f(s),a) − f(s')‖²/width: a loss where the encoder learns, a penalty on the reward where it judges.

use super::cpu::each;
use crate::kernel::{Acts, OnHost, RowLayout, Slot, Stats, kernel};

/// Least mean magnitude by which a representation is divided.
pub(crate) const LEAST: f32 = 1e-8;

/// The mean magnitude of a representation.
fn magnitude(z: &[f32]) -> f32 {
    z.iter().map(|z| z.abs()).sum::<f32>() / z.len() as f32
}

/// Mean of (g − z/mean|z|)², and with it each difference.
fn distance(g: &[f32], z: &[f32], mut difference: impl FnMut(usize, f32)) -> f32 {
    let inverse = 1.0 / magnitude(z).max(LEAST);
    let mut sum = 0.0;
    for (k, (g, z)) in g.iter().zip(z).enumerate() {
        let off = g - z * inverse;
        difference(k, off);
        sum += off * off;
    }
    sum / g.len() as f32
}

kernel! {
    /// Writes z/mean|z| beside the actions of the rows, which g reads.
    pub struct Embed in "embed";
    fields {
        /// Rows.
        rows: usize,
        /// Length of a representation.
        width: usize,
        /// z, `[rows, width]`.
        z: Slot<Acts>,
        /// First of the rows in the buffer of actions, and floats from a row to the next there.
        actions: [usize; 2],
        /// A row of a batch.
        row: RowLayout,
    }
    each {}
    buffers EmbedBuffers {
        out {
            /// `[rows, width + A]`.
            embedded: Embedded,
        }
        in {
            /// z.
            acts: Acts,
            /// Actions.
            batch: Rows,
        }
    }
    threads |k| 32 * k.rows;
    floats |k| k.rows * (2 * k.width + 2 * k.row.act_dim);
}

impl Embed {
    fn twin(&self, b: EmbedBuffers<OnHost<'_>>) {
        let (width, act_dim, [first, ld]) = (self.width, self.row.act_dim, self.actions);
        each(self.members, |member| {
            let z = b.acts.at(member, self.z, self.rows * width);
            // SAFETY: members are disjoint.
            let to = unsafe { b.embedded.part(member, 0, self.rows * (width + act_dim)) };
            let rows = b.batch.of(member)[first * ld..].chunks_exact(ld);
            let each = to.chunks_exact_mut(width + act_dim).zip(rows);
            for ((to, row), z) in each.zip(z.chunks_exact(width)) {
                let inverse = 1.0 / magnitude(z).max(LEAST);
                let (e, a) = to.split_at_mut(width);
                e.iter_mut().zip(z).for_each(|(e, z)| *e = z * inverse);
                a.copy_from_slice(&row[self.row.action()..][..act_dim]);
            }
        });
    }
}

kernel! {
    /// Writes the gradient of z, given that of z/mean|z|.
    pub struct EmbedGrad in "embed_grad";
    fields {
        /// Rows.
        rows: usize,
        /// Length of a representation.
        width: usize,
        /// z, `[rows, width]`; its gradient goes to the same place among the deltas.
        z: Slot<Acts>,
        /// The gradient of z/mean|z|, `[rows, width]`, which lies among the deltas.
        d_unit: Slot<Acts>,
    }
    each {}
    buffers EmbedGradBuffers {
        out {
            /// Where the gradient goes.
            deltas: Deltas,
        }
        in {
            /// z.
            acts: Acts,
        }
    }
    threads |k| 32 * k.rows;
    floats |k| 3 * k.rows * k.width;
}

impl EmbedGrad {
    fn twin(&self, b: EmbedGradBuffers<OnHost<'_>>) {
        let (width, len) = (self.width, self.rows * self.width);
        each(self.members, |member| {
            let z = b.acts.at(member, self.z, len).chunks_exact(width);
            // SAFETY: members, and the places within a member, are disjoint.
            let (d_z, d_unit) = unsafe {
                (
                    b.deltas.at(member, self.z, len),
                    &*b.deltas.at(member, self.d_unit, len),
                )
            };
            let d_unit = d_unit.chunks_exact(width);
            for ((d_z, d), z) in d_z.chunks_exact_mut(width).zip(d_unit).zip(z) {
                let size = magnitude(z);
                let inverse = 1.0 / size.max(LEAST);
                let along: f32 = d.iter().zip(z).map(|(d, z)| d * z * inverse).sum();
                // Below the least magnitude the divisor is a constant.
                let shrink = if size > LEAST {
                    along / width as f32
                } else {
                    0.0
                };
                for ((d_z, d), z) in d_z.iter_mut().zip(d).zip(z) {
                    let sign = if *z == 0.0 { 0.0 } else { z.signum() };
                    *d_z = (d - sign * shrink) * inverse;
                }
            }
        });
    }
}

kernel! {
    /// Writes the gradient of the mean distance with respect to g, and its [`EncoderLoss::STATS`]; f(s') has none.
    pub struct EncoderLoss in "encoder_loss";
    fields {
        /// Rows.
        rows: usize,
        /// Length of a representation.
        width: usize,
        /// g(f(s), a), `[rows, width]`.
        g: Slot<Acts>,
        /// z of s', `[rows, width]`.
        next: Slot<Acts>,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {}
    buffers EncoderLossBuffers {
        out {
            /// Where the gradient goes.
            deltas: Deltas,
            /// The loss.
            stats: Stats,
        }
        in {
            /// g and z.
            acts: Acts,
        }
    }
    stats ["losses/encoder_loss"];
    threads |_| super::BLOCK;
    floats |k| 3 * k.rows * k.width;
}

impl EncoderLoss {
    fn twin(&self, b: EncoderLossBuffers<OnHost<'_>>) {
        let (width, len) = (self.width, self.rows * self.width);
        each(self.members, |member| {
            let [g, next] = [self.g, self.next].map(|at| b.acts.at(member, at, len));
            // SAFETY: members are disjoint.
            let (d_g, stats) = unsafe {
                (
                    b.deltas.at(member, self.g, len),
                    b.stats.at(member, self.stats_at, 1),
                )
            };
            let rows = g.chunks_exact(width).zip(next.chunks_exact(width));
            let far = rows
                .zip(d_g.chunks_exact_mut(width))
                .map(|((g, z), d_g)| distance(g, z, |k, off| d_g[k] = 2.0 * off / len as f32));
            stats[0] = far.sum::<f32>() / self.rows as f32;
        });
    }
}

kernel! {
    /// Takes β times the distance from the rewards of some rows of the batch, and writes its [`EncoderReward::STATS`].
    pub struct EncoderReward in "encoder_reward";
    fields {
        /// The rows of the batch.
        rows: std::ops::Range<usize>,
        /// Length of a representation.
        width: usize,
        /// g(f(s), a), `[rows, width]`.
        g: Slot<Acts>,
        /// z of s', `[rows, width]`.
        next: Slot<Acts>,
        /// A row of the batch.
        row: RowLayout,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// β.
        beta: f32,
    }
    buffers EncoderRewardBuffers {
        out {
            /// Rewards.
            batch: Rows,
            /// The mean of what was added.
            stats: Stats,
        }
        in {
            /// g and z.
            acts: Acts,
        }
    }
    stats ["losses/reward_correction"];
    threads |_| super::BLOCK;
    floats |k| k.rows.len() * (2 * k.width + 2);
}

impl EncoderReward {
    fn twin(&self, b: EncoderRewardBuffers<OnHost<'_>>) {
        let (width, floats, len) = (self.width, self.row.floats(), self.rows.len());
        each(self.members, |member| {
            let [g, next] = [self.g, self.next].map(|at| b.acts.at(member, at, len * width));
            // SAFETY: members are disjoint.
            let (batch, stats) = unsafe {
                (
                    b.batch.part(member, self.rows.start * floats, len * floats),
                    b.stats.at(member, self.stats_at, 1),
                )
            };
            let rows = g.chunks_exact(width).zip(next.chunks_exact(width));
            let beta = self.beta.of(member);
            let mut sum = 0.0;
            for ((g, z), row) in rows.zip(batch.chunks_exact_mut(floats)) {
                let correction = -beta * distance(g, z, |_, _| {});
                row[self.row.reward()] += correction;
                sum += correction;
            }
            stats[0] = sum / len as f32;
        });
    }
}

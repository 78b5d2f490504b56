//! Behaviour cloning beside SAC's loss of the policy: λ·mean(α log π − min Q) + mean (a' − a)², λ = w/mean|min Q| without
//! a gradient, a' a fresh sample of the policy at the data's states.

use super::cpu::each;
use super::head::LOG_STD;
use crate::kernel::{Acts, OnHost, RowLayout, Slot, Stats, Theta, kernel};

kernel! {
    /// Multiplies SAC's gradient of the raw outputs, m and o, which [`SampleGrad`](super::head::SampleGrad) has written, by
    /// λ, adds the cloning's, and writes its [`CloneGrad::STATS`].
    pub struct CloneGrad in "clone_grad";
    fields {
        /// Rows on which SAC's loss is taken.
        rows: usize,
        /// Rows of the data: the first ones.
        real: usize,
        /// Q1 and Q2 at the actions of SAC's loss, `[rows]` each.
        q: [Slot<Acts>; 2],
        /// Raw outputs, `[rows, 2A]`.
        raw: Slot<Acts>,
        /// m; o follows it.
        affine: Slot<Theta>,
        /// A row of the batch.
        row: RowLayout,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// w.
        weight: f32,
    }
    buffers CloneGradBuffers {
        out {
            /// Gradient of the raw outputs.
            deltas: Deltas,
            /// That of m and o.
            grad: Grad,
            /// Losses and means.
            stats: Stats,
        }
        in {
            /// Q and raw outputs.
            acts: Acts,
            /// Parameters.
            theta: Theta,
            /// ε of the samples, `[real, A]`.
            noise: Normals,
            /// The data's actions.
            batch: Rows,
        }
    }
    stats ["losses/bc_loss", "losses/bc_lambda"];
    threads |_| super::BLOCK;
    floats |k| k.rows * (2 + 4 * k.row.act_dim) + 4 * k.real * k.row.act_dim;
}

impl CloneGrad {
    fn twin(&self, b: CloneGradBuffers<OnHost<'_>>) {
        let (rows, a_dim) = (self.rows, self.row.act_dim);
        let pair = 2 * a_dim;
        each(self.members, |member| {
            let q = self.q.map(|q| b.acts.at(member, q, rows));
            let size: f32 = (0..rows).map(|n| q[0][n].min(q[1][n]).abs()).sum();
            let lambda = self.weight.of(member) * rows as f32 / size;
            let affine = b.theta.at(member, self.affine, 2);
            let raw = b.acts.at(member, self.raw, rows * pair);
            // SAFETY: members are disjoint.
            let (d_raw, d_affine, stats) = unsafe {
                (
                    b.deltas.at(member, self.raw, rows * pair),
                    b.grad.at(member, self.affine, 2),
                    b.stats.at(member, self.stats_at, Self::STATS.len()),
                )
            };
            d_raw.iter_mut().for_each(|d| *d *= lambda);
            d_affine.iter_mut().for_each(|d| *d *= lambda);
            let inverse = 1.0 / (self.real * a_dim) as f32;
            let (mut loss, mut sums) = (0.0, [0.0; 2]);
            let data = b.batch.of(member).chunks_exact(self.row.floats());
            let noise = b.noise.of(member).chunks_exact(a_dim);
            let rows = raw.chunks_exact(pair).zip(d_raw.chunks_exact_mut(pair));
            for (((raw, d_raw), row), eps) in rows.zip(data).zip(noise).take(self.real) {
                let ((mean, rho), (d_mean, d_rho)) =
                    (raw.split_at(a_dim), d_raw.split_at_mut(a_dim));
                for (j, a) in row[self.row.action()..][..a_dim].iter().enumerate() {
                    let free = affine[0] * rho[j] + affine[1];
                    let spread = free.clamp(LOG_STD[0], LOG_STD[1]).exp() * eps[j];
                    let sampled = (mean[j] + spread).tanh();
                    let off = sampled - a;
                    loss += off * off * inverse;
                    let du = 2.0 * off * inverse * (1.0 - sampled * sampled);
                    let inside = (LOG_STD[0]..=LOG_STD[1]).contains(&free);
                    let d_log_std = if inside { du * spread } else { 0.0 };
                    d_mean[j] += du;
                    d_rho[j] += affine[0] * d_log_std;
                    sums[0] += d_log_std * rho[j];
                    sums[1] += d_log_std;
                }
            }
            d_affine.iter_mut().zip(sums).for_each(|(d, sum)| *d += sum);
            stats.copy_from_slice(&[loss, lambda]);
        });
    }
}

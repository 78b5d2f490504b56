//! The tanh-Gaussian head: actions and their log-probability from the policy's raw outputs, and back.
//!
//! raw = (mean, ρ); log σ = clip(m·ρ + o, −20, 2); u = mean + σ·ε; a = tanh(u);
//! log π(a) = Σ −ε²/2 − log σ − ½ log 2π − 2(log 2 − u − softplus(−2u)).

use super::cpu::{TILE, blocks, each, tile_sums};
use crate::kernel::{Acts, OnHost, RowLayout, Slot, Theta, kernel};

/// Bounds of log σ.
pub const LOG_STD: [f32; 2] = [-20.0, 2.0];
/// ½ log 2π.
pub(crate) const HALF_LOG_TAU: f32 = 0.918_938_5;

/// log(1 + e^x) without overflow.
pub(crate) fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

kernel! {
    /// Writes fresh actions beside a copy of their states, so that the critics read one matrix, and log π.
    pub struct Sample in "sample";
    fields {
        /// Rows. Row i takes batch row i mod `batch`.
        rows: usize,
        /// Rows of a member's batch.
        batch: usize,
        /// Raw outputs `[batch, 2A]` at the states, and at the next states of rows from `batch` on.
        raw: [Slot<Acts>; 2],
        /// m; o follows it.
        affine: Slot<Theta>,
        /// A row of the batch.
        row: RowLayout,
    }
    each {}
    buffers SampleBuffers {
        out {
            /// `[rows, S + A]`.
            fresh: StateActions,
            /// `[rows]`.
            log_pi: LogPi,
        }
        in {
            /// Raw outputs.
            acts: Acts,
            /// Parameters.
            theta: Theta,
            /// ε, `[rows, A]`.
            noise: Normals,
            /// States.
            batch_rows: Rows,
        }
    }
    threads |k| 32 * k.rows;
    floats |k| k.rows * (4 * k.row.act_dim + 2 * k.row.obs_dim + 1);
}

impl Sample {
    fn twin(&self, b: SampleBuffers<OnHost<'_>>) {
        let (obs_dim, act_dim) = (self.row.obs_dim, self.row.act_dim);
        let (width, columns) = (obs_dim + act_dim, [self.row.obs(), self.row.next_obs()]);
        let tiles: Vec<_> = blocks(self.rows, TILE).collect();
        each(self.members * tiles.len(), |task| {
            let (member, tile) = (task % self.members, &tiles[task / self.members]);
            let affine = b.theta.at(member, self.affine, 2);
            // SAFETY: row blocks are disjoint.
            let (fresh, log_pi) = unsafe {
                (
                    b.fresh.part(member, tile.start * width, tile.len() * width),
                    b.log_pi.part(member, tile.start, tile.len()),
                )
            };
            for ((n, to), log_pi) in tile.clone().zip(fresh.chunks_exact_mut(width)).zip(log_pi) {
                let (row, part) = (n % self.batch, n / self.batch);
                let state = &b.batch_rows.of(member)[row * self.row.floats() + columns[part]..];
                let (s, a) = to.split_at_mut(obs_dim);
                s.copy_from_slice(&state[..obs_dim]);
                let raw = self.raw[part].row(row, 2 * act_dim);
                let raw = b.acts.at(member, raw, 2 * act_dim);
                let eps = &b.noise.of(member)[act_dim * n..][..act_dim];
                *log_pi = sample_row(a, raw, affine, eps);
            }
        });
    }
}

/// Writes the action of one row and returns its log-probability.
pub(crate) fn sample_row(action: &mut [f32], raw: &[f32], affine: &[f32], eps: &[f32]) -> f32 {
    let (mean, rho) = raw.split_at(action.len());
    let mut log_pi = 0.0;
    for (j, a) in action.iter_mut().enumerate() {
        let log_std = (affine[0] * rho[j] + affine[1]).clamp(LOG_STD[0], LOG_STD[1]);
        let u = mean[j] + log_std.exp() * eps[j];
        *a = u.tanh();
        log_pi += -0.5 * eps[j] * eps[j] - log_std - HALF_LOG_TAU;
        log_pi -= 2.0 * (std::f32::consts::LN_2 - u - softplus(-2.0 * u));
    }
    log_pi
}

kernel! {
    /// Writes the gradient of mean(α log π − min Q) with respect to the raw outputs, m and o, given ∂/∂a of the critics'
    /// part.
    pub struct SampleGrad in "sample_grad";
    fields {
        /// Rows.
        rows: usize,
        /// Length of an action, A.
        act_dim: usize,
        /// Raw outputs, `[rows, 2A]`.
        raw: Slot<Acts>,
        /// ∂/∂a `[rows, A]` of either critic, which lie among the deltas; their sum counts.
        d_action: [Slot<Acts>; 2],
        /// m; o follows it.
        affine: Slot<Theta>,
        /// log α.
        log_alpha: Slot<Theta>,
    }
    each {}
    buffers SampleGradBuffers {
        out {
            /// Where the gradient of the raw outputs goes.
            deltas: Deltas,
            /// Where that of m and o goes.
            grad: Grad,
        }
        in {
            /// Raw outputs.
            acts: Acts,
            /// Parameters.
            theta: Theta,
            /// ε, of which the first rows are these rows'.
            noise: Normals,
        }
    }
    threads |_| super::BLOCK;
    floats |k| 7 * k.rows * k.act_dim;
}

impl SampleGrad {
    fn twin(&self, b: SampleGradBuffers<OnHost<'_>>) {
        let a_dim = self.act_dim;
        let sums = tile_sums(self.members, self.rows, |member, tile| {
            let affine = b.theta.at(member, self.affine, 2);
            let (m, o) = (affine[0], affine[1]);
            let weight = b.theta.from(member, self.log_alpha)[0].exp() / self.rows as f32;
            let (len, pair) = (tile.len() * a_dim, 2 * a_dim);
            let raw_at = self.raw.row(tile.start, pair);
            let raw = b.acts.at(member, raw_at, 2 * len);
            let noise = &b.noise.of(member)[tile.start * a_dim..][..len];
            // SAFETY: members, tiles, and the places within a member are disjoint.
            let ([d1, d2], d_raw) = unsafe {
                let d_action = self.d_action.map(|at| at.row(tile.start, a_dim));
                let d_action = d_action.map(|at| &*b.deltas.at(member, at, len));
                (d_action, b.deltas.at(member, raw_at, 2 * len))
            };
            let mut d_affine = [0.0; 2];
            for n in 0..tile.len() {
                let (mean, rho) = raw[pair * n..][..pair].split_at(a_dim);
                let (d_mean, d_rho) = d_raw[pair * n..][..pair].split_at_mut(a_dim);
                for j in 0..a_dim {
                    let at = n * a_dim + j;
                    let free = m * rho[j] + o;
                    let log_std = free.clamp(LOG_STD[0], LOG_STD[1]);
                    let spread = log_std.exp() * noise[at];
                    let a = (mean[j] + spread).tanh();
                    // ∂ log π/∂u = 2 tanh(u); ε is held, so its square has no gradient.
                    let du = (d1[at] + d2[at]) * (1.0 - a * a) + weight * 2.0 * a;
                    let inside = (LOG_STD[0]..=LOG_STD[1]).contains(&free);
                    let d_log_std = if inside { du * spread - weight } else { 0.0 };
                    d_mean[j] = du;
                    d_rho[j] = m * d_log_std;
                    d_affine[0] += d_log_std * rho[j];
                    d_affine[1] += d_log_std;
                }
            }
            d_affine
        });
        for (member, sums) in sums.iter().enumerate() {
            // SAFETY: nobody else writes.
            let grad = unsafe { b.grad.at(member, self.affine, sums.len()) };
            grad.copy_from_slice(sums);
        }
    }
}

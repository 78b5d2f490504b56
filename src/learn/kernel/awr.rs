//! Advantage-weighted regression of a policy, IQL's rule and that of H2O+'s warm start:
//! −mean min(exp(β(min Q − V)), clip)·log π(a|s) at the data's actions.

use super::LogStd;
use super::cpu::each;
use super::head::{HALF_LOG_TAU, LOG_STD, softplus};
use crate::kernel::{Acts, OnHost, RowLayout, Slot, Stats, kernel};

/// Actions are held this far inside ±1 before their inverse tanh is taken.
const EDGE: f32 = 1e-6;

kernel! {
    /// Writes the gradients of the policy's raw outputs and of its own parameters, and its [`AwrLoss::STATS`].
    pub struct AwrLoss in "awr_loss";
    fields {
        /// Rows, the first of the batch.
        rows: usize,
        /// Which policy: its network's outputs and its own parameters.
        spread: LogStd,
        /// The network's outputs, `[rows, 2A]` or `[rows, A]`.
        raw: Slot<Acts>,
        /// Q1 and Q2 at the data's actions, `[rows]` each.
        q: [Slot<Acts>; 2],
        /// V at the states, `[rows]`.
        v: Slot<Acts>,
        /// A row of the batch.
        row: RowLayout,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// β of the weights.
        beta: f32,
        /// Largest weight.
        clip: f32,
    }
    buffers AwrLossBuffers {
        out {
            /// Where the gradient of the raw outputs goes.
            act_grads: Deltas,
            /// Where that of the policy's own parameters goes.
            grad: Grad,
            /// The loss.
            stats: Stats,
        }
        in {
            /// Raw outputs, Q and V.
            acts: Acts,
            /// Parameters.
            theta: Theta,
            /// The data's actions.
            batch: Rows,
        }
    }
    stats ["losses/actor_loss"];
    threads |k| super::BLOCK * if k.spread.constant() { k.row.act_dim } else { 1 };
    floats |k| k.rows * (2 * k.spread.outputs(k.row.act_dim) + k.row.act_dim + 3);
}

impl AwrLoss {
    fn twin(&self, b: AwrLossBuffers<OnHost<'_>>) {
        let (rows, act_dim) = (self.rows, self.row.act_dim);
        let width = self.spread.outputs(act_dim);
        let (own_at, own) = (self.spread.own(), self.spread.own_len(act_dim));
        each(self.members, |member| {
            let (beta, clip) = (self.beta.of(member), self.clip.of(member));
            let raw = b.acts.at(member, self.raw, rows * width);
            let q = self.q.map(|q| b.acts.at(member, q, rows));
            let v = b.acts.at(member, self.v, rows);
            // SAFETY: members are disjoint.
            let (d_raw, d_own, stats) = unsafe {
                (
                    b.act_grads.at(member, self.raw, rows * width),
                    b.grad.at(member, own_at, own),
                    b.stats.at(member, self.stats_at, 1),
                )
            };
            d_own.fill(0.0);
            let batch = b.batch.of(member).chunks_exact(self.row.floats());
            let each = d_raw.chunks_exact_mut(width).zip(raw.chunks_exact(width));
            let each = each.zip(batch).enumerate();
            let each = each.map(|(n, ((d_raw, raw), row))| {
                let advantage = q[0][n].min(q[1][n]) - v[n];
                Row {
                    // An overflow is clipped too.
                    weight: (beta * advantage).exp().min(clip) / rows as f32,
                    raw,
                    action: &row[self.row.action()..][..act_dim],
                    d_raw,
                }
            });
            let own = b.theta.at(member, own_at, own);
            stats[0] = match self.spread {
                LogStd::PerState(_) => affine(own, d_own, each),
                LogStd::Free(_) => constant(own, d_own, each),
            };
        });
    }
}

/// One row: its weight, already divided by the rows.
struct Row<'a> {
    weight: f32,
    raw: &'a [f32],
    action: &'a [f32],
    d_raw: &'a mut [f32],
}

fn inside(free: f32) -> bool {
    (LOG_STD[0]..=LOG_STD[1]).contains(&free)
}

/// The tanh-Gaussian's loss; `own` is m, o.
fn affine<'a>(own: &[f32], d_own: &mut [f32], rows: impl Iterator<Item = Row<'a>>) -> f32 {
    let mut loss = 0.0;
    for row in rows {
        let ((mean, rho), weight) = (row.raw.split_at(row.action.len()), row.weight);
        let (d_mean, d_rho) = row.d_raw.split_at_mut(row.action.len());
        for (j, a) in row.action.iter().enumerate() {
            let u = a.clamp(EDGE - 1.0, 1.0 - EDGE).atanh();
            let free = own[0] * rho[j] + own[1];
            let log_std = free.clamp(LOG_STD[0], LOG_STD[1]);
            let precision = (-2.0 * log_std).exp();
            let off = u - mean[j];
            let square = off * off * precision;
            let log_pi = -0.5 * square
                - log_std
                - HALF_LOG_TAU
                - 2.0 * (std::f32::consts::LN_2 - u - softplus(-2.0 * u));
            loss -= weight * log_pi;
            let d_log_std = if inside(free) {
                -weight * (square - 1.0)
            } else {
                0.0
            };
            d_mean[j] = -weight * off * precision;
            d_rho[j] = own[0] * d_log_std;
            d_own[0] += d_log_std * rho[j];
            d_own[1] += d_log_std;
        }
    }
    loss
}

/// The clipped Gaussian's loss; `own` is log σ.
fn constant<'a>(own: &[f32], d_own: &mut [f32], rows: impl Iterator<Item = Row<'a>>) -> f32 {
    let clipped = |free: &f32| free.clamp(LOG_STD[0], LOG_STD[1]);
    let log_std: Vec<f32> = own.iter().map(clipped).collect();
    let precision: Vec<f32> = log_std.iter().map(|l| (-2.0 * l).exp()).collect();
    let mut loss = 0.0;
    for row in rows {
        for (j, a) in row.action.iter().enumerate() {
            let mean = row.raw[j].tanh();
            let off = a - mean;
            let square = off * off * precision[j];
            loss += row.weight * (0.5 * square + log_std[j] + HALF_LOG_TAU);
            row.d_raw[j] = -row.weight * off * precision[j] * (1.0 - mean * mean);
            if inside(own[j]) {
                d_own[j] -= row.weight * (square - 1.0);
            }
        }
    }
    loss
}

//! Advantage-weighted regression of the tanh-Gaussian policy, its rule in H2O+'s warm start:
//! −mean min(exp(β(min Q − V)), clip)·log π(a|s) at the data's actions.

use super::head::{HALF_LOG_TAU, Head, LOG_STD, softplus};
use super::{PerMember, Shared, each};
use crate::nn::cuda::{Program, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

/// Actions are held this far inside ±1 before their inverse tanh is taken.
const EDGE: f32 = 1e-6;

/// min(exp(β·advantage), clip); an overflow is clipped too.
pub(crate) fn weight(advantage: f32, beta: f32, clip: f32) -> f32 {
    (beta * advantage).exp().min(clip)
}

/// Kernel: outputs `[d raw in the deltas, gradient, stats]`, inputs `[activations, parameters, batch]`.
#[derive(Clone, Debug)]
pub struct AwrLoss {
    /// The policy's head (its noise is not read).
    pub head: Head,
    /// Offsets of Q1 and Q2 at the data's actions, `[rows]` each.
    pub q: [usize; 2],
    /// Offset of V at the states, `[rows]`.
    pub v: usize,
    /// Rows of a member's batch, of which the first `head.rows` count.
    pub batch: usize,
    /// Length of a batch row, and the column of the action.
    pub row: [usize; 2],
    /// β of the weights.
    pub beta: PerMember<f32>,
    /// Largest weight.
    pub clip: PerMember<f32>,
    /// Where this loss's [`AwrLoss::STATS`] begin, and floats a member.
    pub stats: [usize; 2],
}

impl AwrLoss {
    /// What it reports.
    pub const STATS: [&'static str; 1] = ["losses/actor_loss"];
}

arguments! { "awr_loss",
    struct AwrLossArgs {
        rows: u32, act_dim: u32, raw: u32, stride: u32, affine: u32, param_stride: u32, q: [u32; 2], v: u32,
        batch: u32, row: [u32; 2], stats: [u32; 2],
    }
}

impl Kernel<3, 3> for AwrLoss {
    const NAME: &'static str = "awr_loss";

    fn cost(&self) -> Cost {
        let h = &self.head;
        Cost {
            flops: 0,
            bytes: (4 * h.members * h.rows * (5 * h.act_dim + 3)) as u64,
        }
    }

    fn cpu(&self, [delta, grad, stats]: [&mut [f32]; 3], [out, parameters, batch]: [&[f32]; 3]) {
        let h = self.head;
        let a_dim = h.act_dim;
        let (delta, grad, stats) = (Shared::new(delta), Shared::new(grad), Shared::new(stats));
        each(h.members, |member| {
            let out = &out[member * h.raw_stride..][..h.raw_stride];
            let p = &parameters[member * h.param_stride..][..h.param_stride];
            let (m, o) = (p[h.affine], p[h.affine + 1]);
            let (beta, clip) = (self.beta.of(member), self.clip.of(member));
            // SAFETY: members are disjoint.
            let (d_raw, d_affine, stats) = unsafe {
                (
                    delta.at(member * h.raw_stride + h.raw, h.rows * 2 * a_dim),
                    grad.at(member * h.param_stride + h.affine, 2),
                    stats.at(member * self.stats[1] + self.stats[0], Self::STATS.len()),
                )
            };
            d_affine.fill(0.0);
            let mut loss = 0.0;
            for n in 0..h.rows {
                let advantage = out[self.q[0] + n].min(out[self.q[1] + n]) - out[self.v + n];
                let weight = weight(advantage, beta, clip) / h.rows as f32;
                let raw = &out[h.raw + 2 * a_dim * n..][..2 * a_dim];
                let action =
                    &batch[(member * self.batch + n) * self.row[0] + self.row[1]..][..a_dim];
                for (j, a) in action.iter().enumerate() {
                    let (mean, rho) = (raw[j], raw[a_dim + j]);
                    let u = a.clamp(EDGE - 1.0, 1.0 - EDGE).atanh();
                    let free = m * rho + o;
                    let log_std = free.clamp(LOG_STD[0], LOG_STD[1]);
                    let precision = (-2.0 * log_std).exp();
                    let off = u - mean;
                    let square = off * off * precision;
                    let log_pi = -0.5 * square
                        - log_std
                        - HALF_LOG_TAU
                        - 2.0 * (std::f32::consts::LN_2 - u - softplus(-2.0 * u));
                    loss -= weight * log_pi;
                    let inside = (LOG_STD[0]..=LOG_STD[1]).contains(&free);
                    let d_log_std = if inside {
                        -weight * (square - 1.0)
                    } else {
                        0.0
                    };
                    d_raw[2 * a_dim * n + j] = -weight * off * precision;
                    d_raw[2 * a_dim * n + a_dim + j] = m * d_log_std;
                    d_affine[0] += d_log_std * rho;
                    d_affine[1] += d_log_std;
                }
            }
            stats[0] = loss;
        });
    }

    fn cuda(&self) -> Option<Program> {
        let h = &self.head;
        let args = AwrLossArgs {
            rows: word(h.rows),
            act_dim: word(h.act_dim),
            raw: word(h.raw),
            stride: word(h.raw_stride),
            affine: word(h.affine),
            param_stride: word(h.param_stride),
            q: self.q.map(word),
            v: word(self.v),
            batch: word(self.batch),
            row: self.row.map(word),
            stats: self.stats.map(word),
        };
        let tail = per_member(h.members, |m| [self.beta.of(m), self.clip.of(m)]);
        Some(Program::run(&args, &tail, [h.members, 1, 1]))
    }
}

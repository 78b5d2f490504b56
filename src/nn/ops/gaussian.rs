//! The policy of IQL: a Gaussian around tanh(raw) whose log-std is learned and the same in every state, without a
//! correction for the tanh; acting, its sample is clipped to ±1.

use super::awr::weight;
use super::head::{HALF_LOG_TAU, LOG_STD};
use super::{PerMember, Shared, each};
use crate::nn::cuda::{Program, THREADS, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

/// Writes the action of one row: clip(tanh(raw) + σ·ε, −1, 1).
pub(crate) fn sample_row(action: &mut [f32], raw: &[f32], log_std: &[f32], eps: &[f32]) {
    for (j, a) in action.iter_mut().enumerate() {
        let std = log_std[j].clamp(LOG_STD[0], LOG_STD[1]).exp();
        *a = (raw[j].tanh() + std * eps[j]).clamp(-1.0, 1.0);
    }
}

/// Where this policy's numbers lie; offsets within a member.
#[derive(Clone, Copy, Debug)]
pub struct Gaussian {
    /// Members.
    pub members: usize,
    /// Rows.
    pub rows: usize,
    /// Length of an action, A.
    pub act_dim: usize,
    /// Raw outputs `[rows, A]` in the activations.
    pub raw: usize,
    /// Floats a member of the activations.
    pub raw_stride: usize,
    /// Offset of log σ, `[A]`, in the parameters.
    pub log_std: usize,
    /// Floats a member of the parameters.
    pub param_stride: usize,
}

/// Kernel: outputs `[actions [members, rows, A]]`, inputs `[activations, parameters, noise [members, rows, A]]`.
#[derive(Clone, Copy, Debug)]
pub struct GaussianSample(pub Gaussian);

arguments! { "gaussian_sample",
    struct GaussianSampleArgs {
        len: u32, act_dim: u32, raw: u32, raw_stride: u32, log_std: u32, param_stride: u32,
    }
}

impl Kernel<1, 3> for GaussianSample {
    const NAME: &'static str = "gaussian_sample";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * 3 * self.0.members * self.0.rows * self.0.act_dim) as u64,
        }
    }

    fn cpu(&self, [actions]: [&mut [f32]; 1], [raw, parameters, noise]: [&[f32]; 3]) {
        let g = self.0;
        for (n, action) in actions.chunks_exact_mut(g.act_dim).enumerate() {
            let (member, row) = (n / g.rows, n % g.rows);
            let raw = &raw[member * g.raw_stride + g.raw + row * g.act_dim..][..g.act_dim];
            let log_std = &parameters[member * g.param_stride + g.log_std..][..g.act_dim];
            sample_row(action, raw, log_std, &noise[n * g.act_dim..]);
        }
    }

    fn cuda(&self) -> Option<Program> {
        let g = &self.0;
        let len = g.rows * g.act_dim;
        let args = GaussianSampleArgs {
            len: word(len),
            act_dim: word(g.act_dim),
            raw: word(g.raw),
            raw_stride: word(g.raw_stride),
            log_std: word(g.log_std),
            param_stride: word(g.param_stride),
        };
        let blocks = len.div_ceil(THREADS as usize);
        Some(Program::run(&args, &[], [blocks, g.members, 1]))
    }
}

/// Advantage-weighted regression of this policy: −mean min(exp(β(min Q − V)), clip)·log π(a|s) at the data's actions.
///
/// Kernel: outputs `[d raw in the deltas, gradient, stats]`, inputs `[activations, parameters, batch]`.
#[derive(Clone, Debug)]
pub struct GaussianAwr {
    /// The policy.
    pub policy: Gaussian,
    /// Offsets of Q1 and Q2 at the data's actions, `[rows]` each.
    pub q: [usize; 2],
    /// Offset of V at the states, `[rows]`.
    pub v: usize,
    /// Rows of a member's batch, of which the first `policy.rows` count.
    pub batch: usize,
    /// Length of a batch row, and the column of the action.
    pub row: [usize; 2],
    /// β of the weights.
    pub beta: PerMember<f32>,
    /// Largest weight.
    pub clip: PerMember<f32>,
    /// Where this loss's number (that of [`AwrLoss::STATS`](super::awr::AwrLoss::STATS)) goes, and floats a member.
    pub stats: [usize; 2],
}

arguments! { "gaussian_awr",
    struct GaussianAwrArgs {
        rows: u32, act_dim: u32, raw: u32, raw_stride: u32, log_std: u32, param_stride: u32, q: [u32; 2], v: u32,
        batch: u32, row: [u32; 2], stats: [u32; 2],
    }
}

impl Kernel<3, 3> for GaussianAwr {
    const NAME: &'static str = "gaussian_awr";

    fn cost(&self) -> Cost {
        let g = &self.policy;
        Cost {
            flops: 0,
            bytes: (4 * g.members * g.rows * (3 * g.act_dim + 3)) as u64,
        }
    }

    fn cpu(&self, [delta, grad, stats]: [&mut [f32]; 3], [out, parameters, batch]: [&[f32]; 3]) {
        let g = self.policy;
        let a_dim = g.act_dim;
        let (delta, grad, stats) = (Shared::new(delta), Shared::new(grad), Shared::new(stats));
        each(g.members, |member| {
            let out = &out[member * g.raw_stride..][..g.raw_stride];
            let (beta, clip) = (self.beta.of(member), self.clip.of(member));
            let free = &parameters[member * g.param_stride + g.log_std..][..a_dim];
            // SAFETY: members are disjoint.
            let (d_raw, d_log_std, stats) = unsafe {
                (
                    delta.at(member * g.raw_stride + g.raw, g.rows * a_dim),
                    grad.at(member * g.param_stride + g.log_std, a_dim),
                    stats.at(member * self.stats[1] + self.stats[0], 1),
                )
            };
            d_log_std.fill(0.0);
            let clipped = |f: &f32| f.clamp(LOG_STD[0], LOG_STD[1]);
            let log_std: Vec<f32> = free.iter().map(clipped).collect();
            let precision: Vec<f32> = log_std.iter().map(|l| (-2.0 * l).exp()).collect();
            let mut loss = 0.0;
            for n in 0..g.rows {
                let advantage = out[self.q[0] + n].min(out[self.q[1] + n]) - out[self.v + n];
                let weight = weight(advantage, beta, clip) / g.rows as f32;
                let raw = &out[g.raw + a_dim * n..][..a_dim];
                let action =
                    &batch[(member * self.batch + n) * self.row[0] + self.row[1]..][..a_dim];
                for j in 0..a_dim {
                    let mean = raw[j].tanh();
                    let off = action[j] - mean;
                    let square = off * off * precision[j];
                    loss += weight * (0.5 * square + log_std[j] + HALF_LOG_TAU);
                    d_raw[a_dim * n + j] = -weight * off * precision[j] * (1.0 - mean * mean);
                    if (LOG_STD[0]..=LOG_STD[1]).contains(&free[j]) {
                        d_log_std[j] -= weight * (square - 1.0);
                    }
                }
            }
            stats[0] = loss;
        });
    }

    fn cuda(&self) -> Option<Program> {
        let g = &self.policy;
        let args = GaussianAwrArgs {
            rows: word(g.rows),
            act_dim: word(g.act_dim),
            raw: word(g.raw),
            raw_stride: word(g.raw_stride),
            log_std: word(g.log_std),
            param_stride: word(g.param_stride),
            q: self.q.map(word),
            v: word(self.v),
            batch: word(self.batch),
            row: self.row.map(word),
            stats: self.stats.map(word),
        };
        let tail = per_member(g.members, |m| [self.beta.of(m), self.clip.of(m)]);
        Some(Program::run(&args, &tail, [g.act_dim, g.members, 1]))
    }
}

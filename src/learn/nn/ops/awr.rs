//! Advantage-weighted regression of a policy, IQL's rule and that of H2O+'s warm start:
//! −mean min(exp(β(min Q − V)), clip)·log π(a|s) at the data's actions.

use super::head::{HALF_LOG_TAU, LOG_STD, softplus};
use super::{PerMember, Shared, Spread, each};
use crate::nn::cuda::{Program, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

/// Actions are held this far inside ±1 before their inverse tanh is taken.
const EDGE: f32 = 1e-6;

/// Kernel: outputs `[d raw in the deltas, gradient of the spread's parameters, stats]`, inputs
/// `[activations, parameters, batch]`.
#[derive(Clone, Debug)]
pub struct AwrLoss {
    /// Members.
    pub members: usize,
    /// Rows.
    pub rows: usize,
    /// Length of an action, A.
    pub act_dim: usize,
    /// Which policy: its network's outputs and its own parameters.
    pub spread: Spread,
    /// The network's outputs `[rows, 2A]` or `[rows, A]` in the activations.
    pub raw: usize,
    /// Offsets of Q1 and Q2 at the data's actions, `[rows]` each.
    pub q: [usize; 2],
    /// Offset of V at the states, `[rows]`.
    pub v: usize,
    /// Floats a member of the activations.
    pub stride: usize,
    /// Floats a member of the parameters.
    pub param_stride: usize,
    /// Rows of a member's batch, of which the first `rows` count.
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
        rows: u32, act_dim: u32, constant: u32, own: u32, raw: u32, q: [u32; 2], v: u32, stride: u32,
        param_stride: u32, batch: u32, row: [u32; 2], stats: [u32; 2],
    }
}

impl Kernel<3, 3> for AwrLoss {
    const NAME: &'static str = "awr_loss";

    fn cost(&self) -> Cost {
        let row = 2 * self.spread.outputs(self.act_dim) + self.act_dim + 3;
        Cost {
            flops: 0,
            bytes: (4 * self.members * self.rows * row) as u64,
        }
    }

    fn cpu(&self, [delta, grad, stats]: [&mut [f32]; 3], [out, parameters, batch]: [&[f32]; 3]) {
        let width = self.spread.outputs(self.act_dim);
        let own = self.spread.own(self.act_dim);
        let (delta, grad, stats) = (Shared::new(delta), Shared::new(grad), Shared::new(stats));
        each(self.members, |member| {
            let out = &out[member * self.stride..][..self.stride];
            let (beta, clip) = (self.beta.of(member), self.clip.of(member));
            let at = member * self.param_stride + own.start;
            // SAFETY: members are disjoint.
            let (d_raw, d_own, stats) = unsafe {
                (
                    delta.at(member * self.stride + self.raw, self.rows * width),
                    grad.at(at, own.len()),
                    stats.at(member * self.stats[1] + self.stats[0], 1),
                )
            };
            d_own.fill(0.0);
            let rows = d_raw.chunks_exact_mut(width).enumerate().map(|(n, d_raw)| {
                let advantage = out[self.q[0] + n].min(out[self.q[1] + n]) - out[self.v + n];
                let action = (member * self.batch + n) * self.row[0] + self.row[1];
                Row {
                    // An overflow is clipped too.
                    weight: (beta * advantage).exp().min(clip) / self.rows as f32,
                    raw: &out[self.raw + width * n..][..width],
                    action: &batch[action..][..self.act_dim],
                    d_raw,
                }
            });
            let own = &parameters[at..][..own.len()];
            stats[0] = match self.spread {
                Spread::Affine(_) => affine(own, d_own, rows),
                Spread::Constant(_) => constant(own, d_own, rows),
            };
        });
    }

    fn cuda(&self) -> Program {
        let own = self.spread.own(self.act_dim);
        let constant = matches!(self.spread, Spread::Constant(_));
        let args = AwrLossArgs {
            rows: word(self.rows),
            act_dim: word(self.act_dim),
            constant: u32::from(constant),
            own: word(own.start),
            raw: word(self.raw),
            q: self.q.map(word),
            v: word(self.v),
            stride: word(self.stride),
            param_stride: word(self.param_stride),
            batch: word(self.batch),
            row: self.row.map(word),
            stats: self.stats.map(word),
        };
        let tail = per_member(self.members, |m| [self.beta.of(m), self.clip.of(m)]);
        let blocks = if constant { self.act_dim } else { 1 };
        Program::run(&args, &tail, [blocks, self.members, 1])
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

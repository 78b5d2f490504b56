//! The policy's side of the critics, and the temperature: mean(β log π − min Q), −log β·mean(log π + H̄).

use super::{PerMember, Shared, each, mean};
use crate::nn::cuda::{Program, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

/// Kernel: outputs `[dQ in the deltas, gradient, stats]`, inputs `[activations, log π, parameters]`.
#[derive(Clone, Debug)]
pub struct ActorLoss {
    /// Members.
    pub members: usize,
    /// Rows with fresh actions.
    pub rows: usize,
    /// Offsets of Q1 and Q2 at the fresh actions, `[rows]` each.
    pub q: [usize; 2],
    /// Floats a member of the activations.
    pub stride: usize,
    /// Floats a member of `log π`, of which the first `rows` are these rows'.
    pub log_pi_stride: usize,
    /// Offset of log β in the parameters.
    pub log_alpha: usize,
    /// Floats a member of the parameters.
    pub param_stride: usize,
    /// H̄, the target entropy.
    pub target_entropy: PerMember<f32>,
    /// Where this loss's [`ActorLoss::STATS`] begin, and floats a member.
    pub stats: [usize; 2],
}

impl ActorLoss {
    /// What it reports.
    pub const STATS: [&'static str; 4] = [
        "losses/actor_loss",
        "losses/alpha_loss",
        "losses/alpha",
        "losses/log_pi",
    ];
}

arguments! { "actor_loss",
    struct ActorLossArgs {
        rows: u32, q: [u32; 2], stride: u32, log_pi_stride: u32, log_alpha: u32, param_stride: u32, stats: [u32; 2],
    }
}

impl Kernel<3, 3> for ActorLoss {
    const NAME: &'static str = "actor_loss";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.members * self.rows * 5) as u64,
        }
    }

    fn cpu(&self, [delta, grad, stats]: [&mut [f32]; 3], [out, log_pi, parameters]: [&[f32]; 3]) {
        let (delta, grad, stats) = (Shared::new(delta), Shared::new(grad), Shared::new(stats));
        let rows = self.rows;
        each(self.members, |member| {
            let q = self.q.map(|q| &out[member * self.stride + q..][..rows]);
            let log_pi = &log_pi[member * self.log_pi_stride..][..rows];
            let log_alpha = parameters[member * self.param_stride + self.log_alpha];
            let (alpha, target_entropy) = (log_alpha.exp(), self.target_entropy.of(member));
            // SAFETY: members, and the two critics' rows, are disjoint.
            let (d1, d2, d_alpha, stats) = unsafe {
                (
                    delta.at(member * self.stride + self.q[0], rows),
                    delta.at(member * self.stride + self.q[1], rows),
                    grad.at(member * self.param_stride + self.log_alpha, 1),
                    stats.at(member * self.stats[1] + self.stats[0], Self::STATS.len()),
                )
            };
            let push = -1.0 / rows as f32;
            for n in 0..rows {
                let first = q[0][n] <= q[1][n];
                d1[n] = if first { push } else { 0.0 };
                d2[n] = if first { 0.0 } else { push };
            }
            let entropy_gap = mean(log_pi.iter().map(|l| l + target_entropy));
            d_alpha[0] = -entropy_gap;
            let loss = mean((0..rows).map(|n| alpha * log_pi[n] - q[0][n].min(q[1][n])));
            stats.copy_from_slice(&[
                loss,
                -log_alpha * entropy_gap,
                alpha,
                mean(log_pi.iter().copied()),
            ]);
        });
    }

    fn cuda(&self) -> Program {
        let args = ActorLossArgs {
            rows: word(self.rows),
            q: self.q.map(word),
            stride: word(self.stride),
            log_pi_stride: word(self.log_pi_stride),
            log_alpha: word(self.log_alpha),
            param_stride: word(self.param_stride),
            stats: self.stats.map(word),
        };
        let tail = per_member(self.members, |m| [self.target_entropy.of(m)]);
        Program::run(&args, &tail, [self.members, 1, 1])
    }
}

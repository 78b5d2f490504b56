//! V's loss on the real half: mean L(Q̂ − V), Q̂ = min of the target critics at the data's action.

use serde::{Deserialize, Serialize};

use super::{Shared, each};
use crate::nn::cuda::{Program, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

/// How V is learned: the one place of this choice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ValueRule {
    /// Expectile regression at τ (IQL): L(e) = |τ − 1(e < 0)|·e². τ = 0.5 is the behaviour's mean.
    Expectile(f32),
}

impl ValueRule {
    /// (L(e), −∂L/∂V… that is ∂L/∂e) for e = Q̂ − V.
    pub fn loss(self, error: f32) -> (f32, f32) {
        match self {
            Self::Expectile(tau) => {
                let weight = if error < 0.0 { 1.0 - tau } else { tau };
                (weight * error * error, 2.0 * weight * error)
            }
        }
    }
}

/// Kernel: outputs `[dV in the deltas, stats]`, inputs `[activations]`.
#[derive(Clone, Copy, Debug)]
pub struct ValueLoss {
    /// Members.
    pub members: usize,
    /// Rows of the real half.
    pub rows: usize,
    /// Offset of V at the states, `[rows]`.
    pub v: usize,
    /// Offsets of the target critics at the data's actions, `[rows]` each.
    pub q: [usize; 2],
    /// Floats a member of the activations.
    pub stride: usize,
    /// The loss.
    pub rule: ValueRule,
    /// Where this loss's [`ValueLoss::STATS`] begin, and floats a member.
    pub stats: [usize; 2],
}

impl ValueLoss {
    /// What it reports.
    pub const STATS: [&'static str; 2] = ["losses/vf_loss", "losses/vf_values"];
}

arguments! { "value_loss",
    struct ValueLossArgs { rows: u32, v: u32, q: [u32; 2], stride: u32, stats: [u32; 2] }
}

impl Kernel<2, 1> for ValueLoss {
    const NAME: &'static str = "value_loss";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.members * self.rows * 4) as u64,
        }
    }

    fn cpu(&self, [delta, stats]: [&mut [f32]; 2], [out]: [&[f32]; 1]) {
        let (delta, stats) = (Shared::new(delta), Shared::new(stats));
        let inverse = 1.0 / self.rows as f32;
        each(self.members, |member| {
            let out = &out[member * self.stride..][..self.stride];
            // SAFETY: members are disjoint.
            let (dv, stats) = unsafe {
                (
                    delta.at(member * self.stride + self.v, self.rows),
                    stats.at(member * self.stats[1] + self.stats[0], Self::STATS.len()),
                )
            };
            let (mut sum, mut values) = (0.0, 0.0);
            for (n, dv) in dv.iter_mut().enumerate() {
                let v = out[self.v + n];
                let (loss, slope) = self
                    .rule
                    .loss(out[self.q[0] + n].min(out[self.q[1] + n]) - v);
                *dv = -slope * inverse;
                sum += loss * inverse;
                values += v * inverse;
            }
            stats.copy_from_slice(&[sum, values]);
        });
    }

    fn cuda(&self) -> Option<Program> {
        let args = ValueLossArgs {
            rows: word(self.rows),
            v: word(self.v),
            q: self.q.map(word),
            stride: word(self.stride),
            stats: self.stats.map(word),
        };
        let ValueRule::Expectile(tau) = self.rule;
        let tail = per_member(self.members, |_| [tau]);
        Some(Program::run(&args, &tail, [self.members, 1, 1]))
    }
}

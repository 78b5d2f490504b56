//! The mixed target: y = r + γ(1−d)·{λ V(s') + (1−λ)[min Q̂(s',a') + exploration]}, with DARC's r + log(p_real/p_sim)
//! in place of r where it is wanted.

use serde::{Deserialize, Serialize};

use super::ratio::log_ratio;
use super::{PerMember, Shared, each};
use crate::nn::cuda::{Program, THREADS, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

/// The exploration term of the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[derive(clap::ValueEnum)]
pub enum Exploration {
    /// −β log π(a'|s'), as in SAC.
    #[default]
    Entropy,
    /// Nothing.
    None,
    /// Optimism where the target critics disagree: κ·|Q̂1 − Q̂2|/2, so that κ = 1 makes the lesser of them their mean
    /// and κ = 2 the greater.
    Optimism,
}

/// Kernel: outputs `[y [members, rows]]`, inputs `[activations, log π, parameters, batch]`.
#[derive(Clone, Debug)]
pub struct Target {
    /// Members.
    pub members: usize,
    /// Rows.
    pub rows: usize,
    /// Rows a member of `y` and of the batch.
    pub row_stride: usize,
    /// Offsets of Q̂1 and Q̂2 at the next actions, `[rows]` each.
    pub q: [usize; 2],
    /// Offset of V at the next states, `[rows]`, and λ; none for SAC's target.
    pub value: Option<(usize, PerMember<f32>)>,
    /// Floats a member of the activations.
    pub stride: usize,
    /// Where log π of the next actions begins in `log π`, and floats a member.
    pub log_pi: [usize; 2],
    /// The exploration term.
    pub exploration: Exploration,
    /// κ of [`Exploration::Optimism`].
    pub optimism: PerMember<f32>,
    /// Offset of the (s,a,s') classifier's raw outputs `[rows, 2]`, whose log p_real/p_sim joins the reward; none: the
    /// reward is the row's.
    pub log_ratio: Option<usize>,
    /// Offset of log β in the parameters.
    pub log_alpha: usize,
    /// Floats a member of the parameters.
    pub param_stride: usize,
    /// γ.
    pub discount: PerMember<f32>,
    /// Factor of the reward.
    pub reward_scale: PerMember<f32>,
    /// Length of a batch row, which ends in reward and terminated.
    pub row: usize,
}

arguments! { "target",
    struct TargetArgs {
        rows: u32, row_stride: u32, q: [u32; 2], with_value: u32, value: u32, stride: u32, log_pi: [u32; 2],
        exploration: u32, with_ratio: u32, ratio: u32, log_alpha: u32, param_stride: u32, row: u32,
    }
}

impl Kernel<1, 4> for Target {
    const NAME: &'static str = "target";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.members * self.rows * 7) as u64,
        }
    }

    fn cpu(&self, [y]: [&mut [f32]; 1], [out, log_pi, parameters, batch]: [&[f32]; 4]) {
        let y = Shared::new(y);
        each(self.members, |member| {
            let out = &out[member * self.stride..][..self.stride];
            let log_pi = &log_pi[member * self.log_pi[1] + self.log_pi[0]..][..self.rows];
            let (discount, scale) = (self.discount.of(member), self.reward_scale.of(member));
            let optimism = self.optimism.of(member);
            let value = self
                .value
                .as_ref()
                .map(|(v, lambda)| (*v, lambda.of(member)));
            let alpha = parameters[member * self.param_stride + self.log_alpha].exp();
            // SAFETY: members are disjoint.
            let y = unsafe { y.at(member * self.row_stride, self.rows) };
            let batch = batch[member * self.row_stride * self.row..].chunks_exact(self.row);
            for (n, (y, row)) in y.iter_mut().zip(batch).enumerate() {
                let q = [out[self.q[0] + n], out[self.q[1] + n]];
                let explore = match self.exploration {
                    Exploration::Entropy => -alpha * log_pi[n],
                    Exploration::None => 0.0,
                    Exploration::Optimism => 0.5 * optimism * (q[0] - q[1]).abs(),
                };
                let q = q[0].min(q[1]) + explore;
                let next = match value {
                    Some((v, lambda)) => lambda * out[v + n] + (1.0 - lambda) * q,
                    None => q,
                };
                let (mut reward, terminated) = (row[self.row - 2], row[self.row - 1]);
                if let Some(raw) = self.log_ratio {
                    reward += log_ratio([out[raw + 2 * n], out[raw + 2 * n + 1]]);
                }
                *y = scale * reward + discount * (1.0 - terminated) * next;
            }
        });
    }

    fn cuda(&self) -> Program {
        let args = TargetArgs {
            rows: word(self.rows),
            row_stride: word(self.row_stride),
            q: self.q.map(word),
            with_value: u32::from(self.value.is_some()),
            value: word(self.value.as_ref().map_or(0, |(v, _)| *v)),
            stride: word(self.stride),
            log_pi: self.log_pi.map(word),
            exploration: self.exploration as u32,
            with_ratio: u32::from(self.log_ratio.is_some()),
            ratio: word(self.log_ratio.unwrap_or(0)),
            log_alpha: word(self.log_alpha),
            param_stride: word(self.param_stride),
            row: word(self.row),
        };
        let tail = per_member(self.members, |m| {
            [
                self.value.as_ref().map_or(0.0, |(_, lambda)| lambda.of(m)),
                self.discount.of(m),
                self.reward_scale.of(m),
                self.optimism.of(m),
            ]
        });
        let blocks = self.rows.div_ceil(THREADS as usize);
        Program::run(&args, &tail, [blocks, self.members, 1])
    }
}

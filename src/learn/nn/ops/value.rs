//! V's loss on the real half: mean L(Q̂ − V), Q̂ = min of the target critics at the data's action.

use serde::{Deserialize, Serialize};

use super::{PerMember, Shared, each};
use crate::error::{Error, Result, above_zero};
use crate::nn::cuda::{Program, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

/// How V is learned, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Expectile regression (IQL).
    #[default]
    Expectile,
    /// Sparse (SQL).
    Sparse,
    /// Exponential (EQL, XQL).
    Exponential,
}

/// How V is learned from e = Q̂ − V: the one place of this choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRule {
    /// Expectile regression at τ: L(e) = |τ − 1(e < 0)|·e². τ = 0.5 is the behaviour's mean.
    Expectile(f32),
    /// L(e) = 1(1 + e/2α > 0)·(1 + e/2α)² − e/α. (The published + V/α differs by Q̂/α, of which V knows nothing.)
    Sparse(f32),
    /// Gumbel regression, L(e) = exp(z) − z − 1 for z = e/α, divided by exp(M), M being the batch's largest exponent
    /// (or 0): Adam is blind to the scale, and nothing overflows. Above `clip`, L goes on with the slope it has there:
    /// V far below Q̂ still rises.
    Exponential {
        /// α.
        alpha: f32,
        /// Largest exponent.
        clip: f32,
    },
}

impl ValueRule {
    /// The rule called `value`, with the parameter that it needs.
    pub fn new(value: Value, tau: f64, alpha: f64, clip: f64) -> Result<Self> {
        Ok(match value {
            Value::Expectile if tau > 0.0 && tau < 1.0 => Self::Expectile(tau as f32),
            Value::Expectile => {
                let mend = "give a number between 0 and 1";
                return Err(Error::input("tau", format!("is {tau}"), mend));
            }
            Value::Sparse => Self::Sparse(above_zero("value_alpha", alpha)? as f32),
            Value::Exponential => Self::Exponential {
                alpha: above_zero("value_alpha", alpha)? as f32,
                clip: above_zero("value_clip", clip)? as f32,
            },
        })
    }

    /// The exponent that is subtracted from those of a batch of errors; 0 for a rule without.
    pub fn shift(self, errors: impl Iterator<Item = f32>) -> f32 {
        match self {
            Self::Exponential { alpha, clip } => {
                errors.fold(0.0, |m: f32, e| m.max((e / alpha).min(clip)))
            }
            _ => 0.0,
        }
    }

    /// (L(e), ∂L/∂e) where the batch's exponents are lowered by `shift`.
    pub fn loss(self, error: f32, shift: f32) -> (f32, f32) {
        match self {
            Self::Expectile(tau) => {
                let weight = if error < 0.0 { 1.0 - tau } else { tau };
                (weight * error * error, 2.0 * weight * error)
            }
            Self::Sparse(alpha) => {
                let term = (1.0 + error / (2.0 * alpha)).max(0.0);
                (term * term - error / alpha, (term - 1.0) / alpha)
            }
            Self::Exponential { alpha, clip } => {
                let z = error / alpha;
                let (top, unit) = ((z.min(clip) - shift).exp(), (-shift).exp());
                let beyond = (z - clip).max(0.0);
                (
                    top * (1.0 + beyond) - (z + 1.0) * unit,
                    (top - unit) / alpha,
                )
            }
        }
    }
}

/// Kernel: outputs `[dV in the deltas, stats]`, inputs `[activations]`.
#[derive(Clone, Debug)]
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
    pub rule: PerMember<ValueRule>,
    /// Where this loss's [`ValueLoss::STATS`] begin, and floats a member.
    pub stats: [usize; 2],
}

impl ValueLoss {
    /// What it reports.
    pub const STATS: [&'static str; 2] = ["losses/vf_loss", "losses/vf_values"];
}

arguments! { "value_loss",
    struct ValueLossArgs { rule: u32, rows: u32, v: u32, q: [u32; 2], stride: u32, stats: [u32; 2] }
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
            let (rule, out) = (
                self.rule.of(member),
                &out[member * self.stride..][..self.stride],
            );
            // SAFETY: members are disjoint.
            let (dv, stats) = unsafe {
                (
                    delta.at(member * self.stride + self.v, self.rows),
                    stats.at(member * self.stats[1] + self.stats[0], Self::STATS.len()),
                )
            };
            let (mut sum, mut values) = (0.0, 0.0);
            let error = |n: usize| out[self.q[0] + n].min(out[self.q[1] + n]) - out[self.v + n];
            let shift = rule.shift((0..self.rows).map(error));
            for (n, dv) in dv.iter_mut().enumerate() {
                let (loss, slope) = rule.loss(error(n), shift);
                *dv = -slope * inverse;
                sum += loss * inverse;
                values += out[self.v + n] * inverse;
            }
            stats.copy_from_slice(&[sum, values]);
        });
    }

    fn cuda(&self) -> Program {
        let rule = |m: usize| match self.rule.of(m) {
            ValueRule::Expectile(tau) => (Value::Expectile, [tau, 0.0]),
            ValueRule::Sparse(alpha) => (Value::Sparse, [alpha, 0.0]),
            ValueRule::Exponential { alpha, clip } => (Value::Exponential, [alpha, clip]),
        };
        let args = ValueLossArgs {
            // Members differ in its numbers alone.
            rule: rule(0).0 as u32,
            rows: word(self.rows),
            v: word(self.v),
            q: self.q.map(word),
            stride: word(self.stride),
            stats: self.stats.map(word),
        };
        let tail = per_member(self.members, |m| rule(m).1);
        Program::run(&args, &tail, [self.members, 1, 1])
    }
}

//! V's loss on the real half: mean L(Q̂ − V), Q̂ = min of the target critics at the data's action.

use h2oplus_base::choices;

use super::cpu::each;
use crate::error::{Error, Result, above_zero};
use crate::kernel::{Acts, OnHost, Slot, Stats, fields, kernel};

choices! {
    /// How V is learned, by name.
    pub enum Value {
        /// Expectile regression (IQL).
        Expectile = "expectile",
        /// Sparse (SQL).
        Sparse = "sparse",
        /// Exponential (EQL, XQL).
        Exponential = "exponential",
    }
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
                let help = "give a number between 0 and 1";
                return Err(Error::input("expectile", format!("is {tau}"), help));
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

fields! { ValueRule, "ValueRule", 3, |rule| {
    let (kind, numbers) = match *rule {
        Self::Expectile(tau) => (Value::Expectile, [tau, 0.0]),
        Self::Sparse(alpha) => (Value::Sparse, [alpha, 0.0]),
        Self::Exponential { alpha, clip } => (Value::Exponential, [alpha, clip]),
    };
    [kind as u32, numbers[0].to_bits(), numbers[1].to_bits()]
}; }

kernel! {
    /// Writes dV and its [`ValueLoss::STATS`].
    pub struct ValueLoss in "value_loss";
    fields {
        /// Rows of the real half.
        rows: usize,
        /// V at the states, `[rows]`.
        v: Slot<Acts>,
        /// The target critics at the data's actions, `[rows]` each.
        q: [Slot<Acts>; 2],
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// The loss. Members differ in its numbers alone.
        rule: ValueRule,
    }
    buffers ValueLossBuffers {
        out {
            /// Where dV goes.
            act_grads: Deltas,
            /// Losses and means.
            stats: Stats,
        }
        in {
            /// V and Q̂.
            acts: Acts,
        }
    }
    stats ["losses/vf_loss", "losses/vf_values"];
    threads |_| super::BLOCK;
    floats |k| 4 * k.rows;
}

impl ValueLoss {
    fn twin(&self, b: ValueLossBuffers<OnHost<'_>>) {
        let inverse = 1.0 / self.rows as f32;
        each(self.members, |member| {
            let rule = self.rule.of(member);
            let v = b.acts.at(member, self.v, self.rows);
            let q = self.q.map(|q| b.acts.at(member, q, self.rows));
            // SAFETY: members are disjoint.
            let (dv, stats) = unsafe {
                (
                    b.act_grads.at(member, self.v, self.rows),
                    b.stats.at(member, self.stats_at, Self::STATS.len()),
                )
            };
            let (mut sum, mut values) = (0.0, 0.0);
            let error = |n: usize| q[0][n].min(q[1][n]) - v[n];
            let shift = rule.shift((0..self.rows).map(error));
            for (n, dv) in dv.iter_mut().enumerate() {
                let (loss, slope) = rule.loss(error(n), shift);
                *dv = -slope * inverse;
                sum += loss * inverse;
                values += v[n] * inverse;
            }
            stats.copy_from_slice(&[sum, values]);
        });
    }
}

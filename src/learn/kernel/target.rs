//! The mixed target: y = r + γ(1−d)·{λ V(s') + (1−λ)[min Q̂(s',a') + exploration]}.

use h2oplus_base::choices;

use super::cpu::each;
use crate::kernel::{Acts, LogPi, OnHost, RowLayout, Slot, Theta, fields, kernel};

choices! {
    /// The exploration term of the target.
    pub enum Exploration {
        /// −α log π(a'|s'), as in SAC.
        Entropy = "entropy",
        /// Nothing.
        None = "none",
        /// Optimism where the target critics disagree: κ·|Q̂1 − Q̂2|/2, so that κ = 1 makes the lesser of them their mean
        /// and κ = 2 the greater.
        Optimism = "optimism",
    }
}

fields! { Exploration, "unsigned", 1, |x| [*x as u32]; }

kernel! {
    /// Writes y of every row.
    pub struct Target in "target";
    fields {
        /// Rows.
        rows: usize,
        /// Q̂1 and Q̂2 at the next actions, `[rows]` each.
        q: [Slot<Acts>; 2],
        /// V at the next states, `[rows]`; none for SAC's target.
        v: Option<Slot<Acts>>,
        /// log π of the next actions, `[rows]`.
        log_pi_at: Slot<LogPi>,
        /// The exploration term.
        exploration: Exploration,
        /// log α.
        log_alpha: Slot<Theta>,
        /// A row of the batch.
        row: RowLayout,
    }
    each {
        /// λ, the share of V.
        lambda: f32,
        /// γ.
        discount: f32,
        /// Factor of the reward.
        reward_scale: f32,
        /// κ of [`Exploration::Optimism`].
        optimism: f32,
    }
    buffers TargetBuffers {
        out {
            /// Targets.
            y: Y,
        }
        in {
            /// Q̂ and V.
            acts: Acts,
            /// Read for [`Exploration::Entropy`] alone.
            log_pi: LogPi,
            /// Parameters.
            theta: Theta,
            /// Rewards and ends.
            batch: Rows,
        }
    }
    threads |k| k.rows;
    floats |k| 7 * k.rows;
}

impl Target {
    fn twin(&self, b: TargetBuffers<OnHost<'_>>) {
        let rows = self.rows;
        each(self.members, |member| {
            let (discount, scale) = (self.discount.of(member), self.reward_scale.of(member));
            let (lambda, optimism) = (self.lambda.of(member), self.optimism.of(member));
            let q = self.q.map(|q| b.acts.at(member, q, rows));
            let v = self.v.map(|v| b.acts.at(member, v, rows));
            let log_pi = b.log_pi.from(member, self.log_pi_at);
            let alpha = b.theta.from(member, self.log_alpha)[0].exp();
            // SAFETY: members are disjoint.
            let y = unsafe { b.y.part(member, 0, rows) };
            let batch = b.batch.of(member).chunks_exact(self.row.floats());
            for (n, (y, row)) in y.iter_mut().zip(batch).enumerate() {
                let q = [q[0][n], q[1][n]];
                let explore = match self.exploration {
                    Exploration::Entropy => -alpha * log_pi[n],
                    Exploration::None => 0.0,
                    Exploration::Optimism => 0.5 * optimism * (q[0] - q[1]).abs(),
                };
                let q = q[0].min(q[1]) + explore;
                let next = match v {
                    Some(v) => lambda * v[n] + (1.0 - lambda) * q,
                    None => q,
                };
                let reward = scale * row[self.row.reward()];
                *y = reward + discount * (1.0 - row[self.row.terminated()]) * next;
            }
        });
    }
}

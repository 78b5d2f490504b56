//! The policy's side of the critics, and the temperature: mean(α log π − min Q), −log α·mean(log π + H̄).

use super::cpu::{each, mean};
use crate::kernel::{Acts, OnHost, Slot, Stats, Theta, kernel};

kernel! {
    /// Writes −1/rows at the lesser of the critics, the gradient of log α, and its [`ActorLoss::STATS`].
    pub struct ActorLoss in "actor_loss";
    fields {
        /// Rows with fresh actions.
        rows: usize,
        /// Q1 and Q2 at the fresh actions, `[rows]` each.
        q: [Slot<Acts>; 2],
        /// log α.
        log_alpha: Slot<Theta>,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// H̄, the target entropy.
        target_entropy: f32,
    }
    buffers ActorLossBuffers {
        out {
            /// Where dQ goes.
            act_grads: Deltas,
            /// Where the gradient of log α goes.
            grad: Grad,
            /// Losses and means.
            stats: Stats,
        }
        in {
            /// Q.
            acts: Acts,
            /// log π, of which the first `rows` are these rows'.
            log_pi: LogPi,
            /// Parameters.
            theta: Theta,
        }
    }
    stats ["losses/actor_loss", "losses/alpha_loss", "losses/alpha", "losses/log_pi"];
    threads |_| super::BLOCK;
    floats |k| 5 * k.rows;
}

impl ActorLoss {
    fn twin(&self, b: ActorLossBuffers<OnHost<'_>>) {
        let rows = self.rows;
        each(self.members, |member| {
            let q = self.q.map(|q| b.acts.at(member, q, rows));
            let log_pi = &b.log_pi.of(member)[..rows];
            let log_alpha = b.theta.from(member, self.log_alpha)[0];
            let (alpha, target_entropy) = (log_alpha.exp(), self.target_entropy.of(member));
            // SAFETY: members, and the two critics' rows, are disjoint.
            let (d1, d2, d_alpha, stats) = unsafe {
                (
                    b.act_grads.at(member, self.q[0], rows),
                    b.act_grads.at(member, self.q[1], rows),
                    b.grad.at(member, self.log_alpha, 1),
                    b.stats.at(member, self.stats_at, Self::STATS.len()),
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
}

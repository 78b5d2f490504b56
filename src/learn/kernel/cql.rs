//! CQL's conservative term: w·mean(T·log Σ_a exp((Q_i(s,a) − log density(a))/T) − Q_i(s, data's action)), i = 1, 2.
//!
//! Without importance sampling nothing is subtracted, and the data's action joins the sum.

use super::cpu::tile_sums;
use crate::kernel::{Acts, OnHost, Slot, Stats, kernel};

kernel! {
    /// *Adds* to dQ at the data's actions, where [`TdLoss`](super::td::TdLoss) has written, and writes the others and
    /// its [`CqlLoss::STATS`].
    pub struct CqlLoss in "cql_loss";
    fields {
        /// States.
        states: usize,
        /// Actions a state, of which the first is the data's.
        actions: usize,
        /// Q1 and Q2, `[states, actions]` each.
        q: [Slot<Acts>; 2],
        /// Whether log-densities are subtracted.
        importance: bool,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// w.
        weight: f32,
        /// T.
        temperature: f32,
    }
    buffers CqlLossBuffers {
        out {
            /// Where dQ goes.
            act_grads: Deltas,
            /// Losses.
            stats: Stats,
        }
        in {
            /// Q.
            acts: Acts,
            /// Log-densities of all actions but the data's, `[states, actions − 1]`.
            density: Density,
        }
    }
    stats ["losses/cql1_loss", "losses/cql2_loss"];
    threads |_| 2 * super::BLOCK;
    floats |k| 5 * k.states * k.actions;
}

impl CqlLoss {
    fn twin(&self, b: CqlLossBuffers<OnHost<'_>>) {
        let (count, first) = (self.actions, usize::from(self.importance));
        let sums = tile_sums(self.members, self.states, |member, tile| {
            let (t, mut sums) = (self.temperature.of(member), [0.0; 2]);
            let scale = self.weight.of(member) / self.states as f32;
            for (sum, q) in sums.iter_mut().zip(self.q) {
                for n in tile.clone() {
                    let at = q.row(n, count);
                    let q = b.acts.at(member, at, count);
                    let density = &b.density.of(member)[n * (count - 1)..][..count - 1];
                    // SAFETY: members, critics and states are disjoint.
                    let d = unsafe { b.act_grads.at(member, at, count) };
                    let value = |k: usize| match self.importance {
                        true => (q[k] - density[k - 1]) / t,
                        false => q[k] / t,
                    };
                    let largest = (first..count).map(value).fold(f32::NEG_INFINITY, f32::max);
                    let data = d[0] - scale;
                    let mut total = 0.0;
                    for (k, d) in d.iter_mut().enumerate().skip(first) {
                        *d = (value(k) - largest).exp();
                        total += *d;
                    }
                    for d in &mut d[first..] {
                        *d *= scale / total;
                    }
                    d[0] = if self.importance { data } else { data + d[0] };
                    *sum += scale * (t * (largest + total.ln()) - q[0]);
                }
            }
            sums
        });
        for (member, sums) in sums.iter().enumerate() {
            // SAFETY: nobody else writes.
            let stats = unsafe { b.stats.at(member, self.stats_at, sums.len()) };
            stats.copy_from_slice(sums);
        }
    }
}

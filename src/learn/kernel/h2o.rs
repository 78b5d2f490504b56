//! H2O's penalty: simulated transitions are held down the more, the wider the dynamics gap there.

use super::cpu::each;
use super::ratio::SCALE;
use crate::kernel::{Acts, OnHost, Slot, Stats, kernel};

kernel! {
    /// log ω, ω = u/Σu over the simulated rows, u = clip(mean of log p_sim/p_real (s'|s,a) over next states drawn around
    /// the simulated one). Writes log ω and its [`GapWeight::STATS`].
    ///
    /// The clip's lower end must be above 0. The logits lie in [−2, 2], so u ≤ 4: the published upper clip of 10 never
    /// binds.
    pub struct GapWeight in "gap_weight";
    fields {
        /// Simulated rows.
        sim: usize,
        /// Next states a row.
        samples: usize,
        /// The (s,a,s') network's raw outputs, `[sim, samples, 2]`.
        raw: Slot<Acts>,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// Clip of u.
        clip: [f32; 2],
    }
    buffers GapWeightBuffers {
        out {
            /// log ω.
            log_omega: LogOmega,
            /// The mean of u.
            stats: Stats,
        }
        in {
            /// Raw outputs.
            acts: Acts,
        }
    }
    stats ["losses/gap"];
    threads |_| super::BLOCK;
    floats |k| k.sim * (2 * k.samples + 1);
}

impl GapWeight {
    fn twin(&self, b: GapWeightBuffers<OnHost<'_>>) {
        each(self.members, |member| {
            // SAFETY: members are disjoint.
            let (omega, stats) = unsafe {
                let stats = b.stats.at(member, self.stats_at, Self::STATS.len());
                (b.log_omega.part(member, 0, self.sim), stats)
            };
            let raw = b.acts.from(member, self.raw);
            let [low, high] = self.clip.of(member);
            let mut total = 0.0;
            for (u, raw) in omega.iter_mut().zip(raw.chunks_exact(2 * self.samples)) {
                let log_ratio = |z: &[f32]| SCALE * (z[1].tanh() - z[0].tanh());
                let sum: f32 = raw.chunks_exact(2).map(log_ratio).sum();
                *u = (sum / self.samples as f32).max(low).min(high);
                total += *u;
            }
            stats[0] = total / self.sim as f32;
            // Logarithms apart: u/Σu may be too small for a float.
            omega.iter_mut().for_each(|u| *u = u.ln() - total.ln());
        });
    }
}

kernel! {
    /// w·(T·log Σ_sim exp((Q_i + log ω)/T) − mean_real Q_i), i = 1, 2: one sum over the batch, not one a state. It *adds*
    /// to dQ, where [`TdLoss`](super::td::TdLoss) has written; writes its [`H2oLoss::STATS`].
    pub struct H2oLoss in "h2o_loss";
    fields {
        /// Real rows.
        real: usize,
        /// Simulated rows behind them.
        sim: usize,
        /// Q1 and Q2, `[real + sim]` each.
        q: [Slot<Acts>; 2],
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// w.
        weight: f32,
        /// T.
        temperature: f32,
    }
    buffers H2oLossBuffers {
        out {
            /// Where dQ goes.
            act_grads: Deltas,
            /// Losses.
            stats: Stats,
        }
        in {
            /// Q.
            acts: Acts,
            /// log ω of the simulated rows.
            log_omega: LogOmega,
        }
    }
    stats ["losses/gap1_loss", "losses/gap2_loss"];
    threads |_| super::BLOCK;
    floats |k| 6 * k.real + 7 * k.sim;
}

impl H2oLoss {
    fn twin(&self, b: H2oLossBuffers<OnHost<'_>>) {
        each(self.members, |member| {
            let (weight, t) = (self.weight.of(member), self.temperature.of(member));
            let omega = &b.log_omega.of(member)[..self.sim];
            // SAFETY: members are disjoint.
            let stats = unsafe { b.stats.at(member, self.stats_at, Self::STATS.len()) };
            for (loss, q) in stats.iter_mut().zip(self.q) {
                let rows = self.real + self.sim;
                let (real, sim) = b.acts.at(member, q, rows).split_at(self.real);
                // SAFETY: members and critics are disjoint.
                let d = unsafe { b.act_grads.at(member, q, rows) };
                let (d_real, d_sim) = d.split_at_mut(self.real);
                let value = |n: usize| (sim[n] + omega[n]) / t;
                let largest = (0..self.sim).map(value).fold(f32::NEG_INFINITY, f32::max);
                let total: f32 = (0..self.sim).map(|n| (value(n) - largest).exp()).sum();
                for (n, d) in d_sim.iter_mut().enumerate() {
                    *d += weight * (value(n) - largest).exp() / total;
                }
                let share = weight / self.real as f32;
                d_real.iter_mut().for_each(|d| *d -= share);
                *loss = weight * t * (largest + total.ln()) - share * real.iter().sum::<f32>();
            }
        });
    }
}

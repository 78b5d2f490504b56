//! H2O's penalty: simulated transitions are held down the more, the wider the dynamics gap there.

use super::ratio::SCALE;
use super::{PerMember, Shared, each};
use crate::nn::cuda::{Program, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

/// Kernel: log ω, ω = u/Σu over the simulated rows, u = clip(mean of log p_sim/p_real (s'|s,a) over next states drawn
/// around the simulated one). Outputs `[log ω [members, sim], stats]`, inputs `[activations]`.
///
/// The clip's lower end must be above 0. The logits lie in [−2, 2], so u ≤ 4: the published upper clip of 10 never binds.
#[derive(Clone, Debug)]
pub struct GapWeight {
    /// Members.
    pub members: usize,
    /// Simulated rows.
    pub sim: usize,
    /// Next states a row.
    pub samples: usize,
    /// Offset of the (s,a,s') network's raw outputs, `[sim, samples, 2]`.
    pub raw: usize,
    /// Floats a member of the activations.
    pub stride: usize,
    /// Clip of u.
    pub clip: PerMember<[f32; 2]>,
    /// Where this kernel's [`GapWeight::STATS`] begin, and floats a member.
    pub stats: [usize; 2],
}

impl GapWeight {
    /// What it reports.
    pub const STATS: [&'static str; 1] = ["losses/gap"];
}

arguments! { "gap_weight",
    struct GapWeightArgs { sim_rows: u32, samples: u32, raw: u32, stride: u32, stats: [u32; 2] }
}

impl Kernel<2, 1> for GapWeight {
    const NAME: &'static str = "gap_weight";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.members * self.sim * (2 * self.samples + 1)) as u64,
        }
    }

    fn cpu(&self, [omega, stats]: [&mut [f32]; 2], [out]: [&[f32]; 1]) {
        let (omega, stats) = (Shared::new(omega), Shared::new(stats));
        each(self.members, |member| {
            // SAFETY: members are disjoint.
            let (omega, stats) = unsafe {
                let s = stats.at(member * self.stats[1] + self.stats[0], Self::STATS.len());
                (omega.at(member * self.sim, self.sim), s)
            };
            let raw = out[member * self.stride + self.raw..].chunks_exact(2 * self.samples);
            let [low, high] = self.clip.of(member);
            let mut total = 0.0;
            for (u, raw) in omega.iter_mut().zip(raw) {
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

    fn cuda(&self) -> Program {
        let args = GapWeightArgs {
            sim_rows: word(self.sim),
            samples: word(self.samples),
            raw: word(self.raw),
            stride: word(self.stride),
            stats: self.stats.map(word),
        };
        let tail = per_member(self.members, |m| self.clip.of(m));
        Program::run(&args, &tail, [self.members, 1, 1])
    }
}

/// Kernel: w·(T·log Σ_sim exp((Q_i + log ω)/T) − mean_real Q_i), i = 1, 2: one sum over the batch, not one a state.
/// Outputs `[dQ in the deltas, stats]`, inputs `[activations, log ω]`. It *adds* to dQ, where
/// [`TdLoss`](super::td::TdLoss) has written.
#[derive(Clone, Debug)]
pub struct H2oLoss {
    /// Members.
    pub members: usize,
    /// Real rows.
    pub real: usize,
    /// Simulated rows behind them.
    pub sim: usize,
    /// Offsets of Q1 and Q2, `[real + sim]` each.
    pub q: [usize; 2],
    /// Floats a member of the activations.
    pub stride: usize,
    /// w.
    pub weight: PerMember<f32>,
    /// T.
    pub temperature: PerMember<f32>,
    /// Where this loss's [`H2oLoss::STATS`] begin, and floats a member.
    pub stats: [usize; 2],
}

impl H2oLoss {
    /// What it reports.
    pub const STATS: [&'static str; 2] = ["losses/gap1_loss", "losses/gap2_loss"];
}

arguments! { "h2o_loss",
    struct H2oLossArgs { real_rows: u32, sim_rows: u32, q: [u32; 2], stride: u32, stats: [u32; 2] }
}

impl Kernel<2, 2> for H2oLoss {
    const NAME: &'static str = "h2o_loss";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.members * (6 * self.real + 7 * self.sim)) as u64,
        }
    }

    fn cpu(&self, [delta, stats]: [&mut [f32]; 2], [out, omega]: [&[f32]; 2]) {
        let (delta, stats) = (Shared::new(delta), Shared::new(stats));
        each(self.members, |member| {
            let (weight, t) = (self.weight.of(member), self.temperature.of(member));
            let omega = &omega[member * self.sim..][..self.sim];
            // SAFETY: members are disjoint.
            let stats =
                unsafe { stats.at(member * self.stats[1] + self.stats[0], Self::STATS.len()) };
            for (loss, q) in stats.iter_mut().zip(self.q) {
                let (at, rows) = (member * self.stride + q, self.real + self.sim);
                let (real, sim) = out[at..][..rows].split_at(self.real);
                // SAFETY: members and critics are disjoint.
                let (d_real, d_sim) = unsafe { delta.at(at, rows) }.split_at_mut(self.real);
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

    fn cuda(&self) -> Program {
        let args = H2oLossArgs {
            real_rows: word(self.real),
            sim_rows: word(self.sim),
            q: self.q.map(word),
            stride: word(self.stride),
            stats: self.stats.map(word),
        };
        let tail = per_member(self.members, |m| {
            [self.weight.of(m), self.temperature.of(m)]
        });
        Program::run(&args, &tail, [self.members, 1, 1])
    }
}

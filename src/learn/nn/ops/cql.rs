//! CQL's conservative term: w·mean(T·log Σ_a exp((Q_i(s,a) − log density(a))/T) − Q_i(s, data's action)), i = 1, 2.
//!
//! Without importance sampling nothing is subtracted, and the data's action joins the sum.

use super::{PerMember, Shared, tile_sums};
use crate::nn::cuda::{Program, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

/// Kernel: outputs `[dQ in the deltas, stats]`, inputs `[activations, log-density [members, states, actions − 1]]`.
/// It *adds* to dQ at the data's actions, where [`TdLoss`](super::td::TdLoss) has written, and writes the others.
#[derive(Clone, Debug)]
pub struct CqlLoss {
    /// Members.
    pub members: usize,
    /// States.
    pub states: usize,
    /// Actions a state, of which the first is the data's.
    pub actions: usize,
    /// Offsets of Q1 and Q2, `[states, actions]` each.
    pub q: [usize; 2],
    /// Floats a member of the activations.
    pub stride: usize,
    /// w.
    pub weight: PerMember<f32>,
    /// T.
    pub temperature: PerMember<f32>,
    /// Whether log-densities are subtracted.
    pub importance: bool,
    /// Where this loss's [`CqlLoss::STATS`] begin, and floats a member.
    pub stats: [usize; 2],
}

impl CqlLoss {
    /// What it reports.
    pub const STATS: [&'static str; 2] = ["losses/cql1_loss", "losses/cql2_loss"];
}

arguments! { "cql_loss",
    struct CqlLossArgs {
        states: u32, actions: u32, q: [u32; 2], stride: u32, importance: u32, stats: [u32; 2],
    }
}

impl Kernel<2, 2> for CqlLoss {
    const NAME: &'static str = "cql_loss";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.members * self.states * (5 * self.actions)) as u64,
        }
    }

    fn cpu(&self, [delta, stats]: [&mut [f32]; 2], [out, density]: [&[f32]; 2]) {
        let delta = Shared::new(delta);
        let (count, first) = (self.actions, usize::from(self.importance));
        let sums = tile_sums(self.members, self.states, |member, tile| {
            let (t, mut sums) = (self.temperature.of(member), [0.0; 2]);
            let scale = self.weight.of(member) / self.states as f32;
            for (sum, q) in sums.iter_mut().zip(self.q) {
                for n in tile.clone() {
                    let at = member * self.stride + q + n * count;
                    let q = &out[at..][..count];
                    let density = &density[(member * self.states + n) * (count - 1)..][..count - 1];
                    // SAFETY: members, critics and states are disjoint.
                    let d = unsafe { delta.at(at, count) };
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
            stats[member * self.stats[1] + self.stats[0]..][..2].copy_from_slice(sums);
        }
    }

    fn cuda(&self) -> Program {
        let args = CqlLossArgs {
            states: word(self.states),
            actions: word(self.actions),
            q: self.q.map(word),
            stride: word(self.stride),
            importance: u32::from(self.importance),
            stats: self.stats.map(word),
        };
        let tail = per_member(self.members, |m| {
            [self.weight.of(m), self.temperature.of(m)]
        });
        Program::run(&args, &tail, [self.members, 2, 1])
    }
}

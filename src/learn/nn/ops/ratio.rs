//! The dynamics ratio from two classifiers, on (s,a) and on (s,a,s'): their cross-entropies and the weight.
//!
//! Each head is z = 2 tanh(·), class 0 real, class 1 simulated. The (s,a,s') logits are z_sas + z_sa, so
//! log p_real/p_sim (s'|s,a) = `z_sas[0] − z_sas[1]` exactly, and the second loss reaches the first network.

use super::head::softplus;
use super::{PerMember, Shared, each, tile_sums};
use crate::nn::cuda::{Program, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

/// Of a head's tanh.
pub(crate) const SCALE: f32 = 2.0;

/// Kernel: outputs `[d raw in the deltas, stats]`, inputs `[activations]`.
#[derive(Clone, Copy, Debug)]
pub struct RatioLoss {
    /// Members.
    pub members: usize,
    /// Rows of either half: first the real rows, then as many simulated ones.
    pub half: usize,
    /// Offsets of the raw outputs `[2·half, 2]` of the (s,a) and the (s,a,s') network.
    pub raw: [usize; 2],
    /// Floats a member of the activations.
    pub stride: usize,
    /// Where this loss's [`RatioLoss::STATS`] begin, and floats a member.
    pub stats: [usize; 2],
}

impl RatioLoss {
    /// What it reports.
    pub const STATS: [&'static str; 2] = ["losses/d_sa_loss", "losses/d_sas_loss"];
}

arguments! { "ratio_loss",
    struct RatioLossArgs { half_rows: u32, raw: [u32; 2], stride: u32, stats: [u32; 2] }
}

impl Kernel<2, 1> for RatioLoss {
    const NAME: &'static str = "ratio_loss";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.members * self.half * 16) as u64,
        }
    }

    fn cpu(&self, [delta, stats]: [&mut [f32]; 2], [out]: [&[f32]; 1]) {
        let delta = Shared::new(delta);
        let rows = 2 * self.half;
        let inverse = 1.0 / self.half as f32;
        let sums = tile_sums(self.members, rows, |member, tile| {
            let at = |raw: usize| member * self.stride + raw + 2 * tile.start;
            let [sa, sas] = self.raw.map(|raw| &out[at(raw)..][..2 * tile.len()]);
            // SAFETY: members, tiles and networks are disjoint.
            let [d_sa, d_sas] = self
                .raw
                .map(|raw| unsafe { delta.at(at(raw), 2 * tile.len()) });
            let mut losses = [0.0; 2];
            for n in 0..tile.len() {
                let (t, u) = (2 * n, 2 * n + 1);
                let (sa, sas) = ([sa[t].tanh(), sa[u].tanh()], [sas[t].tanh(), sas[u].tanh()]);
                // With two classes, cross-entropy is softplus of (wrong − right logit).
                let sign = if tile.start + n < self.half {
                    1.0
                } else {
                    -1.0
                };
                let gap_sa = sign * SCALE * (sa[1] - sa[0]);
                let gap_sas = gap_sa + sign * SCALE * (sas[1] - sas[0]);
                losses[0] += softplus(gap_sa) * inverse;
                losses[1] += softplus(gap_sas) * inverse;
                let g_sas = sign * sigmoid(gap_sas) * inverse * SCALE;
                let g_sa = sign * sigmoid(gap_sa) * inverse * SCALE + g_sas;
                d_sa[t] = -g_sa * (1.0 - sa[0] * sa[0]);
                d_sa[u] = g_sa * (1.0 - sa[1] * sa[1]);
                d_sas[t] = -g_sas * (1.0 - sas[0] * sas[0]);
                d_sas[u] = g_sas * (1.0 - sas[1] * sas[1]);
            }
            losses
        });
        for (member, sums) in sums.iter().enumerate() {
            stats[member * self.stats[1] + self.stats[0]..][..2].copy_from_slice(sums);
        }
    }

    fn cuda(&self) -> Program {
        let args = RatioLossArgs {
            half_rows: word(self.half),
            raw: self.raw.map(word),
            stride: word(self.stride),
            stats: self.stats.map(word),
        };
        Program::run(&args, &[], [self.members, 1, 1])
    }
}

/// log p_real/p_sim (s'|s,a) from the (s,a,s') network's raw outputs.
pub(crate) fn log_ratio(raw: [f32; 2]) -> f32 {
    SCALE * (raw[0].tanh() - raw[1].tanh())
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Kernel: w = clip(p_real/p_sim, low, high) of the simulated rows; 1 for the real ones before them.
/// Outputs `[w [members, real + sim], stats]`, inputs `[activations]`.
#[derive(Clone, Debug)]
pub struct RatioWeight {
    /// Members.
    pub members: usize,
    /// Real rows, which weigh 1.
    pub real: usize,
    /// Simulated rows.
    pub sim: usize,
    /// Offset of the (s,a,s') network's raw outputs at the simulated rows, `[sim, 2]`; none: all weigh 1.
    pub raw: Option<usize>,
    /// Floats a member of the activations.
    pub stride: usize,
    /// Clip of the ratio.
    pub clip: PerMember<[f32; 2]>,
    /// Where this kernel's [`RatioWeight::STATS`] begin, and floats a member.
    pub stats: [usize; 2],
}

impl RatioWeight {
    /// What it reports.
    pub const STATS: [&'static str; 1] = ["losses/ratio"];
}

arguments! { "ratio_weight",
    struct RatioWeightArgs { real_rows: u32, sim_rows: u32, weigh: u32, raw: u32, stride: u32, stats: [u32; 2] }
}

impl Kernel<2, 1> for RatioWeight {
    const NAME: &'static str = "ratio_weight";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.members * (self.real + 3 * self.sim)) as u64,
        }
    }

    fn cpu(&self, [w, stats]: [&mut [f32]; 2], [out]: [&[f32]; 1]) {
        let (w, stats) = (Shared::new(w), Shared::new(stats));
        let rows = self.real + self.sim;
        each(self.members, |member| {
            // SAFETY: members are disjoint.
            let (w, stats) = unsafe {
                let s = stats.at(member * self.stats[1] + self.stats[0], Self::STATS.len());
                (w.at(member * rows, rows), s)
            };
            w.fill(1.0);
            let [low, high] = self.clip.of(member);
            let sim = &mut w[self.real..];
            if let Some(raw) = self.raw {
                let raw = out[member * self.stride + raw..].chunks_exact(2);
                for (w, z) in sim.iter_mut().zip(raw) {
                    *w = log_ratio([z[0], z[1]]).exp().max(low).min(high);
                }
            }
            stats[0] = sim.iter().sum::<f32>() / self.sim.max(1) as f32;
        });
    }

    fn cuda(&self) -> Program {
        let args = RatioWeightArgs {
            real_rows: word(self.real),
            sim_rows: word(self.sim),
            weigh: u32::from(self.raw.is_some()),
            raw: word(self.raw.unwrap_or(0)),
            stride: word(self.stride),
            stats: self.stats.map(word),
        };
        let tail = per_member(self.members, |m| self.clip.of(m));
        Program::run(&args, &tail, [self.members, 1, 1])
    }
}

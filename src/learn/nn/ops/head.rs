//! The tanh-Gaussian head: actions and their log-probability from the policy's raw outputs, and back.
//!
//! raw = (mean, ρ); log σ = clip(m·ρ + o, −20, 2); u = mean + σ·ε; a = tanh(u);
//! log π(a) = Σ −ε²/2 − log σ − ½ log 2π − 2(log 2 − u − softplus(−2u)).

use super::{Shared, TILE, blocks, each, tile_sums};
use crate::nn::cuda::{Program, THREADS, arguments, word};
use crate::nn::launch::{Cost, Kernel};

/// Bounds of log σ.
pub const LOG_STD: [f32; 2] = [-20.0, 2.0];
/// ½ log 2π.
pub(crate) const HALF_LOG_TAU: f32 = 0.918_938_5;

/// log(1 + e^x) without overflow.
pub(crate) fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Where the head finds things; shared by forward and backward. Offsets within a member.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Members.
    pub members: usize,
    /// Rows.
    pub rows: usize,
    /// Length of an action, A.
    pub act_dim: usize,
    /// Raw outputs `[rows, 2A]` in the activations.
    pub raw: usize,
    /// Floats a member of the activations.
    pub raw_stride: usize,
    /// Normals `[rows, A]` in the noise buffer.
    pub noise: usize,
    /// Floats a member of the noise buffer.
    pub noise_stride: usize,
    /// Offset of m in the parameters; o follows it.
    pub affine: usize,
    /// Floats a member of the parameters.
    pub param_stride: usize,
}

/// Kernel: outputs `[state-action rows [members, rows, S + A], log π [members, rows]]`, inputs
/// `[raw, parameters, noise, batch]`. The state is copied from the batch, so that the critics read one matrix.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The head.
    pub head: Head,
    /// Length of an observation, S.
    pub obs_dim: usize,
    /// Length of a batch row.
    pub row: usize,
    /// Rows of the batch per member. Row i of the head takes batch row i mod this.
    pub batch: usize,
    /// Column of the state in the batch row: rows below `batch`, and the others.
    pub columns: [usize; 2],
    /// Raw outputs of the others (`head.raw` are those of rows below `batch`).
    pub next_raw: usize,
}

arguments! { "sample",
    struct SampleArgs {
        rows: u32, act_dim: u32, obs_dim: u32, raw: [u32; 2], raw_stride: u32, noise: u32, noise_stride: u32,
        affine: u32, param_stride: u32, row: u32, batch: u32, columns: [u32; 2],
    }
}

impl Kernel<2, 4> for Sample {
    const NAME: &'static str = "sample";

    fn cost(&self) -> Cost {
        let h = &self.head;
        Cost {
            flops: 0,
            bytes: (4 * h.members * h.rows * (4 * h.act_dim + 2 * self.obs_dim + 1)) as u64,
        }
    }

    fn cpu(&self, [fresh, log_pi]: [&mut [f32]; 2], [raw, parameters, noise, batch]: [&[f32]; 4]) {
        let h = self.head;
        let (fresh, log_pi) = (Shared::new(fresh), Shared::new(log_pi));
        let tiles: Vec<_> = blocks(h.rows, TILE).collect();
        each(h.members * tiles.len(), |task| {
            let (member, tile) = (task % h.members, &tiles[task / h.members]);
            let affine = &parameters[member * h.param_stride + h.affine..][..2];
            let width = self.obs_dim + h.act_dim;
            // SAFETY: row blocks are disjoint.
            let (fresh, log_pi) = unsafe {
                let first = member * h.rows + tile.start;
                (
                    fresh.at(first * width, tile.len() * width),
                    log_pi.at(first, tile.len()),
                )
            };
            for ((n, to), log_pi) in tile.clone().zip(fresh.chunks_exact_mut(width)).zip(log_pi) {
                let state = (member * self.batch + n % self.batch) * self.row
                    + self.columns[n / self.batch];
                let (s, a) = to.split_at_mut(self.obs_dim);
                s.copy_from_slice(&batch[state..][..self.obs_dim]);
                let block = if n < self.batch { h.raw } else { self.next_raw };
                let at = member * h.raw_stride + block + 2 * h.act_dim * (n % self.batch);
                let raw = &raw[at..][..2 * h.act_dim];
                let eps = &noise[member * h.noise_stride + h.noise + h.act_dim * n..][..h.act_dim];
                *log_pi = sample_row(a, raw, affine, eps);
            }
        });
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let h = &self.head;
        let args = SampleArgs {
            rows: word(h.rows),
            act_dim: word(h.act_dim),
            obs_dim: word(self.obs_dim),
            raw: [h.raw, self.next_raw].map(word),
            raw_stride: word(h.raw_stride),
            noise: word(h.noise),
            noise_stride: word(h.noise_stride),
            affine: word(h.affine),
            param_stride: word(h.param_stride),
            row: word(self.row),
            batch: word(self.batch),
            columns: self.columns.map(word),
        };
        let blocks = h.rows.div_ceil(THREADS as usize / 32);
        Program::run(&args, &[], [blocks, h.members, 1])
    }
}

/// Writes the action of one row and returns its log-probability.
pub(crate) fn sample_row(action: &mut [f32], raw: &[f32], affine: &[f32], eps: &[f32]) -> f32 {
    let (mean, rho) = raw.split_at(action.len());
    let mut log_pi = 0.0;
    for (j, a) in action.iter_mut().enumerate() {
        let log_std = (affine[0] * rho[j] + affine[1]).clamp(LOG_STD[0], LOG_STD[1]);
        let u = mean[j] + log_std.exp() * eps[j];
        *a = u.tanh();
        log_pi += -0.5 * eps[j] * eps[j] - log_std - HALF_LOG_TAU;
        log_pi -= 2.0 * (std::f32::consts::LN_2 - u - softplus(-2.0 * u));
    }
    log_pi
}

/// Kernel: gradient of mean(β log π − min Q) with respect to the raw outputs, m and o, given ∂/∂a of the
/// critics' part. Outputs `[act_grads, gradient]`, inputs `[activations, parameters, noise]`.
#[derive(Clone, Copy, Debug)]
pub struct SampleGrad {
    /// The head.
    pub head: Head,
    /// Offsets of ∂/∂a `[rows, A]` of either critic in `act_grads`; their sum counts.
    pub d_action: [usize; 2],
    /// Offset of log β in the parameters.
    pub log_alpha: usize,
}

arguments! { "sample_grad",
    struct SampleGradArgs {
        rows: u32, act_dim: u32, raw: u32, raw_stride: u32, noise: u32, noise_stride: u32, affine: u32,
        param_stride: u32, d_action: [u32; 2], log_alpha: u32,
    }
}

impl Kernel<2, 3> for SampleGrad {
    const NAME: &'static str = "sample_grad";

    fn cost(&self) -> Cost {
        let h = &self.head;
        Cost {
            flops: 0,
            bytes: (4 * h.members * h.rows * 7 * h.act_dim) as u64,
        }
    }

    fn cpu(&self, [act_grads, grad]: [&mut [f32]; 2], [raw, parameters, noise]: [&[f32]; 3]) {
        let h = self.head;
        let a_dim = h.act_dim;
        let act_grads = Shared::new(act_grads);
        let sums = tile_sums(h.members, h.rows, |member, tile| {
            let p = &parameters[member * h.param_stride..][..h.param_stride];
            let (m, o) = (p[h.affine], p[h.affine + 1]);
            let weight = p[self.log_alpha].exp() / h.rows as f32;
            let at =
                |offset: usize, width: usize| member * h.raw_stride + offset + tile.start * width;
            let (len, pair) = (tile.len() * a_dim, 2 * a_dim);
            let raw = &raw[at(h.raw, pair)..][..2 * len];
            let noise = &noise[member * h.noise_stride + h.noise + tile.start * a_dim..][..len];
            // SAFETY: members, tiles, and the places within a member are disjoint.
            let ([d1, d2], d_raw) = unsafe {
                let d_action = self
                    .d_action
                    .map(|offset| &*act_grads.at(at(offset, a_dim), len));
                (d_action, act_grads.at(at(h.raw, pair), 2 * len))
            };
            let mut d_affine = [0.0; 2];
            for n in 0..tile.len() {
                let (mean, rho) = raw[pair * n..][..pair].split_at(a_dim);
                let (d_mean, d_rho) = d_raw[pair * n..][..pair].split_at_mut(a_dim);
                for j in 0..a_dim {
                    let at = n * a_dim + j;
                    let free = m * rho[j] + o;
                    let log_std = free.clamp(LOG_STD[0], LOG_STD[1]);
                    let spread = log_std.exp() * noise[at];
                    let a = (mean[j] + spread).tanh();
                    // ∂ log π/∂u = 2 tanh(u); ε is held, so its square has no gradient.
                    let du = (d1[at] + d2[at]) * (1.0 - a * a) + weight * 2.0 * a;
                    let inside = (LOG_STD[0]..=LOG_STD[1]).contains(&free);
                    let d_log_std = if inside { du * spread - weight } else { 0.0 };
                    d_mean[j] = du;
                    d_rho[j] = m * d_log_std;
                    d_affine[0] += d_log_std * rho[j];
                    d_affine[1] += d_log_std;
                }
            }
            d_affine
        });
        for (member, sums) in sums.iter().enumerate() {
            grad[member * h.param_stride + h.affine..][..2].copy_from_slice(sums);
        }
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let h = &self.head;
        let args = SampleGradArgs {
            rows: word(h.rows),
            act_dim: word(h.act_dim),
            raw: word(h.raw),
            raw_stride: word(h.raw_stride),
            noise: word(h.noise),
            noise_stride: word(h.noise_stride),
            affine: word(h.affine),
            param_stride: word(h.param_stride),
            d_action: self.d_action.map(word),
            log_alpha: word(self.log_alpha),
        };
        Program::run(&args, &[], [h.members, 1, 1])
    }
}

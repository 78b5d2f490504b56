//! The policy of IQL: a Gaussian around tanh(raw) whose log-std is learned and the same in every state, without a
//! correction for the tanh; acting, its sample is clipped to ±1.

use super::head::LOG_STD;
use crate::nn::cuda::{Program, THREADS, arguments, word};
use crate::nn::launch::{Cost, Kernel};

/// Writes the action of one row: clip(tanh(raw) + σ·ε, −1, 1).
pub(crate) fn sample_row(action: &mut [f32], raw: &[f32], log_std: &[f32], eps: &[f32]) {
    for (j, a) in action.iter_mut().enumerate() {
        let std = log_std[j].clamp(LOG_STD[0], LOG_STD[1]).exp();
        *a = (raw[j].tanh() + std * eps[j]).clamp(-1.0, 1.0);
    }
}

/// Where this policy's numbers lie; offsets within a member.
#[derive(Clone, Copy, Debug)]
pub struct Gaussian {
    /// Members.
    pub members: usize,
    /// Rows.
    pub rows: usize,
    /// Length of an action, A.
    pub act_dim: usize,
    /// Raw outputs `[rows, A]` in the activations.
    pub raw: usize,
    /// Floats a member of the activations.
    pub raw_stride: usize,
    /// Offset of log σ, `[A]`, in the parameters.
    pub log_std: usize,
    /// Floats a member of the parameters.
    pub param_stride: usize,
}

/// Kernel: outputs `[actions [members, rows, A]]`, inputs `[activations, parameters, noise [members, rows, A]]`.
#[derive(Clone, Copy, Debug)]
pub struct GaussianSample(pub Gaussian);

arguments! { "gaussian_sample",
    struct GaussianSampleArgs {
        len: u32, act_dim: u32, raw: u32, raw_stride: u32, log_std: u32, param_stride: u32,
    }
}

impl Kernel<1, 3> for GaussianSample {
    const NAME: &'static str = "gaussian_sample";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * 3 * self.0.members * self.0.rows * self.0.act_dim) as u64,
        }
    }

    fn cpu(&self, [actions]: [&mut [f32]; 1], [raw, parameters, noise]: [&[f32]; 3]) {
        let g = self.0;
        for (n, action) in actions.chunks_exact_mut(g.act_dim).enumerate() {
            let (member, row) = (n / g.rows, n % g.rows);
            let raw = &raw[member * g.raw_stride + g.raw + row * g.act_dim..][..g.act_dim];
            let log_std = &parameters[member * g.param_stride + g.log_std..][..g.act_dim];
            sample_row(action, raw, log_std, &noise[n * g.act_dim..]);
        }
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let g = &self.0;
        let len = g.rows * g.act_dim;
        let args = GaussianSampleArgs {
            len: word(len),
            act_dim: word(g.act_dim),
            raw: word(g.raw),
            raw_stride: word(g.raw_stride),
            log_std: word(g.log_std),
            param_stride: word(g.param_stride),
        };
        let blocks = len.div_ceil(THREADS as usize);
        Program::run(&args, &[], [blocks, g.members, 1])
    }
}

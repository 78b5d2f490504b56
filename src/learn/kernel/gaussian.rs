//! The policy of IQL: a Gaussian around tanh(raw) whose log-std is learned and the same in every state, without a
//! correction for the tanh; acting, its sample is clipped to ±1.

use super::head::LOG_STD;
use crate::kernel::{Acts, OnHost, Slot, Theta, kernel};

/// Writes the action of one row: clip(tanh(raw) + σ·ε, −1, 1).
pub(crate) fn sample_row(action: &mut [f32], raw: &[f32], log_std: &[f32], eps: &[f32]) {
    for (j, a) in action.iter_mut().enumerate() {
        let std = log_std[j].clamp(LOG_STD[0], LOG_STD[1]).exp();
        *a = (raw[j].tanh() + std * eps[j]).clamp(-1.0, 1.0);
    }
}

kernel! {
    /// Writes an action a row.
    pub struct GaussianSample in "gaussian_sample";
    fields {
        /// Rows.
        rows: usize,
        /// Length of an action, A.
        act_dim: usize,
        /// Raw outputs, `[rows, A]`.
        raw: Slot<Acts>,
        /// log σ, `[A]`.
        log_std: Slot<Theta>,
    }
    each {}
    buffers GaussianSampleBuffers {
        out {
            /// `[rows, A]`.
            actions: Actions,
        }
        in {
            /// Raw outputs.
            acts: Acts,
            /// Parameters.
            theta: Theta,
            /// ε, `[rows, A]`.
            noise: Normals,
        }
    }
    threads |k| k.rows * k.act_dim;
    floats |k| 3 * k.rows * k.act_dim;
}

impl GaussianSample {
    fn twin(&self, b: GaussianSampleBuffers<OnHost<'_>>) {
        let floats = self.rows * self.act_dim;
        for member in 0..self.members {
            // SAFETY: one task writes.
            let actions = unsafe { b.actions.part(member, 0, floats) };
            let raw = b.acts.at(member, self.raw, floats);
            let log_std = b.theta.at(member, self.log_std, self.act_dim);
            let rows = actions.chunks_exact_mut(self.act_dim);
            let rows = rows.zip(raw.chunks_exact(self.act_dim));
            for ((action, raw), eps) in rows.zip(b.noise.of(member).chunks_exact(self.act_dim)) {
                sample_row(action, raw, log_std, eps);
            }
        }
    }
}

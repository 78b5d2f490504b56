//! Actions among which a critic is held down: the data's, uniform ones, and samples of the policy at s and at s'.

use super::head::sample_row;
use super::{Shared, TILE, blocks, each};
use crate::nn::cuda::{Program, THREADS, arguments, word};
use crate::nn::launch::{Cost, Kernel};

/// Kernel: outputs `[actions [members, states, 1 + 3·each, A], log-density [members, states, 3·each]]`, inputs
/// `[raw, parameters, uniforms [members, states, each, A], normals [members, 2, states, each, A], batch]`.
///
/// A state's actions: the data's, then `each` uniform ones, then as many of the policy at s and at s'; densities are
/// those of all but the data's.
#[derive(Clone, Copy, Debug)]
pub struct Candidates {
    /// Members.
    pub members: usize,
    /// States.
    pub states: usize,
    /// Actions of each kind.
    pub each: usize,
    /// Length of an action, A.
    pub act_dim: usize,
    /// Raw outputs of the policy at s and at s', `[states, 2A]` each, in the activations.
    pub raw: [usize; 2],
    /// Floats a member of the activations.
    pub raw_stride: usize,
    /// Offset of the head's m in the parameters; o follows it.
    pub affine: usize,
    /// Floats a member of the parameters.
    pub param_stride: usize,
    /// Length of a batch row, and the column of the action.
    pub row: [usize; 2],
}

impl Candidates {
    /// Actions a state, the data's included.
    pub fn per_state(&self) -> usize {
        1 + 3 * self.each
    }
}

arguments! { "candidates",
    struct CandidatesArgs {
        states: u32, each: u32, act_dim: u32, raw: [u32; 2], raw_stride: u32, affine: u32, param_stride: u32,
        row: [u32; 2],
    }
}

impl Kernel<2, 5> for Candidates {
    const NAME: &'static str = "candidates";

    fn cost(&self) -> Cost {
        let floats = self.per_state() * (2 * self.act_dim + 1) + 5 * self.act_dim;
        Cost {
            flops: 0,
            bytes: (4 * self.members * self.states * floats) as u64,
        }
    }

    fn cpu(
        &self,
        [actions, density]: [&mut [f32]; 2],
        [raw, parameters, uniforms, normals, batch]: [&[f32]; 5],
    ) {
        let (actions, density) = (Shared::new(actions), Shared::new(density));
        let (a_dim, count) = (self.act_dim, self.per_state());
        let (row, drawn) = (count * a_dim, self.each * a_dim);
        let uniform = a_dim as f32 * 0.5f32.ln();
        let tiles: Vec<_> = blocks(self.states, TILE / 8).collect();
        each(self.members * tiles.len(), |task| {
            let (member, tile) = (task % self.members, &tiles[task / self.members]);
            let affine = &parameters[member * self.param_stride + self.affine..][..2];
            for n in tile.clone() {
                let state = member * self.states + n;
                // SAFETY: states are disjoint.
                let (actions, density) = unsafe {
                    (
                        actions.at(state * row, row),
                        density.at(state * (count - 1), count - 1),
                    )
                };
                let (data, actions) = actions.split_at_mut(a_dim);
                data.copy_from_slice(&batch[state * self.row[0] + self.row[1]..][..a_dim]);
                let (random, sampled) = actions.split_at_mut(drawn);
                random.copy_from_slice(&uniforms[state * drawn..][..drawn]);
                let (random, densities) = density.split_at_mut(self.each);
                random.fill(uniform);
                let halves = sampled
                    .chunks_exact_mut(drawn)
                    .zip(densities.chunks_exact_mut(self.each));
                for (half, (actions, densities)) in halves.enumerate() {
                    let at = member * self.raw_stride + self.raw[half] + 2 * a_dim * n;
                    let raw = &raw[at..][..2 * a_dim];
                    let first = ((2 * member + half) * self.states + n) * drawn;
                    let eps = normals[first..][..drawn].chunks_exact(a_dim);
                    let each = actions.chunks_exact_mut(a_dim).zip(densities);
                    for ((action, density), eps) in each.zip(eps) {
                        *density = sample_row(action, raw, affine, eps);
                    }
                }
            }
        });
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let args = CandidatesArgs {
            states: word(self.states),
            each: word(self.each),
            act_dim: word(self.act_dim),
            raw: self.raw.map(word),
            raw_stride: word(self.raw_stride),
            affine: word(self.affine),
            param_stride: word(self.param_stride),
            row: self.row.map(word),
        };
        let warps = self.states * self.per_state();
        let blocks = warps.div_ceil(THREADS as usize / 32);
        Program::run(&args, &[], [blocks, self.members, 1])
    }
}

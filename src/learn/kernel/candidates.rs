//! Actions among which a critic is held down: the data's, uniform ones, and samples of the policy at s and at s'.

use super::cpu::{TILE, blocks, each};
use super::head::sample_row;
use crate::kernel::{Acts, OnHost, RowLayout, Slot, Theta, kernel};

kernel! {
    /// Writes a state's actions: the data's, then `draws` uniform ones, then as many of the policy at s and at s'; and
    /// the log-densities of all but the data's.
    pub struct Candidates in "candidates";
    fields {
        /// States.
        states: usize,
        /// Actions of each kind.
        draws: usize,
        /// Raw outputs of the policy at s and at s', `[states, 2A]` each.
        raw: [Slot<Acts>; 2],
        /// The head's m; o follows it.
        affine: Slot<Theta>,
        /// A row of the batch.
        row: RowLayout,
    }
    each {}
    buffers CandidatesBuffers {
        out {
            /// `[states, 1 + 3·draws, A]`.
            actions: Actions,
            /// `[states, 3·draws]`.
            density: Density,
        }
        in {
            /// Raw outputs.
            acts: Acts,
            /// Parameters.
            theta: Theta,
            /// `[states, draws, A]`.
            uniforms: Uniforms,
            /// `[2, states, draws, A]`.
            normals: Normals,
            /// The data's actions.
            batch: Rows,
        }
    }
    threads |k| 32 * k.states * k.per_state();
    floats |k| k.states * (k.per_state() * (2 * k.row.act_dim + 1) + 5 * k.row.act_dim);
}

impl Candidates {
    /// Actions a state, the data's included.
    pub fn per_state(&self) -> usize {
        1 + 3 * self.draws
    }

    fn twin(&self, b: CandidatesBuffers<OnHost<'_>>) {
        let (a_dim, count) = (self.row.act_dim, self.per_state());
        let (row, drawn) = (count * a_dim, self.draws * a_dim);
        let uniform = a_dim as f32 * 0.5f32.ln();
        let tiles: Vec<_> = blocks(self.states, TILE / 8).collect();
        each(self.members * tiles.len(), |task| {
            let (member, tile) = (task % self.members, &tiles[task / self.members]);
            let affine = b.theta.at(member, self.affine, 2);
            for n in tile.clone() {
                // SAFETY: states are disjoint.
                let (actions, density) = unsafe {
                    (
                        b.actions.part(member, n * row, row),
                        b.density.part(member, n * (count - 1), count - 1),
                    )
                };
                let (data, actions) = actions.split_at_mut(a_dim);
                let from = n * self.row.floats() + self.row.action();
                data.copy_from_slice(&b.batch.of(member)[from..][..a_dim]);
                let (random, sampled) = actions.split_at_mut(drawn);
                random.copy_from_slice(&b.uniforms.of(member)[n * drawn..][..drawn]);
                let (random, densities) = density.split_at_mut(self.draws);
                random.fill(uniform);
                let halves = sampled
                    .chunks_exact_mut(drawn)
                    .zip(densities.chunks_exact_mut(self.draws));
                for (half, (actions, densities)) in halves.enumerate() {
                    let raw = self.raw[half].row(n, 2 * a_dim);
                    let raw = b.acts.at(member, raw, 2 * a_dim);
                    let first = (half * self.states + n) * drawn;
                    let eps = b.normals.of(member)[first..][..drawn].chunks_exact(a_dim);
                    let each = actions.chunks_exact_mut(a_dim).zip(densities);
                    for ((action, density), eps) in each.zip(eps) {
                        *density = sample_row(action, raw, affine, eps);
                    }
                }
            }
        });
    }
}

kernel! {
    /// Writes `per` actions of each of the batch's first states beside it, then the states and actions of further rows.
    pub struct Beside in "beside";
    fields {
        /// States with many actions: the first rows of the batch.
        states: usize,
        /// Actions of each.
        per: usize,
        /// Rows behind them.
        others: usize,
        /// A row of the batch.
        row: RowLayout,
    }
    each {}
    buffers BesideBuffers {
        out {
            /// `[states·per + others, S + A]`.
            all: StateActions,
        }
        in {
            /// `[states, per, A]`.
            actions: Actions,
            /// States, and the other rows' actions.
            batch: Rows,
        }
    }
    threads |k| (k.states * k.per + k.others) * k.row.next_obs();
    floats |k| 2 * (k.states * k.per + k.others) * k.row.next_obs();
}

impl Beside {
    fn twin(&self, b: BesideBuffers<OnHost<'_>>) {
        let (width, many) = (self.row.next_obs(), self.states * self.per);
        let tiles: Vec<_> = blocks(many + self.others, TILE).collect();
        each(self.members * tiles.len(), |task| {
            let (member, tile) = (task % self.members, &tiles[task / self.members]);
            let batch = b.batch.of(member);
            let actions = b.actions.of(member).chunks_exact(self.row.act_dim);
            // SAFETY: row blocks are disjoint.
            let to = unsafe { b.all.part(member, tile.start * width, tile.len() * width) };
            let mut own = actions.skip(tile.start.min(many));
            for (n, to) in tile.clone().zip(to.chunks_exact_mut(width)) {
                let from = match n < many {
                    true => n / self.per,
                    false => self.states + n - many,
                };
                to.copy_from_slice(&batch[from * self.row.floats()..][..width]);
                if let Some(action) = own.next().filter(|_| n < many) {
                    to[self.row.action()..].copy_from_slice(action);
                }
            }
        });
    }
}

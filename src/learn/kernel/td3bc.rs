//! A deterministic policy, a = tanh(raw): its actions, with clipped noise in TD3's target, and TD3+BC's loss
//! through them, −λ mean Q1 + mean (π − a)², λ = α/mean|Q1| without a gradient.

use super::cpu::{TILE, blocks, each};
use crate::kernel::{Acts, OnHost, RowLayout, Slot, Stats, kernel};

kernel! {
    /// Writes actions clip(tanh(raw) + clip(σ·ε, ±c), ±1) beside a copy of their states.
    pub struct PolicyActions in "policy_actions";
    fields {
        /// Rows, the first of the batch.
        rows: usize,
        /// Raw outputs, `[rows, A]`.
        raw: Slot<Acts>,
        /// Column of the states in a row of the batch.
        column: usize,
        /// A row of the batch.
        row: RowLayout,
    }
    each {
        /// σ of the noise; 0: the policy's own action.
        std: f32,
        /// c, the noise's largest magnitude.
        clip: f32,
    }
    buffers PolicyActionsBuffers {
        out {
            /// `[rows, S + A]`.
            fresh: StateActions,
        }
        in {
            /// Raw outputs.
            acts: Acts,
            /// ε, `[rows, A]`.
            noise: Normals,
            /// States.
            batch_rows: Rows,
        }
    }
    threads |k| k.rows * (k.row.obs_dim + k.row.act_dim);
    floats |k| k.rows * (3 * k.row.act_dim + 2 * k.row.obs_dim);
}

impl PolicyActions {
    fn twin(&self, b: PolicyActionsBuffers<OnHost<'_>>) {
        let (obs_dim, act_dim) = (self.row.obs_dim, self.row.act_dim);
        let (width, floats) = (obs_dim + act_dim, self.row.floats());
        let tiles: Vec<_> = blocks(self.rows, TILE).collect();
        each(self.members * tiles.len(), |task| {
            let (member, tile) = (task % self.members, &tiles[task / self.members]);
            let (std, clip) = (self.std.of(member), self.clip.of(member));
            let (len, first) = (tile.len() * act_dim, tile.start * act_dim);
            let raw = b.acts.at(member, self.raw.row(tile.start, act_dim), len);
            let noise = &b.noise.of(member)[first..][..len];
            let states = b.batch_rows.of(member).chunks_exact(floats);
            let states = states.skip(tile.start);
            // SAFETY: row blocks are disjoint.
            let fresh = unsafe { b.fresh.part(member, tile.start * width, tile.len() * width) };
            for (n, (to, state)) in fresh.chunks_exact_mut(width).zip(states).enumerate() {
                let (s, a) = to.split_at_mut(obs_dim);
                s.copy_from_slice(&state[self.column..][..obs_dim]);
                for (j, a) in a.iter_mut().enumerate() {
                    let at = n * act_dim + j;
                    let noise = (std * noise[at]).clamp(-clip, clip);
                    *a = (raw[at].tanh() + noise).clamp(-1.0, 1.0);
                }
            }
        });
    }
}

kernel! {
    /// Writes dQ1 and its [`Td3BcLoss::STATS`].
    pub struct Td3BcLoss in "td3bc_loss";
    fields {
        /// Rows, the first of the batch.
        rows: usize,
        /// Q1 at the policy's actions, `[rows]`.
        q: Slot<Acts>,
        /// The policy's raw outputs, `[rows, A]`.
        raw: Slot<Acts>,
        /// A row of the batch.
        row: RowLayout,
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {
        /// α of λ.
        bc_alpha: f32,
    }
    buffers Td3BcLossBuffers {
        out {
            /// Where dQ1 goes.
            act_grads: Deltas,
            /// Losses.
            stats: Stats,
        }
        in {
            /// Q1 and raw outputs.
            acts: Acts,
            /// The data's actions.
            batch: Rows,
        }
    }
    stats ["losses/actor_loss", "losses/bc_loss"];
    threads |_| super::BLOCK;
    floats |k| k.rows * (2 + 2 * k.row.act_dim);
}

impl Td3BcLoss {
    fn twin(&self, b: Td3BcLossBuffers<OnHost<'_>>) {
        let (rows, act_dim) = (self.rows, self.row.act_dim);
        let inverse = 1.0 / rows as f32;
        each(self.members, |member| {
            let q = b.acts.at(member, self.q, rows);
            let raw = b.acts.at(member, self.raw, rows * act_dim);
            // SAFETY: members are disjoint.
            let (dq, stats) = unsafe {
                (
                    b.act_grads.at(member, self.q, rows),
                    b.stats.at(member, self.stats_at, Self::STATS.len()),
                )
            };
            let size = q.iter().map(|q| q.abs()).sum::<f32>() * inverse;
            let lambda = self.bc_alpha.of(member) / size;
            dq.fill(-lambda * inverse);
            let batch = b.batch.of(member).chunks_exact(self.row.floats());
            let mut square = 0.0;
            for (raw, row) in raw.chunks_exact(act_dim).zip(batch) {
                for (raw, a) in raw.iter().zip(&row[self.row.action()..]) {
                    square += (raw.tanh() - a) * (raw.tanh() - a);
                }
            }
            let cloning = square * inverse / act_dim as f32;
            let value = q.iter().sum::<f32>() * inverse;
            stats.copy_from_slice(&[cloning - lambda * value, cloning]);
        });
    }
}

kernel! {
    /// Writes the gradient of [`Td3BcLoss`]'s loss with respect to the raw outputs, given ∂/∂a of Q1's part.
    pub struct Td3BcGrad in "td3bc_grad";
    fields {
        /// Rows, the first of the batch.
        rows: usize,
        /// Raw outputs, `[rows, A]`.
        raw: Slot<Acts>,
        /// ∂/∂a of Q1's part, `[rows, A]`, which lies among the deltas.
        d_action: Slot<Acts>,
        /// A row of the batch.
        row: RowLayout,
    }
    each {}
    buffers Td3BcGradBuffers {
        out {
            /// Where the gradient of the raw outputs goes.
            deltas: Deltas,
        }
        in {
            /// Raw outputs.
            acts: Acts,
            /// The data's actions.
            batch: Rows,
        }
    }
    threads |k| k.rows * k.row.act_dim;
    floats |k| 4 * k.rows * k.row.act_dim;
}

impl Td3BcGrad {
    fn twin(&self, b: Td3BcGradBuffers<OnHost<'_>>) {
        let (act_dim, floats) = (self.row.act_dim, self.row.floats());
        let len = self.rows * act_dim;
        let weight = 2.0 / len as f32;
        each(self.members, |member| {
            let raw = b.acts.at(member, self.raw, len);
            let batch = b.batch.of(member);
            // SAFETY: members, and the places within a member, are disjoint.
            let (d_action, d_raw) = unsafe {
                (
                    &*b.deltas.at(member, self.d_action, len),
                    b.deltas.at(member, self.raw, len),
                )
            };
            for (at, d_raw) in d_raw.iter_mut().enumerate() {
                let (n, j) = (at / act_dim, at % act_dim);
                let (pi, a) = (raw[at].tanh(), batch[n * floats + self.row.action() + j]);
                *d_raw = (d_action[at] + weight * (pi - a)) * (1.0 - pi * pi);
            }
        });
    }
}

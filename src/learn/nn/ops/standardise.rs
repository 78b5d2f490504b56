//! States of a batch on the data set's scale: s ← (s − mean)·(1/σ), and s' likewise.

use super::{Shared, blocks, each};
use crate::nn::cuda::{Program, THREADS, arguments, word};
use crate::nn::launch::{Cost, Kernel};

const BLOCK: usize = 256;

/// Kernel: outputs `[batch [members, batch_rows, row]]`, inputs `[scale [members, 2, S]]`: means, then 1/σ.
#[derive(Clone, Copy, Debug)]
pub struct Standardise {
    /// Members.
    pub members: usize,
    /// First row of each member's batch to change.
    pub first: usize,
    /// Rows to change.
    pub rows: usize,
    /// Rows of a member's batch.
    pub batch_rows: usize,
    /// Length of a row.
    pub row: usize,
    /// Length of an observation, S.
    pub obs_dim: usize,
    /// Columns of s and of s'.
    pub columns: [usize; 2],
}

arguments! { "standardise",
    struct StandardiseArgs { first: u32, rows: u32, batch_rows: u32, row: u32, obs_dim: u32, columns: [u32; 2] }
}

impl Kernel<1, 1> for Standardise {
    const NAME: &'static str = "standardise";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * 4 * self.members * self.rows * self.obs_dim) as u64,
        }
    }

    fn cpu(&self, [batch]: [&mut [f32]; 1], [scale]: [&[f32]; 1]) {
        let batch = Shared::new(batch);
        let tasks: Vec<_> = blocks(self.rows, BLOCK).collect();
        each(self.members * tasks.len(), |task| {
            let (member, block) = (task % self.members, &tasks[task / self.members]);
            let scale = &scale[member * 2 * self.obs_dim..][..2 * self.obs_dim];
            let (mean, inverse) = scale.split_at(self.obs_dim);
            let first = (member * self.batch_rows + self.first + block.start) * self.row;
            // SAFETY: blocks and members are disjoint.
            let rows = unsafe { batch.at(first, block.len() * self.row) };
            for row in rows.chunks_exact_mut(self.row) {
                for column in self.columns {
                    let s = row[column..].iter_mut();
                    for ((s, m), i) in s.zip(mean).zip(inverse) {
                        *s = (*s - m) * i;
                    }
                }
            }
        });
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let args = StandardiseArgs {
            first: word(self.first),
            rows: word(self.rows),
            batch_rows: word(self.batch_rows),
            row: word(self.row),
            obs_dim: word(self.obs_dim),
            columns: self.columns.map(word),
        };
        let blocks = self.rows.div_ceil(THREADS as usize / 32);
        Program::run(&args, &[], [blocks, self.members, 1])
    }
}

//! States of a batch on the data set's scale: s ← (s − mean)·(1/σ), and s' likewise.

use std::ops::Range;

use super::cpu::{blocks, each};
use crate::kernel::{OnHost, RowLayout, kernel};

const SLICE: usize = 256;

kernel! {
    /// Changes the states of some rows.
    pub struct Standardise in "standardise";
    fields {
        /// Which rows of each member's batch.
        rows: Range<usize>,
        /// A row.
        row: RowLayout,
    }
    each {}
    buffers StandardiseBuffers {
        out {
            /// Rows.
            batch: Rows,
        }
        in {
            /// Means `[S]`, then 1/σ `[S]`.
            scale: StateScale,
        }
    }
    threads |k| 32 * k.rows.len();
    floats |k| 4 * k.rows.len() * k.row.obs_dim;
}

impl Standardise {
    fn twin(&self, b: StandardiseBuffers<OnHost<'_>>) {
        let tasks: Vec<_> = blocks(self.rows.len(), SLICE).collect();
        let (width, obs_dim) = (self.row.floats(), self.row.obs_dim);
        each(self.members * tasks.len(), |task| {
            let (member, block) = (task % self.members, &tasks[task / self.members]);
            let (mean, inverse) = b.scale.of(member).split_at(obs_dim);
            let first = (self.rows.start + block.start) * width;
            // SAFETY: blocks and members are disjoint.
            let rows = unsafe { b.batch.part(member, first, block.len() * width) };
            for row in rows.chunks_exact_mut(width) {
                for column in [self.row.obs(), self.row.next_obs()] {
                    let s = row[column..].iter_mut();
                    for ((s, m), i) in s.zip(mean).zip(inverse) {
                        *s = (*s - m) * i;
                    }
                }
            }
        });
    }
}

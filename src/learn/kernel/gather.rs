//! Rows drawn from a replay, uniformly with replacement.

use super::cpu::{TILE, blocks, each};
use crate::kernel::cuda::word;
use crate::kernel::{OnHost, fields, kernel};
use crate::rng::{Stream, philox};

/// Rows of a replay that lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first of them.
    pub start: usize,
    /// How many.
    pub len: usize,
}

fields! { Span, "Span", 2, |x| [word(x.start), word(x.len)]; }

kernel! {
    /// Row n of member k is row ⌊w·len/2³²⌋ of its span, w being word n mod 4 of Philox block n/4: key = the member's
    /// seed, counter (`lane`, `update`, `stream`).
    pub struct Gather in "gather";
    fields {
        /// Separates uses of one stream.
        lane: u32,
        /// Index of the update.
        update: u32,
        /// Which draws.
        stream: Stream,
        /// Length of a replay row.
        row: usize,
        /// First row written, of each member's batch.
        first: usize,
        /// Rows drawn.
        rows: usize,
        /// Floats of a row that are kept: a prefix.
        width: usize,
    }
    each {
        /// Key of the draws.
        seed: u64,
        /// Which rows of the replay a member draws from.
        span: Span,
    }
    buffers GatherBuffers {
        out {
            /// Rows of `width` floats.
            batch: Rows,
        }
        in {
            /// All rows.
            replay: ReplayRows,
        }
    }
    threads |k| 32 * k.rows;
    floats |k| 2 * k.rows * k.width;
}

impl Gather {
    fn twin(&self, b: GatherBuffers<OnHost<'_>>) {
        let tiles: Vec<_> = blocks(self.rows, TILE).collect();
        let members = self.members;
        each(members * tiles.len(), |task| {
            let (member, tile) = (task % members, &tiles[task / members]);
            let Span { start, len } = self.span.of(member);
            let rows = &b.replay.of(member)[start * self.row..][..len * self.row];
            let (first, floats) = (self.first + tile.start, tile.len() * self.width);
            // SAFETY: row blocks and members are disjoint.
            let out = unsafe { b.batch.part(member, first * self.width, floats) };
            let mut words = [0; 4];
            for (n, to) in tile.clone().zip(out.chunks_exact_mut(self.width)) {
                // TILE is a multiple of 4, so a block of words is never split.
                if n % 4 == 0 {
                    let (seed, block) = (self.seed.of(member), (n / 4) as u32);
                    words = philox(seed, self.lane, self.update, self.stream, block);
                }
                let index = (u64::from(words[n % 4]) * len as u64) >> 32;
                to.copy_from_slice(&rows[index as usize * self.row..][..self.width]);
            }
        });
    }
}

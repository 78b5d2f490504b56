//! Rows drawn from a replay, uniformly with replacement.

use super::{PerMember, Shared, TILE, blocks, each};
use crate::nn::cuda::{Program, THREADS, arguments, seeds, word};
use crate::nn::launch::{Cost, Kernel};
use crate::rng::{Stream, philox};

/// Rows of a replay that lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first of them.
    pub start: usize,
    /// How many.
    pub len: usize,
}

/// Kernel: outputs `[batch [members, batch_rows, width]]`, inputs `[replay rows]`. Row n of member k is row
/// ⌊w·len/2³²⌋ of its span, w being word n mod 4 of Philox block n/4: key = the member's seed,
/// counter (`lane`, `update`, `stream`).
#[derive(Clone, Debug)]
pub struct Gather {
    /// One seed a member.
    pub seeds: Vec<u64>,
    /// Separates uses of one stream.
    pub lane: u32,
    /// Index of the update.
    pub update: u32,
    /// Which draws.
    pub stream: Stream,
    /// Which rows of the replay a member draws from.
    pub spans: PerMember<Span>,
    /// Length of a replay row.
    pub row: usize,
    /// First row written, of each member's batch.
    pub first: usize,
    /// Rows drawn.
    pub rows: usize,
    /// Rows of a member's batch.
    pub batch_rows: usize,
    /// Floats of a row that are kept: a prefix.
    pub width: usize,
}

arguments! { "gather",
    struct GatherArgs {
        lane: u32, update: u32, stream: u32, row: u32, first: u32, rows: u32, batch_rows: u32, width: u32,
    }
}

impl Kernel<1, 1> for Gather {
    const NAME: &'static str = "gather";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * 2 * self.seeds.len() * self.rows * self.width) as u64,
        }
    }

    fn cpu(&self, [batch]: [&mut [f32]; 1], [replay]: [&[f32]; 1]) {
        let batch = Shared::new(batch);
        let tiles: Vec<_> = blocks(self.rows, TILE).collect();
        let members = self.seeds.len();
        each(members * tiles.len(), |task| {
            let (member, tile) = (task % members, &tiles[task / members]);
            let Span { start, len } = self.spans.of(member);
            let rows = &replay[start * self.row..][..len * self.row];
            let first = (member * self.batch_rows + self.first + tile.start) * self.width;
            // SAFETY: row blocks and members are disjoint.
            let out = unsafe { batch.at(first, tile.len() * self.width) };
            let mut words = [0; 4];
            for (n, to) in tile.clone().zip(out.chunks_exact_mut(self.width)) {
                // TILE is a multiple of 4, so a block of words is never split.
                if n % 4 == 0 {
                    words = philox(
                        self.seeds[member],
                        self.lane,
                        self.update,
                        self.stream,
                        (n / 4) as u32,
                    );
                }
                let index = (u64::from(words[n % 4]) * len as u64) >> 32;
                to.copy_from_slice(&rows[index as usize * self.row..][..self.width]);
            }
        });
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let args = GatherArgs {
            lane: self.lane,
            update: self.update,
            stream: self.stream as u32,
            row: word(self.row),
            first: word(self.first),
            rows: word(self.rows),
            batch_rows: word(self.batch_rows),
            width: word(self.width),
        };
        let blocks = self.rows.div_ceil(THREADS as usize / 32);
        let grid = [blocks, self.seeds.len(), 1];
        let mut tail = seeds(&self.seeds);
        for m in 0..self.seeds.len() {
            let Span { start, len } = self.spans.of(m);
            tail.extend([word(start), word(len)]);
        }
        Program::run(&args, &tail, grid)
    }
}

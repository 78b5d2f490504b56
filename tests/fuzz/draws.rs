//! A case's chance: a function of (seed, format, case) alone.

use h2oplus::rng::{Stream, philox};

/// The draws of one case, one after the other.
pub struct Draws {
    seed: u64,
    format: u32,
    case: u32,
    next: u32,
    words: [u32; 4],
}

impl Draws {
    pub fn new(seed: u64, format: usize, case: u64) -> Self {
        Self {
            seed,
            format: format as u32,
            case: case as u32,
            next: 0,
            words: [0; 4],
        }
    }

    /// 32 random bits.
    pub fn word(&mut self) -> u32 {
        let (block, lane) = (self.next / 4, self.next % 4);
        if lane == 0 {
            self.words = philox(self.seed, self.format, self.case, Stream::Data, block);
        }
        self.next += 1;
        self.words[lane as usize]
    }

    /// A number below `n`; 0 where there is none.
    pub fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.word()) * n as u64) >> 32) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `all`.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A length up to `most`, short ones more often.
    pub fn length(&mut self, most: usize) -> usize {
        let scale = self.below(most.max(1).ilog2() as usize + 1);
        (1 + self.below(1 << (scale + 1))).min(most.max(1))
    }
}

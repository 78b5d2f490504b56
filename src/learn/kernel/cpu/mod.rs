//! What the kernels' CPU functions are made of: products, loops over floats, and tasks at disjoint places.

pub mod bf16;
mod block;
pub(crate) mod narrow;
pub mod peak;
pub mod product;
pub(crate) mod wide;

use std::ops::Range;

use rayon::prelude::*;

/// Rows per tile of a product. Fixed, so that bits depend neither on threads nor on the population.
pub const TILE: usize = 128;

/// A buffer that tasks write at disjoint places.
#[derive(Clone, Copy)]
pub(crate) struct Shared(*mut f32, usize);

// SAFETY: access goes through `Shared::at`, whose callers promise disjoint ranges.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new(buffer: &mut [f32]) -> Self {
        Self(buffer.as_mut_ptr(), buffer.len())
    }

    /// The `len` floats from `start` on.
    ///
    /// # Safety
    /// No two tasks may hold overlapping ranges, and the buffer outlives the task.
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub(crate) unsafe fn at(&self, start: usize, len: usize) -> &mut [f32] {
        // SAFETY: in bounds by `pointer`'s assertion, disjoint by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(start, len), len) }
    }

    /// The `len` floats from `start` on, to read.
    ///
    /// # Safety
    /// No task writes them meanwhile, and the buffer outlives the task.
    pub(crate) unsafe fn read(&self, start: usize, len: usize) -> &[f32] {
        // SAFETY: in bounds by `pointer`'s assertion, unwritten by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.pointer(start, len), len) }
    }

    /// Where the `len` floats from `start` on lie.
    pub(crate) fn pointer(&self, start: usize, len: usize) -> *mut f32 {
        assert!(start + len <= self.1, "{start} + {len} > {}", self.1);
        self.0.wrapping_add(start)
    }
}

/// Calls `task(0..n)`, in parallel when there is more than one.
pub(crate) fn each(n: usize, task: impl Fn(usize) + Sync + Send) {
    if n < 2 {
        (0..n).for_each(task);
    } else {
        (0..n).into_par_iter().with_max_len(1).for_each(task);
    }
}

/// Member and number among its `n` tasks of task `task`: member after member, so that a thread finds a member's
/// parameters in its cache.
pub(crate) fn member_of(task: usize, n: usize) -> (usize, usize) {
    (task / n, task % n)
}

/// Sums what `task` returns over the row tiles of each of `members` members, in the order of the tiles.
pub(crate) fn tile_sums<const K: usize>(
    members: usize,
    rows: usize,
    task: impl Fn(usize, Range<usize>) -> [f32; K] + Sync + Send,
) -> Vec<[f32; K]> {
    let tiles: Vec<_> = blocks(rows, TILE).collect();
    let mut parts = vec![0.0; members * tiles.len() * K];
    let shared = Shared::new(&mut parts);
    each(members * tiles.len(), |n| {
        // SAFETY: each task has a place of its own.
        let place = unsafe { shared.at(n * K, K) };
        place.copy_from_slice(&task(n / tiles.len(), tiles[n % tiles.len()].clone()));
    });
    let member = |parts: &[f32]| {
        let mut sums = [0.0; K];
        for part in parts.chunks_exact(K) {
            sums.iter_mut().zip(part).for_each(|(s, p)| *s += p);
        }
        sums
    };
    parts.chunks_exact(tiles.len() * K).map(member).collect()
}

/// Splits `0..n` into blocks of at most `size`.
pub(crate) fn blocks(n: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n.div_ceil(size)).map(move |b| b * size..((b + 1) * size).min(n))
}

/// Mean in the order of the slice.
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let n = values.len() as f32;
    values.sum::<f32>() / n
}

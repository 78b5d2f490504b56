//! Fused kernels, one a file, each with its CPU implementation and a parity test against candle's
//! composed operations.
//!
//! All buffers carry the member as their leading axis; a kernel's offsets count floats within a member.

pub mod actor;
pub mod adam;
pub mod awr;
pub mod candidates;
pub mod cql;
pub mod dense;
pub mod dense_grad;
pub mod gather;
pub mod gaussian;
pub mod guard;
pub mod h2o;
pub mod head;
mod log_std;
mod narrow;
pub mod noise;
pub mod norm;
mod per_member;
pub mod polyak;
pub mod product;
pub mod ratio;
pub mod standardise;
pub mod target;
pub mod td;
pub mod td3bc;
pub mod value;
pub(crate) mod wide;

use std::ops::Range;

pub use log_std::LogStd;
pub use per_member::PerMember;
use rayon::prelude::*;

use crate::nn::cuda::{Entry, word};

/// Choices, places and numbers by name, as the CUDA sources know them.
pub(super) fn cuda_constants() -> Vec<(&'static str, String)> {
    use noise::Draw;
    use ratio::RatioHeads;
    use target::Exploration;
    use value::Value;
    let words = [
        ("HEALTH", word(guard::HEALTH)),
        ("FROZEN", word(guard::FROZEN)),
        ("BROKEN", word(guard::BROKEN)),
        ("NORMAL", Draw::Normal as u32),
        ("PUBLISHED_HEADS", RatioHeads::Published as u32),
        ("ENTROPY", Exploration::Entropy as u32),
        ("OPTIMISM", Exploration::Optimism as u32),
        ("EXPECTILE", Value::Expectile as u32),
        ("SPARSE", Value::Sparse as u32),
        ("EXPONENTIAL", Value::Exponential as u32),
    ];
    let words = words.map(|(name, word)| (name, word.to_string()));
    // The shortest digits that give the same float again.
    let norm = ("NORM_EPSILON", norm::EPSILON);
    let floats = adam::cuda_constants().into_iter().chain([norm]);
    let floats = floats.map(|(name, float)| (name, format!("{float:?}f")));
    words.into_iter().chain(floats).collect()
}

/// Every CUDA kernel of this folder.
pub(super) fn cuda_entries() -> Vec<Entry> {
    vec![
        actor::ActorLoss::ENTRY,
        adam::Adam::ENTRY,
        awr::AwrLoss::ENTRY,
        candidates::Candidates::ENTRY,
        cql::CqlLoss::ENTRY,
        gather::Gather::ENTRY,
        gaussian::GaussianSample::ENTRY,
        h2o::GapWeight::ENTRY,
        h2o::H2oLoss::ENTRY,
        guard::Guard::ENTRY,
        head::Sample::ENTRY,
        head::SampleGrad::ENTRY,
        noise::Blur::ENTRY,
        noise::Noise::ENTRY,
        noise::ScaleColumns::ENTRY,
        polyak::Polyak::ENTRY,
        ratio::RatioLoss::ENTRY,
        ratio::RatioWeight::ENTRY,
        standardise::Standardise::ENTRY,
        target::Target::ENTRY,
        td::TdLoss::ENTRY,
        td3bc::PolicyActions::ENTRY,
        td3bc::Td3BcGrad::ENTRY,
        td3bc::Td3BcLoss::ENTRY,
        value::ValueLoss::ENTRY,
    ]
}

/// Threads of a CUDA kernel that takes one block a member.
const BLOCK: usize = crate::nn::cuda::THREADS as usize;

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

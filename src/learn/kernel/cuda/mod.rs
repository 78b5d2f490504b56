//! What kernels do on a GPU, said without one: a [`Program`] of launches and batched matrix products.
//!
//! Each kernel of [`kernel`](super) builds its program from the same fields that its CPU function reads.
//! The engine (feature `cuda`) runs programs on a stream; the tests run the same programs on the host, the CUDA
//! sources compiled by the host's C++ compiler.
//!
//! **Convention.** A CUDA kernel takes the launch's buffers in their order, outputs first, then a pointer to its
//! arguments: a struct of 32-bit fields, and behind it a tail of 32-bit words (numbers per member, tables of jobs).
//! `kernel!` declares all of it once, for Rust and for C: `<name>.cu` holds a function `<name>_body`
//! that is given one member's part of everything by name. `arguments!` declares the structs of networks. Arguments lie in device memory, so that a captured
//! graph is replayed with new ones.

mod arguments;
pub mod dense;
#[cfg(feature = "cuda")]
pub mod engine;

pub use arguments::{Arguments, Entry};
pub(crate) use arguments::{arguments, field};

use bytemuck::Pod;

/// Threads of a block, unless a kernel says otherwise.
pub const THREADS: u32 = 256;

/// The steps of one launch, in their order on one stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A kernel of ours.
    Run(KernelCall),
    /// Matrix products of one shape.
    Product(Product),
}

/// A launch of a CUDA kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelCall {
    /// Which.
    pub entry: Entry,
    /// Which of the launch's buffers it takes, outputs counted first; none: all of them.
    pub buffers: Option<Vec<usize>>,
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub threads: u32,
    /// The arguments and their tail.
    pub arguments: Vec<u8>,
}

/// A matrix in a buffer: one a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Which of the launch's buffers, outputs counted first.
    pub buffer: usize,
    /// First float within a member.
    pub offset: usize,
    /// Floats from a member to the next.
    pub stride: usize,
}

/// C ← A·B for every member and every triple of `blocks`, row by row in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Members.
    pub members: usize,
    /// Shape and steps.
    pub shape: ProductShape,
    /// A, B, C.
    pub blocks: Vec<[Operand; 3]>,
}

/// C `[m, n]` ← A `[m, k]` · B `[k, n]`. A transposed operand lies in memory as `[k, m]` or `[n, k]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProductShape {
    /// m, n, k.
    pub size: [usize; 3],
    /// Whether A, and whether B, lies transposed.
    pub transposed: [bool; 2],
    /// Floats from a row in memory to the next: A, B, C.
    pub ld: [usize; 3],
}

impl KernelCall {
    /// `A`'s kernel on all buffers, in blocks of [`THREADS`].
    pub fn new<A: Arguments>(arguments: &A, tail: &[u32], grid: [usize; 3]) -> Self {
        let mut bytes = bytemuck::bytes_of(arguments).to_vec();
        bytes.extend_from_slice(bytemuck::cast_slice(tail));
        Self {
            entry: A::ENTRY,
            buffers: None,
            grid: grid.map(word),
            threads: THREADS,
            arguments: bytes,
        }
    }
}

/// A size as the device counts.
pub(crate) fn word(n: usize) -> u32 {
    u32::try_from(n).expect("a size within a member fits 32 bits")
}

/// A table of structs as words.
pub(crate) fn table<T: Pod>(rows: &[T]) -> Vec<u32> {
    bytemuck::cast_slice(rows).to_vec()
}

/// All CUDA sources as one translation unit: what is shared, then every kernel behind its arguments.
pub fn source() -> String {
    let mut unit = String::new();
    let dense = dense::CONSTANTS.map(|(name, word)| (name, word.to_string()));
    for (name, value) in super::cuda_constants().into_iter().chain(dense) {
        unit += &format!("#define {name} {value}\n");
    }
    unit += include_str!("common.cuh");
    for entry in entries() {
        unit += &(entry.declare)();
        unit += entry.text;
        unit += &(entry.finish)();
    }
    unit
}

/// Every CUDA kernel.
pub fn entries() -> Vec<Entry> {
    let ops = super::cuda_entries();
    ops.into_iter().chain(dense::entries()).collect()
}

//! Blocks of C: two tiles by two.

use std::arch::x86_64::*;
use std::cell::RefCell;

use super::Unit;
use super::amx::Tiles;
use super::pack::{Factor, LINES, Tile, mask};
use crate::kernel::cpu::product::{Finish, Strided};

/// The sums of a block.
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [f32; Self::WIDTH * Self::WIDTH]);

impl Sums {
    /// Rows, and columns.
    pub(super) const WIDTH: usize = 2 * LINES;
}

thread_local! {
    /// Room for the factors' tiles.
    static PACKED: RefCell<Vec<Tile>> = const { RefCell::new(Vec::new()) };
}

/// C and what becomes of the sums.
struct Output<'a> {
    size: (usize, usize),
    c: (*mut f32, usize),
    finish: Finish<'a>,
}

/// C = finish(A·B).
///
/// # Safety
/// The CPU has `unit`; `product::check` has found A, B and `finish` long enough; C can be written.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn product(
    unit: Unit,
    (m, n, k): (usize, usize, usize),
    c: (*mut f32, usize),
    (a, a_row, a_column): Strided,
    (b, b_row, b_column): Strided,
    finish: Finish,
) {
    let a = Factor {
        from: a.as_ptr(),
        lines: (m, a_row),
        steps: (k, a_column),
        by_line: true,
    };
    let b = Factor {
        from: b.as_ptr(),
        lines: (n, b_column),
        steps: (k, b_row),
        by_line: false,
    };
    let output = Output {
        size: (m, n),
        c,
        finish,
    };
    let ((rows, depth), (columns, _)) = (a.tiles(), b.tiles());
    PACKED.with_borrow_mut(|room| {
        let tiles = (rows + columns) * depth;
        room.resize(room.len().max(tiles), Tile::ZERO);
        let (of_a, of_b) = room[..tiles].split_at_mut(rows * depth);
        // SAFETY: as the caller promises.
        unsafe {
            a.pack(of_a);
            b.pack(of_b);
            match unit {
                Unit::Amx => {
                    let amx = Tiles::new();
                    blocks(&output, of_a, of_b, depth, |a, b, two, sums| match two {
                        (true, true) => amx.block::<2, 2>(a, b, depth, sums),
                        (true, false) => amx.block::<2, 1>(a, b, depth, sums),
                        (false, true) => amx.block::<1, 2>(a, b, depth, sums),
                        (false, false) => amx.block::<1, 1>(a, b, depth, sums),
                    });
                }
                Unit::Avx512 => blocks(&output, of_a, of_b, depth, |a, b, two, sums| match two {
                    (true, true) => dots::<2, 2>(a, b, depth, sums),
                    (true, false) => dots::<2, 1>(a, b, depth, sums),
                    (false, true) => dots::<1, 2>(a, b, depth, sums),
                    (false, false) => dots::<1, 1>(a, b, depth, sums),
                }),
            }
        }
    });
}

/// Calls `block` for every block of C, with the first tiles of A's and of B's lines, and whether there is a second; then
/// stores its sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn blocks(
    output: &Output,
    a: &[Tile],
    b: &[Tile],
    depth: usize,
    block: impl Fn([*const Tile; 2], [*const Tile; 2], (bool, bool), &mut Sums),
) {
    let pair = |of: &[Tile]| [of.as_ptr(), of.as_ptr().wrapping_add(depth)];
    let mut sums = Sums([0.0; Sums::WIDTH * Sums::WIDTH]);
    for (j, b) in b.chunks(2 * depth).enumerate() {
        for (i, a) in a.chunks(2 * depth).enumerate() {
            let two = (a.len() > depth, b.len() > depth);
            block(pair(a), pair(b), two, &mut sums);
            // SAFETY: as `product`'s caller promises.
            unsafe { output.store(&sums, i * Sums::WIDTH, j * Sums::WIDTH) };
        }
    }
}

impl Output<'_> {
    /// Finishes the sums of the block at `first` and `column`, and stores them.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    unsafe fn store(&self, sums: &Sums, first: usize, column: usize) {
        let ((m, n), (c, c_row)) = (self.size, self.c);
        let zero = _mm512_setzero_ps();
        let rows = sums.0.chunks_exact(Sums::WIDTH).zip(first..m);
        for (sums, row) in rows {
            for (half, column) in (column..n).step_by(LINES).take(2).enumerate() {
                let some = mask(n - column);
                // SAFETY: 16 sums of a block; columns up to n of rows that `product::check` has found to lie inside.
                unsafe {
                    let load = |from: *const f32| _mm512_maskz_loadu_ps(some, from.add(column));
                    let mut y = _mm512_loadu_ps(sums.as_ptr().add(half * LINES));
                    match self.finish {
                        Finish::Store => {}
                        Finish::Add { bias, per, relu } => {
                            let group = if per < m { row / per } else { 0 };
                            y = _mm512_add_ps(y, load(bias.as_ptr().add(group * n)));
                            if relu {
                                // As the float32 kernel: what is no number becomes 0.
                                let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(y, zero);
                                y = _mm512_maskz_mov_ps(above, y);
                            }
                        }
                        Finish::Mask { x, rows } => {
                            let x = load(x.as_ptr().add(rows[row] * n));
                            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, zero);
                            y = _mm512_maskz_mov_ps(above, y);
                        }
                    }
                    _mm512_mask_storeu_ps(c.add(row * c_row + column), some, y);
                }
            }
        }
    }
}

/// `I` × `J` tiles of sums by dot products of pairs, eight rows at a time in registers.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn dots<const I: usize, const J: usize>(
    a: [*const Tile; 2],
    b: [*const Tile; 2],
    depth: usize,
    sums: &mut Sums,
) {
    const ROWS: usize = 8;
    for (first, a) in (0..I * LINES)
        .step_by(ROWS)
        .map(|first| (first, a[first / LINES]))
    {
        let mut block = [[_mm512_setzero_ps(); J]; ROWS];
        for step in 0..depth {
            // SAFETY: each pointer has `depth` tiles.
            let (a, b) = unsafe { (&(*a.add(step)).0, b.map(|b| b.wrapping_add(step))) };
            for pair in 0..LINES {
                let b: [__m512bh; J] = std::array::from_fn(|j| {
                    // SAFETY: as above; any 512 bits are 32 bfloat16.
                    unsafe {
                        let row = b[j].cast::<u32>().add(pair * LINES);
                        std::mem::transmute(_mm512_loadu_si512(row.cast()))
                    }
                });
                for (row, sums) in block.iter_mut().enumerate() {
                    let a = a[(first % LINES + row) * LINES + pair];
                    // SAFETY: as above.
                    let a: __m512bh = unsafe { std::mem::transmute(_mm512_set1_epi32(a as i32)) };
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum = _mm512_dpbf16_ps(*sum, a, b);
                    }
                }
            }
        }
        for (row, sums_of) in block.iter().enumerate() {
            let to = &mut sums.0[(first + row) * Sums::WIDTH..][..Sums::WIDTH];
            for (to, sum) in to.chunks_exact_mut(LINES).zip(sums_of) {
                // SAFETY: 16 floats.
                unsafe { _mm512_storeu_ps(to.as_mut_ptr(), *sum) };
            }
        }
    }
}

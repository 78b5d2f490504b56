//! Blocks of a matrix product in registers.
//!
//! Rows of B that are a power of two apart drive each other out of the first cache, and so do A's where it lies by
//! columns: both are copied side by side first, B a panel at a time, which all strips of A then meet.

use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::{MemMask, Simd, WithSimd};

use super::product::Finish;

/// Rows of a block of C in registers: two vectors each, beside two of B and one of A.
pub(super) const MOST_ROWS: usize = 12;
/// The same where there are 16 registers, and a row is more than one vector.
const FEW_ROWS: usize = 6;
/// Floats of B that are copied together: with the rows of A that they meet, half of the first cache.
const PANEL: usize = 4096;

/// A product whose pointers are good for its size.
pub(super) struct Product<'a> {
    pub(super) size: (usize, usize, usize),
    pub(super) a: (*const f32, usize, usize),
    pub(super) b: (*const f32, usize),
    pub(super) c: (*mut f32, usize),
    pub(super) finish: Finish<'a>,
    /// Room for (m + `MOST_ROWS`)·k floats, where A lies by columns.
    pub(super) room: Option<*mut f32>,
}

/// How A is cut: strips of so many rows at most, one after another.
#[derive(Clone, Copy)]
struct Strips {
    count: usize,
    most: usize,
    /// Floats from a strip to the next; none: as the rows lie.
    apart: Option<usize>,
}

/// Columns of B that stand side by side in registers, one row after another.
#[repr(align(64))]
struct Panel([MaybeUninit<f32>; PANEL]);

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut cut = self.cut::<S>();
        if let Some(to) = self.room
            && self.size.1 > 2 * S::F32_LANES
        {
            cut.apart = Some(cut.most * self.size.2);
            if cut.most == FEW_ROWS {
                self.turn::<FEW_ROWS>(cut, to);
            } else {
                self.turn::<MOST_ROWS>(cut, to);
            }
            self.a = (to, 1, cut.most);
        }
        self.strips::<S>(simd, cut);
    }
}

impl Product<'_> {
    /// How A is cut, where it stays.
    #[inline(always)]
    fn cut<S: Simd>(&self) -> Strips {
        let (m, n, _) = self.size;
        let few = S::REGISTER_COUNT < 32 && n > S::F32_LANES;
        let most = if few { FEW_ROWS } else { MOST_ROWS };
        Strips {
            count: m.div_ceil(most),
            most,
            apart: None,
        }
    }

    /// Copies A's columns, the rows of a strip side by side: `MOST` of them, of which some may be others'.
    #[inline(always)]
    fn turn<const MOST: usize>(&self, cut: Strips, to: *mut f32) {
        let (m, _, k) = self.size;
        let (a, a_row, a_column) = self.a;
        for strip in 0..cut.count {
            let first = strip * m / cut.count;
            let whole = a_row == 1 && first + MOST <= m;
            for step in 0..k {
                // SAFETY: inside A, as `product_into` has found, and inside the room for it.
                unsafe {
                    let from = a.add(step * a_column + first * a_row);
                    let to = to.add((strip * k + step) * MOST);
                    if whole {
                        let row = from.cast::<[f32; MOST]>().read_unaligned();
                        to.cast::<[f32; MOST]>().write_unaligned(row);
                    } else {
                        for i in 0..(m - first).min(MOST) {
                            to.add(i).write(*from.add(i * a_row));
                        }
                    }
                }
            }
        }
    }

    /// All columns of C, a panel of B after another.
    #[inline(always)]
    fn strips<S: Simd>(&self, simd: S, cut: Strips) {
        let (_, n, k) = self.size;
        let mut panel = Panel([MaybeUninit::uninit(); _]);
        let depth = PANEL / (2 * S::F32_LANES);
        for from in (0..k).step_by(depth) {
            let steps = from..k.min(from + depth);
            for column in (0..n).step_by(2 * S::F32_LANES) {
                if n - column > S::F32_LANES {
                    self.columns::<S, 2>(simd, cut, column, steps.clone(), &mut panel);
                } else {
                    self.columns::<S, 1>(simd, cut, column, steps.clone(), &mut panel);
                }
            }
        }
    }

    /// `V` vectors of columns from `column` on, or up to the last one: these `steps` of k.
    #[inline(always)]
    fn columns<S: Simd, const V: usize>(
        &self,
        simd: S,
        cut: Strips,
        column: usize,
        steps: Range<usize>,
        panel: &mut Panel,
    ) {
        let (m, n, _) = self.size;
        let (a, a_row, a_column) = self.a;
        let whole = n - column >= V * S::F32_LANES;
        // SAFETY: inside B, as `product_into` has found.
        let mut b = unsafe { (self.b.0.add(steps.start * self.b.1 + column), self.b.1) };
        if !whole || cut.count > 1 {
            b = panel.copy::<S, V>(simd, b, n - column, steps.len());
        }
        for strip in 0..cut.count {
            let first = strip * m / cut.count;
            let rows = (strip + 1) * m / cut.count - first;
            let place = cut.apart.map_or(first * a_row, |apart| strip * apart);
            let a = a.wrapping_add(place + steps.start * a_column);
            let at = (first, column);
            if whole {
                self.rows::<S, V, true>(simd, rows, at, &steps, a, b);
            } else {
                self.rows::<S, V, false>(simd, rows, at, &steps, a, b);
            }
        }
    }

    /// A block of `rows` rows and of `V` vectors, or up to the last column; `a` and `b` are where its first step is.
    #[inline(always)]
    fn rows<S: Simd, const V: usize, const WHOLE: bool>(
        &self,
        simd: S,
        rows: usize,
        at: (usize, usize),
        steps: &Range<usize>,
        a: *const f32,
        b: (*const f32, usize),
    ) {
        macro_rules! by_count {
            ($($count:literal)*) => {
                match rows {
                    $($count => self.block::<S, $count, V, WHOLE>(simd, at, steps, a, b),)*
                    _ => unreachable!("a block has 1 to {MOST_ROWS} rows"),
                }
            };
        }
        by_count!(1 2 3 4 5 6 7 8 9 10 11 12)
    }

    #[inline(always)]
    fn block<S: Simd, const M: usize, const V: usize, const WHOLE: bool>(
        &self,
        simd: S,
        (first, column): (usize, usize),
        steps: &Range<usize>,
        a: *const f32,
        (b, b_row): (*const f32, usize),
    ) {
        let (m, n, k) = self.size;
        let (_, a_row, a_column) = self.a;
        let (c, c_row) = self.c;
        let masks: [_; V] = masks(simd, n - column);
        let load = |row: *const f32| -> [S::f32s; V] {
            // SAFETY: columns up to n of rows that `product_into` has found to lie inside.
            std::array::from_fn(|v| unsafe {
                let at = row.add(v * S::F32_LANES);
                if WHOLE {
                    at.cast::<S::f32s>().read_unaligned()
                } else {
                    simd.mask_load_ptr_f32s(masks[v], at)
                }
            })
        };
        let zero = simd.splat_f32s(0.0);
        let mut sums = [[zero; V]; M];
        if steps.start > 0 {
            // SAFETY: as above; the steps before these have stored it.
            sums = std::array::from_fn(|i| load(unsafe { c.add((first + i) * c_row + column) }));
        }
        // Every third row; an address reaches the two behind it.
        let mut thirds: [_; MOST_ROWS / 3] = std::array::from_fn(|i| a.wrapping_add(3 * i * a_row));
        for step in 0..steps.len() {
            // SAFETY: as above.
            let row: [S::f32s; V] = unsafe {
                let b = b.add(step * b_row);
                let vector = |v: usize| b.add(v * S::F32_LANES).cast::<S::f32s>();
                std::array::from_fn(|v| vector(v).read_unaligned())
            };
            for (i, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                let a = simd.splat_f32s(unsafe { *thirds[i / 3].wrapping_add(i % 3 * a_row) });
                for (sum, b) in sums.iter_mut().zip(row) {
                    *sum = simd.mul_add_f32s(a, b, *sum);
                }
            }
            for third in &mut thirds[..M.div_ceil(3)] {
                *third = opaque(third.wrapping_add(a_column));
            }
        }
        for (i, mut y) in sums.into_iter().enumerate() {
            let row = first + i;
            match self.finish {
                _ if steps.end < k => {}
                Finish::Store => {}
                Finish::Add { bias, per, relu } => {
                    // A division costs as much as a dozen steps.
                    let group = if per < m { row / per } else { 0 };
                    // SAFETY: as above.
                    let bias = load(unsafe { bias.as_ptr().add(group * n + column) });
                    for (y, bias) in y.iter_mut().zip(bias) {
                        *y = simd.add_f32s(*y, bias);
                        if relu {
                            *y = simd.select_f32s(simd.greater_than_f32s(*y, zero), *y, zero);
                        }
                    }
                }
                Finish::Mask { x, rows } => {
                    // SAFETY: as above.
                    let x = load(unsafe { x.as_ptr().add(rows[row] * n + column) });
                    for (y, x) in y.iter_mut().zip(x) {
                        *y = simd.select_f32s(simd.greater_than_f32s(x, zero), *y, zero);
                    }
                }
            }
            for (v, y) in y.into_iter().enumerate() {
                // SAFETY: as above; C is the caller's promise.
                unsafe {
                    let at = c.add(row * c_row + column + v * S::F32_LANES);
                    if WHOLE {
                        at.cast::<S::f32s>().write_unaligned(y);
                    } else {
                        simd.mask_store_ptr_f32s(masks[v], at, y);
                    }
                }
            }
        }
    }
}

impl Panel {
    /// Copies `V` vectors of each of `steps` rows of `b`, of which `left` columns are left; 0 stands behind the last.
    /// Where they are now, and the floats from a row to the next: in B itself they would drive each other out of the
    /// cache.
    #[inline(always)]
    fn copy<S: Simd, const V: usize>(
        &mut self,
        simd: S,
        (b, b_row): (*const f32, usize),
        left: usize,
        steps: usize,
    ) -> (*const f32, usize) {
        let width = V * S::F32_LANES;
        let masks: [_; V] = masks(simd, left);
        let to = self.0.as_mut_ptr().cast::<f32>();
        assert!(steps * width <= PANEL, "more than a panel");
        for step in 0..steps {
            for (v, mask) in masks.iter().enumerate() {
                // SAFETY: rows of B, as `product_into` has found, up to its last column; and inside the panel.
                unsafe {
                    let from = b.add(step * b_row + v * S::F32_LANES);
                    let x = if left >= width {
                        from.cast::<S::f32s>().read_unaligned()
                    } else {
                        simd.mask_load_ptr_f32s(*mask, from)
                    };
                    to.add(step * width + v * S::F32_LANES)
                        .cast::<S::f32s>()
                        .write_unaligned(x);
                }
            }
        }
        (to, width)
    }
}

/// Which lanes of `V` vectors hold columns where `left` are left.
#[inline(always)]
fn masks<S: Simd, const V: usize>(simd: S, left: usize) -> [MemMask<S::m32s>; V] {
    std::array::from_fn(|v| {
        let left = left - (v * S::F32_LANES).min(left);
        simd.mask_between_m32s(0, left.min(S::F32_LANES) as u32)
    })
}

/// The same pointer, of which the compiler does not know whence it comes: else it keeps one for every row, more than there
/// are registers.
#[inline(always)]
#[expect(
    clippy::pointers_in_nomem_asm_block,
    reason = "nothing is read or written through it"
)]
fn opaque(mut pointer: *const f32) -> *const f32 {
    // SAFETY: it has no instruction.
    unsafe {
        std::arch::asm!("/* {0} */", inout(reg) pointer, options(pure, nomem, nostack, preserves_flags));
    }
    pointer
}

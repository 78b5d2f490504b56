//! Matrix products on one thread, with what follows them done before the registers are stored.
//!
//! Every element is one chain of fused multiply-adds in the order of k: its bits depend neither on the CPU's vectors
//! nor on how rows are shared out among tasks.

use pulp::{Arch, Simd, WithSimd};

/// Rows of a block of C in registers: two vectors each, beside two of B and one of A.
const MOST_ROWS: usize = 12;
/// The same where there are 16 registers.
const FEW_ROWS: usize = 6;
/// Steps of k after which the next block's turn comes: what all blocks read of A and B stays in the second cache.
const DEPTH: usize = 256;
/// Rows of B fetched ahead of their use.
const AHEAD: usize = 8;

/// A matrix's first float on, and the floats from a row to the next and from a column to the next.
pub type Strided<'a> = (&'a [f32], usize, usize);
/// A matrix's first float on, and the floats from a row to the next; its columns are side by side.
pub type Rows<'a> = (&'a [f32], usize);

/// What becomes of A·B.
#[derive(Clone, Copy)]
pub enum Finish<'a> {
    /// It is stored.
    Store,
    /// Row i gets row i / `per` of `bias`, `[⌈m / per⌉, n]`; then max(·, 0) if `relu`.
    Add {
        /// `[⌈m / per⌉, n]`.
        bias: &'a [f32],
        /// Rows that share a row of `bias`.
        per: usize,
        /// Whether negative elements become 0.
        relu: bool,
    },
    /// Row i is stored where row `rows[i]` of x, `[…, n]`, is above 0, and else 0 is.
    Mask {
        /// Rows of n floats.
        x: &'a [f32],
        /// The row of `x` for each of the m rows.
        rows: &'a [usize],
    },
}

impl<'a> Finish<'a> {
    /// One bias for all rows.
    pub fn bias(bias: &'a [f32], relu: bool) -> Self {
        let per = usize::MAX;
        Self::Add { bias, per, relu }
    }
}

/// C = finish(A·B), `[m, k]·[k, n]`; C's rows are side by side.
pub fn product(
    (m, n, k): (usize, usize, usize),
    c: &mut [f32],
    a: Strided,
    b: Rows,
    finish: Finish,
) {
    assert!(m * n <= c.len(), "C is too short");
    // SAFETY: C is borrowed mutably, and as long as asserted.
    unsafe { product_into((m, n, k), (c.as_mut_ptr(), n), a, b, finish) }
}

/// As [`product`], into memory of which other threads may write the gaps between C's rows.
///
/// # Safety
/// C's m·n floats, rows `.1` apart, may be written, and nothing else refers to them meanwhile.
pub(crate) unsafe fn product_into(
    (m, n, k): (usize, usize, usize),
    (c, c_row): (*mut f32, usize),
    (a, a_row, a_column): Strided,
    (b, b_row): Rows,
    finish: Finish,
) {
    assert!(n > 0 && k > 0, "an empty product");
    if m == 0 {
        return;
    }
    assert!(
        (m - 1) * a_row + (k - 1) * a_column < a.len(),
        "A is too short"
    );
    assert!((k - 1) * b_row + n <= b.len(), "B is too short");
    match finish {
        Finish::Store => {}
        Finish::Add { bias, per, .. } => {
            assert!(m.div_ceil(per) * n <= bias.len(), "the bias is too short")
        }
        Finish::Mask { x, rows } => {
            let inside = |row: &usize| (row + 1) * n <= x.len();
            assert!(
                rows.len() == m && rows.iter().all(inside),
                "the mask is too short"
            );
        }
    }
    let (a, b) = (a.as_ptr(), b.as_ptr());
    Arch::new().dispatch(Product {
        size: (m, n, k),
        a: (a, a_row, a_column),
        b: (b, b_row),
        c: (c, c_row),
        finish,
    });
}

/// A product whose pointers are good for its size.
struct Product<'a> {
    size: (usize, usize, usize),
    a: (*const f32, usize, usize),
    b: (*const f32, usize),
    c: (*mut f32, usize),
    finish: Finish<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (m, n, k) = self.size;
        let most = if S::REGISTER_COUNT < 32 {
            FEW_ROWS
        } else {
            MOST_ROWS
        };
        let strips = m.div_ceil(most);
        for from in (0..k).step_by(DEPTH) {
            for strip in 0..strips {
                let first = strip * m / strips;
                let rows = (strip + 1) * m / strips - first;
                for column in (0..n).step_by(2 * S::F32_LANES) {
                    let at = (first, column, from);
                    match n - column {
                        left if left >= 2 * S::F32_LANES => self.rows::<S, 2, true>(simd, rows, at),
                        left if left > S::F32_LANES => self.rows::<S, 2, false>(simd, rows, at),
                        _ => self.rows::<S, 1, false>(simd, rows, at),
                    }
                }
            }
        }
    }
}

impl Product<'_> {
    /// A block of `rows` rows and of `V` vectors, `WHOLE` or up to the last column: the steps of k from `at.2` on.
    #[inline(always)]
    fn rows<S: Simd, const V: usize, const WHOLE: bool>(
        &self,
        simd: S,
        rows: usize,
        at: (usize, usize, usize),
    ) {
        macro_rules! by_count {
            ($($count:literal)*) => {
                match rows {
                    $($count => self.block::<S, $count, V, WHOLE>(simd, at),)*
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
        (first, column, from): (usize, usize, usize),
    ) {
        let (_, n, k) = self.size;
        let (a, a_row, a_column) = self.a;
        let (b, b_row) = self.b;
        let (c, c_row) = self.c;
        let until = k.min(from + DEPTH);
        let masks: [_; V] = std::array::from_fn(|v| {
            let left = n - (column + v * S::F32_LANES).min(n);
            simd.mask_between_m32s(0, left.min(S::F32_LANES) as u32)
        });
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
        if from > 0 {
            // SAFETY: as above; the steps before these have stored it.
            sums = std::array::from_fn(|i| load(unsafe { c.add((first + i) * c_row + column) }));
        }
        for step in from..until {
            // SAFETY: as above.
            let (a, b) = unsafe {
                (
                    a.add(first * a_row + step * a_column),
                    b.add(step * b_row + column),
                )
            };
            prefetch(b.wrapping_add(AHEAD * b_row));
            prefetch(b.wrapping_add(AHEAD * b_row + S::F32_LANES));
            prefetch(a.wrapping_add(AHEAD * a_column));
            let b = load(b);
            for (i, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                let a = simd.splat_f32s(unsafe { *a.add(i * a_row) });
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = simd.mul_add_f32s(a, b, *sum);
                }
            }
        }
        for (i, mut y) in sums.into_iter().enumerate() {
            let row = first + i;
            match self.finish {
                _ if until < k => {}
                Finish::Store => {}
                Finish::Add { bias, per, relu } => {
                    // SAFETY: as above.
                    let bias = load(unsafe { bias.as_ptr().add(row / per * n + column) });
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

/// Asks for a cache line that may not exist.
#[inline(always)]
fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has it, and no address is wrong.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, columns: usize, salt: usize) -> Vec<f32> {
        let value = |n: usize| ((n * 7919 + salt) % 1009) as f32 / 504.5 - 1.0;
        (0..rows * columns).map(value).collect()
    }

    /// The definition: a chain of fused multiply-adds.
    fn element(a: Strided, b: Rows, (i, j, k): (usize, usize, usize)) -> f32 {
        let factor = |l: usize| (a.0[i * a.1 + l * a.2], b.0[l * b.1 + j]);
        (0..k).fold(0.0, |sum, l| {
            let (a, b) = factor(l);
            a.mul_add(b, sum)
        })
    }

    #[test]
    fn any_shape_bit_for_bit() {
        for m in [1, 5, 12, 13, 31, 128] {
            for (n, k) in [
                (1, 1),
                (6, 40),
                (16, 3),
                (17, 17),
                (32, 9),
                (33, 64),
                (71, 5),
            ] {
                let (a, at, b) = (matrix(m, k, 1), matrix(k, m, 2), matrix(k, n + 3, 3));
                for a in [(&a[..], k, 1), (&at[..], 1, m)] {
                    let b = (&b[..b.len() - 3], n + 3);
                    let (bias, mask) = (matrix(m, n, 4), matrix(m, n, 5));
                    let sum = |i, j| element(a, b, (i, j, k));
                    let check = |finish, want: &dyn Fn(usize, usize) -> f32| {
                        let mut c = vec![f32::NAN; m * n];
                        product((m, n, k), &mut c, a, b, finish);
                        for (at, c) in c.iter().enumerate() {
                            let want = want(at / n, at % n);
                            assert_eq!(c.to_bits(), want.to_bits(), "{m} {n} {k} at {at}");
                        }
                    };
                    check(Finish::Store, &sum);
                    check(Finish::bias(&bias, false), &|i, j| sum(i, j) + bias[j]);
                    let relu = |x: f32| if x > 0.0 { x } else { 0.0 };
                    let grouped = Finish::Add {
                        bias: &bias,
                        per: 4,
                        relu: true,
                    };
                    check(grouped, &|i, j| relu(sum(i, j) + bias[i / 4 * n + j]));
                    let rows: Vec<_> = (0..m).rev().collect();
                    let open = |i: usize, j| mask[rows[i] * n + j] > 0.0;
                    let masked = |i, j| if open(i, j) { sum(i, j) } else { 0.0 };
                    let (x, rows) = (&mask[..], &rows[..]);
                    check(Finish::Mask { x, rows }, &masked);
                }
            }
        }
    }

    /// What lies between C's rows belongs to others.
    #[test]
    fn gaps_between_rows_stay() {
        let (a, b) = (matrix(14, 9, 1), matrix(9, 21, 2));
        let mut c = vec![7.0; 14 * 40];
        // SAFETY: C is this test's own.
        unsafe {
            product_into(
                (14, 21, 9),
                (c.as_mut_ptr(), 40),
                (&a, 9, 1),
                (&b, 21),
                Finish::Store,
            );
        }
        for (at, c) in c.iter().enumerate() {
            let (i, j) = (at / 40, at % 40);
            let want = if j < 21 {
                element((&a, 9, 1), (&b, 21), (i, j, 9))
            } else {
                7.0
            };
            assert_eq!(*c, want);
        }
    }
}

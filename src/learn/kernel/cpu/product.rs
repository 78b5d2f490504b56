//! Matrix products on one thread, with what follows them done before the registers are stored.
//!
//! In float32 every element is one chain of fused multiply-adds in the order of k: its bits depend neither on the CPU's vectors
//! nor on how rows are shared out among tasks.

use std::cell::RefCell;

use pulp::Arch;

use super::bf16;
use super::block::{MOST_ROWS, Product};
use crate::kernel::MatmulPrecision;

thread_local! {
    /// Room for an A that lies by columns.
    static TURNED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

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

/// C = finish(A·B), `[m, k]·[k, n]`, in a CPU's `precision`; C's rows are side by side.
pub fn product(
    precision: MatmulPrecision,
    (m, n, k): (usize, usize, usize),
    c: &mut [f32],
    a: Strided,
    b: Rows,
    finish: Finish,
) {
    assert!(m * n <= c.len(), "C is too short");
    // SAFETY: C is borrowed mutably, and as long as asserted.
    unsafe { product_into(precision, (m, n, k), (c.as_mut_ptr(), n), a, b, finish) }
}

/// As [`product`], into memory of which other threads may write the gaps between C's rows.
///
/// # Safety
/// C's m·n floats, rows `.1` apart, may be written, and nothing else refers to them meanwhile.
pub(crate) unsafe fn product_into(
    precision: MatmulPrecision,
    (m, n, k): (usize, usize, usize),
    (c, c_row): (*mut f32, usize),
    (a, a_row, a_column): Strided,
    (b, b_row): Rows,
    finish: Finish,
) {
    if precision == MatmulPrecision::Bf16 {
        // SAFETY: as the caller promises.
        unsafe {
            bf16::product_into(
                (m, n, k),
                (c, c_row),
                (a, a_row, a_column),
                (b, b_row, 1),
                finish,
            );
        }
        return;
    }
    if !check((m, n, k), (a, a_row, a_column), (b, b_row, 1), finish) {
        return;
    }
    let floats = if a_column == 1 {
        0
    } else {
        (m + MOST_ROWS) * k
    };
    TURNED.with_borrow_mut(|room| {
        room.resize(room.len().max(floats), 0.0);
        Arch::new().dispatch(Product {
            size: (m, n, k),
            a: (a.as_ptr(), a_row, a_column),
            b: (b.as_ptr(), b_row),
            c: (c, c_row),
            finish,
            room: (floats > 0).then_some(room.as_mut_ptr()),
        });
    });
}

/// Refuses factors and a finish that are too short for the size. Whether there is anything to do.
pub(super) fn check(
    (m, n, k): (usize, usize, usize),
    (a, a_row, a_column): Strided,
    (b, b_row, b_column): Strided,
    finish: Finish,
) -> bool {
    assert!(n > 0 && k > 0, "an empty product");
    if m == 0 {
        return false;
    }
    assert!(
        (m - 1) * a_row + (k - 1) * a_column < a.len(),
        "A is too short"
    );
    assert!(
        (k - 1) * b_row + (n - 1) * b_column < b.len(),
        "B is too short"
    );
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
    true
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
                (40, 300),
            ] {
                let (a, at, b) = (matrix(m, k, 1), matrix(k, m, 2), matrix(k, n + 3, 3));
                for a in [(&a[..], k, 1), (&at[..], 1, m)] {
                    let b = (&b[..b.len() - 3], n + 3);
                    let (bias, mask) = (matrix(m, n, 4), matrix(m, n, 5));
                    let sum = |i, j| element(a, b, (i, j, k));
                    let check = |finish, want: &dyn Fn(usize, usize) -> f32| {
                        let mut c = vec![f32::NAN; m * n];
                        product(MatmulPrecision::F32, (m, n, k), &mut c, a, b, finish);
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
                MatmulPrecision::F32,
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

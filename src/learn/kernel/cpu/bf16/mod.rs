//! Matrix products of factors rounded to bfloat16, summed in float32, on the units that newer x86 CPUs have for them: AMX
//! tiles, and else AVX-512's dot products of pairs.
//!
//! Both factors are copied into tiles of 16 lines × 32 steps first, in pairs of steps as both units read them; then blocks
//! of C are summed over all steps. Every element is summed in the order of k whatever the size, so bits depend neither on
//! threads nor on how rows are shared out among tasks; they do depend on the unit, for each adds a pair in its own way.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod block;
#[cfg(target_arch = "x86_64")]
mod pack;

use super::product::{Finish, Strided, check};

/// What multiplies pairs of bfloat16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// AMX's tile of 16 × 16 sums.
    Amx,
    /// AVX-512's `vdpbf16ps`.
    Avx512,
}

impl std::fmt::Display for Unit {
    /// As the makers of CPUs name it.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::Amx => "AMX",
            Self::Avx512 => "AVX512-BF16",
        })
    }
}

/// The units of this CPU that the system lets programs use, the fastest first.
pub fn units() -> &'static [Unit] {
    #[cfg(target_arch = "x86_64")]
    {
        static UNITS: std::sync::OnceLock<Vec<Unit>> = std::sync::OnceLock::new();
        UNITS.get_or_init(|| {
            let vectors = is_x86_feature_detected!("avx512bf16")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            let amx = (vectors && amx::usable()).then_some(Unit::Amx);
            amx.into_iter()
                .chain(vectors.then_some(Unit::Avx512))
                .collect()
        })
    }
    #[cfg(not(target_arch = "x86_64"))]
    &[]
}

/// C = finish(A·B), `[m, k]·[k, n]`; C's rows are side by side.
///
/// # Panics
/// On a CPU without [`units`].
pub(crate) fn product(
    (m, n, k): (usize, usize, usize),
    c: &mut [f32],
    a: Strided,
    b: Strided,
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
    size: (usize, usize, usize),
    c: (*mut f32, usize),
    a: Strided,
    b: Strided,
    finish: Finish,
) {
    let unit = *units().first().expect("bf16 is refused on other CPUs");
    // SAFETY: as the caller promises.
    unsafe { product_on(unit, size, c, a, b, finish) }
}

/// As [`product_into`], on `unit`, one of [`units`].
unsafe fn product_on(
    unit: Unit,
    size: (usize, usize, usize),
    c: (*mut f32, usize),
    a: Strided,
    b: Strided,
    finish: Finish,
) {
    if !check(size, a, b, finish) {
        return;
    }
    for (_, one, other) in [a, b] {
        assert!(
            one == 1 || other == 1,
            "a factor lies by rows or by columns"
        );
    }
    assert!(units().contains(&unit), "{unit:?} is no unit of this CPU");
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the CPU has the unit; pointers are good for the size, as `check` has found and the caller promises.
    unsafe {
        block::product(unit, size, c, a, b, finish);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = c;
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    fn matrix(rows: usize, columns: usize, salt: usize) -> Vec<f32> {
        let value = |n: usize| ((n * 7919 + salt) % 1009) as f32 / 504.5 - 1.0;
        (0..rows * columns).map(value).collect()
    }

    /// Σ and Σ|·| of an element's products, of factors that `round` has rounded.
    fn element(
        a: Strided,
        b: Strided,
        (i, j, k): (usize, usize, usize),
        round: fn(f32) -> f32,
    ) -> [f64; 2] {
        let factor = |x: f32| f64::from(round(x));
        (0..k).fold([0.0; 2], |[sum, size], l| {
            let product = factor(a.0[i * a.1 + l * a.2]) * factor(b.0[l * b.1 + j * b.2]);
            [sum + product, size + product.abs()]
        })
    }

    fn rounded(x: f32) -> f32 {
        bf16::from_f32(x).to_f32()
    }

    /// Every unit of this CPU; none is said aloud.
    fn each_unit(test: impl Fn(Unit)) {
        if units().is_empty() {
            h2oplus_base::log!("SKIPPED: this CPU has neither AMX nor AVX512-BF16");
        }
        units().iter().for_each(|unit| test(*unit));
    }

    #[test]
    fn any_shape_equals_the_sums_of_rounded_factors() {
        each_unit(|unit| {
            let mut coarser = 0;
            for m in [1, 5, 16, 17, 33, 128] {
                for (n, k) in [
                    (1, 1),
                    (6, 40),
                    (16, 3),
                    (17, 33),
                    (48, 64),
                    (71, 5),
                    (40, 300),
                ] {
                    let (a, at) = (matrix(m, k, 1), matrix(k, m, 2));
                    let (b, bt) = (matrix(k, n, 3), matrix(n, k, 4));
                    for a in [(&a[..], k, 1), (&at[..], 1, m)] {
                        for b in [(&b[..], n, 1), (&bt[..], 1, k)] {
                            coarser += compare(unit, (m, n, k), a, b);
                        }
                    }
                }
            }
            assert!(coarser > 1000, "{unit:?}: factors are not rounded");
        });
    }

    /// Checks all ways to finish; how many elements are further from the product of factors that are not rounded than
    /// rounding of sums explains.
    fn compare(unit: Unit, (m, n, k): (usize, usize, usize), a: Strided, b: Strided) -> usize {
        let (bias, mask) = (matrix(m, n, 5), matrix(m, n, 6));
        let rows: Vec<_> = (0..m).rev().collect();
        // A chain of k sums may be off by as many roundings, and hardly is by an eighth of them.
        let near = (4.0 + k as f64 / 8.0) * f64::from(f32::EPSILON);
        let run = |finish| {
            let mut c = vec![f32::NAN; m * n];
            // SAFETY: C is this test's own.
            unsafe { product_on(unit, (m, n, k), (c.as_mut_ptr(), n), a, b, finish) };
            c
        };
        let check = |finish, after: &dyn Fn(usize, usize, f64) -> f64| {
            for (at, c) in run(finish).into_iter().enumerate() {
                let (i, j) = (at / n, at % n);
                let [sum, size] = element(a, b, (i, j, k), rounded);
                let (c, want) = (f64::from(c), after(i, j, sum));
                assert!(
                    (c - want).abs() <= near * (size + 1.0),
                    "{unit:?} {m} {n} {k} at {i}, {j}: {c} for {want}"
                );
            }
        };
        check(Finish::Store, &|_, _, sum| sum);
        check(Finish::bias(&bias, true), &|_, j, sum| {
            (sum + f64::from(bias[j])).max(0.0)
        });
        let grouped = Finish::Add {
            bias: &bias,
            per: 4,
            relu: false,
        };
        check(grouped, &|i, j, sum| sum + f64::from(bias[i / 4 * n + j]));
        let masked = Finish::Mask {
            x: &mask,
            rows: &rows,
        };
        check(masked, &|i, j, sum| {
            if mask[rows[i] * n + j] > 0.0 {
                sum
            } else {
                0.0
            }
        });
        let stored = run(Finish::Store);
        let far = |(at, c): (usize, f32)| {
            let [sum, size] = element(a, b, (at / n, at % n, k), |x| x);
            (f64::from(c) - sum).abs() > near * (size + 1.0)
        };
        stored.into_iter().enumerate().filter(|at| far(*at)).count()
    }

    /// A row's bits are the same whichever rows stand beside it; what lies between C's rows belongs to others.
    #[test]
    fn rows_alone_and_gaps_between_them() {
        each_unit(|unit| {
            let (m, n, k) = (50, 21, 70);
            let (a, b) = (matrix(m, k, 1), matrix(k, n, 2));
            let run = |first: usize, rows: usize| {
                let mut c = vec![7.0; rows * 40];
                // SAFETY: C is this test's own.
                unsafe {
                    product_on(
                        unit,
                        (rows, n, k),
                        (c.as_mut_ptr(), 40),
                        (&a[first * k..], k, 1),
                        (&b, n, 1),
                        Finish::Store,
                    );
                }
                c
            };
            let all = run(0, m);
            assert!(all.chunks(40).all(|row| row[n..].iter().all(|x| *x == 7.0)));
            for (first, rows) in [(0, 1), (3, 17), (20, 30)] {
                assert_eq!(run(first, rows), all[first * 40..(first + rows) * 40]);
            }
        });
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        each_unit(|unit| {
            let mut a = matrix(3, 40, 1);
            (a[7], a[47]) = (f32::NAN, f32::INFINITY);
            let b = vec![1.0; 40 * 5];
            let mut c = vec![0.0; 15];
            // SAFETY: C is this test's own.
            unsafe {
                product_on(
                    unit,
                    (3, 5, 40),
                    (c.as_mut_ptr(), 5),
                    (&a, 40, 1),
                    (&b, 5, 1),
                    Finish::Store,
                );
            }
            assert!(c[..5].iter().all(|c| c.is_nan()));
            assert!(c[5..10].iter().all(|c| *c == f32::INFINITY));
            assert!(c[10..].iter().all(|c| c.is_finite()));
        });
    }
}

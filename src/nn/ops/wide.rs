//! Loops over floats, compiled twice: for every x86-64, and for AVX2, chosen at run time. Both give the same bits,
//! for neither may fuse or reorder.

/// Defines a function whose body is compiled for AVX2 as well.
macro_rules! wide {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) {
            #[inline(always)]
            #[allow(clippy::too_many_arguments, reason = "the outer function's")]
            fn body($($arg: $ty),*) $body
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                #[target_feature(enable = "avx2")]
                #[allow(clippy::too_many_arguments, reason = "the outer function's")]
                fn avx2($($arg: $ty),*) {
                    body($($arg),*);
                }
                // SAFETY: the CPU has AVX2.
                return unsafe { avx2($($arg),*) };
            }
            body($($arg),*);
        }
    };
}
pub(crate) use wide;

wide! {
    /// y ← y + b by rows, then max(·, 0) if `relu`.
    pub(crate) fn add_bias(y: &mut [f32], bias: &[f32], relu: bool) {
        let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
        for row in y.chunks_exact_mut(bias.len()) {
            for (y, b) in row.iter_mut().zip(bias) {
                let v = *y + b;
                *y = if v > floor { v } else { floor };
            }
        }
    }
}

wide! {
    /// dX ← dX where X > 0, else 0.
    pub(crate) fn mask(dx: &mut [f32], x: &[f32]) {
        for (d, x) in dx.iter_mut().zip(x) {
            *d = if *x > 0.0 { *d } else { 0.0 };
        }
    }
}

wide! {
    /// sums ← Σ of `rows`, each as long as `sums`.
    pub(crate) fn column_sums(sums: &mut [f32], rows: &[f32]) {
        sums.fill(0.0);
        for row in rows.chunks_exact(sums.len()) {
            for (s, v) in sums.iter_mut().zip(row) {
                *s += v;
            }
        }
    }
}

/// `to` `[columns, rows]` ← `from` `[rows, columns]`ᵀ, by 4 × 4 blocks in registers.
pub(crate) fn transpose(to: &mut [f32], from: &[f32], rows: usize, columns: usize) {
    assert!(
        to.len() >= rows * columns && from.len() >= rows * columns,
        "room for the matrix"
    );
    let (r4, c4) = (rows / 4 * 4, columns / 4 * 4);
    for r in (0..r4).step_by(4) {
        for c in (0..c4).step_by(4) {
            let line = |i: usize| &from[(r + i) * columns + c..][..4];
            let [l0, l1, l2, l3] = [line(0), line(1), line(2), line(3)];
            for i in 0..4 {
                to[(c + i) * rows + r..][..4].copy_from_slice(&[l0[i], l1[i], l2[i], l3[i]]);
            }
        }
    }
    for r in 0..rows {
        for c in if r < r4 { c4..columns } else { 0..columns } {
            to[c * rows + r] = from[r * columns + c];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposes_any_shape() {
        for (rows, columns) in [(1, 1), (4, 4), (5, 3), (8, 13), (17, 32)] {
            let from: Vec<f32> = (0..rows * columns).map(|n| n as f32).collect();
            let mut to = vec![f32::NAN; rows * columns];
            transpose(&mut to, &from, rows, columns);
            for r in 0..rows {
                for c in 0..columns {
                    assert_eq!(to[c * rows + r], from[r * columns + c]);
                }
            }
        }
    }
}

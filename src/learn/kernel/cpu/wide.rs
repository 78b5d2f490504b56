//! Loops over floats, compiled three times: for every x86-64, for AVX2 and for AVX-512, chosen at run time. All give the
//! same bits, for none may fuse or reorder.

/// Defines a function whose body is compiled for AVX2 and AVX-512 as well.
macro_rules! wide {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) {
            #[inline(always)]
            #[allow(clippy::too_many_arguments, reason = "the outer function's")]
            fn body($($arg: $ty),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                #[allow(clippy::too_many_arguments, reason = "the outer function's")]
                fn avx512($($arg: $ty),*) {
                    body($($arg),*);
                }
                #[target_feature(enable = "avx2")]
                #[allow(clippy::too_many_arguments, reason = "the outer function's")]
                fn avx2($($arg: $ty),*) {
                    body($($arg),*);
                }
                if std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512dq")
                    && std::arch::is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the CPU has all four.
                    return unsafe { avx512($($arg),*) };
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the CPU has AVX2.
                    return unsafe { avx2($($arg),*) };
                }
            }
            body($($arg),*);
        }
    };
}
pub(crate) use wide;

/// Floats of a cache line.
const LINE: usize = 16;

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

wide! {
    /// `to` `[columns, rows]` ← `from` `[rows, columns]`ᵀ, by squares of cache lines.
    pub(crate) fn transpose(to: &mut [f32], from: &[f32], rows: usize, columns: usize) {
        assert!(to.len() >= rows * columns && from.len() >= rows * columns, "room for the matrix");
        for r in (0..rows).step_by(LINE) {
            for c in 0..columns {
                let line = &mut to[c * rows + r..(c * rows + r + LINE).min((c + 1) * rows)];
                for (to, from) in line.iter_mut().zip(from[r * columns + c..].iter().step_by(columns)) {
                    *to = *from;
                }
            }
        }
    }
}

/// `from` `[rows, columns]`ᵀ, `[columns, rows]`.
pub(crate) fn transposed(from: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut to = vec![0.0; rows * columns];
    transpose(&mut to, from, rows, columns);
    to
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

//! Products of layers with a handful of outputs (V, Q, classifiers), for which a blocked product is all overhead.

use super::wide::wide;

/// At most this many outputs count as narrow.
pub(crate) const NARROW: usize = 4;
/// Partial sums of a dot product; fixed, so that every CPU adds in the same order.
const LANES: usize = 16;

wide! {
    /// y `[rows, outputs]` ← x·W + b; x's rows are `ld` floats apart, `columns` those of W, one after another.
    pub(crate) fn forward(y: &mut [f32], x: &[f32], ld: usize, columns: &[f32], bias: &[f32]) {
        let inputs = columns.len() / bias.len();
        for (row, y) in y.chunks_exact_mut(bias.len()).enumerate() {
            let x = &x[row * ld..][..inputs];
            for ((y, b), w) in y.iter_mut().zip(bias).zip(columns.chunks_exact(inputs)) {
                let mut sums = [0f32; LANES];
                let (x, w) = (x.chunks_exact(LANES), w.chunks_exact(LANES));
                let tail: f32 = x.remainder().iter().zip(w.remainder()).map(|(x, w)| x * w).sum();
                for (x, w) in x.zip(w) {
                    for ((s, x), w) in sums.iter_mut().zip(x).zip(w) {
                        *s += x * w;
                    }
                }
                *y = sums.iter().sum::<f32>() + tail + b;
            }
        }
    }
}

wide! {
    /// dx `[rows, inputs]` ← (dy·Wᵀ) where x > 0, else 0; `columns` are those of W.
    pub(crate) fn backward(dx: &mut [f32], dy: &[f32], columns: &[f32], outputs: usize, x: &[f32]) {
        let inputs = columns.len() / outputs;
        for ((dx, dy), x) in dx.chunks_exact_mut(inputs).zip(dy.chunks_exact(outputs)).zip(x.chunks_exact(inputs)) {
            dx.fill(0.0);
            for (dy, w) in dy.iter().zip(columns.chunks_exact(inputs)) {
                for (dx, w) in dx.iter_mut().zip(w) {
                    *dx += dy * w;
                }
            }
            for (dx, x) in dx.iter_mut().zip(x) {
                *dx = if *x > 0.0 { *dx } else { 0.0 };
            }
        }
    }
}

wide! {
    /// dw `[inputs, outputs]` ← xᵀ·dy; x's rows are `ld` floats apart.
    pub(crate) fn weights(dw: &mut [f32], x: &[f32], ld: usize, dy: &[f32], outputs: usize) {
        let inputs = dw.len() / outputs;
        let mut sums = vec![0f32; dw.len()];
        for (row, dy) in dy.chunks_exact(outputs).enumerate() {
            let x = &x[row * ld..][..inputs];
            for (dy, sums) in dy.iter().zip(sums.chunks_exact_mut(inputs)) {
                for (s, x) in sums.iter_mut().zip(x) {
                    *s += dy * x;
                }
            }
        }
        for (n, dw) in dw.iter_mut().enumerate() {
            *dw = sums[(n % outputs) * inputs + n / outputs];
        }
    }
}

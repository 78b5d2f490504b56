//! Layer normalisation (Ba, Kiros and Hinton, 2016) of a hidden layer's sums, before the ReLU: a row gets mean 0 and
//! variance 1, then, where it is wanted, a learned gain and bias for each column.
//!
//! x̂ = (x − mean)/√(var + ε), z = g·x̂ + b, y = max(z, 0); backward, with e = g·∂/∂z and means over the row,
//! ∂/∂x = (e − mean(e) − x̂·mean(e·x̂))/√(var + ε).

use h2oplus_base::choices;

use super::cpu::wide::wide;

/// Added to the variance, as in PyTorch.
pub const EPSILON: f32 = 1e-5;
/// Partial sums of a row; fixed, so that every CPU adds in the same order.
const LANES: usize = 16;
/// Rows that go together: the additions that end a row's sum wait for each other, those of other rows need not.
const ROWS: usize = 16;

choices! {
    /// What is done to the sums of a network's hidden layers.
    pub enum Norm {
        /// Nothing.
        None = "none",
        /// Layer normalisation without gain and bias.
        Layer = "layer",
        /// Layer normalisation with a learned gain and bias for each unit, as PyTorch's.
        LayerAffine = "layer-affine",
    }
}

/// Where the numbers of a normalised layer lie, for a pass; offsets within a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerNorm {
    /// x̂, `[rows, outputs]`, in the activations; ∂/∂z at the same place of their gradients.
    pub unit: usize,
    /// 1/√(var + ε), `[rows]`, in the activations.
    pub inverse: usize,
    /// g and b, `[outputs]` each, in the parameters; none: 1 and 0.
    pub affine: Option<[usize; 2]>,
}

/// Sums of `one` over the columns of two rows: the nth of every [`LANES`] columns are in the nth sum.
#[inline(always)]
fn partial(x: &[f32], y: &[f32], one: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    let mut sums = [0f32; LANES];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x.iter().zip(y) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += one(*x, *y);
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(x_rest).zip(y_rest) {
        *sum += one(*x, *y);
    }
    sums
}

/// Each row's sum of its partial sums, times `share`.
#[inline(always)]
fn means(partial: &[[f32; LANES]; ROWS], share: f32) -> [f32; ROWS] {
    let mut sums = [0f32; ROWS];
    for lane in 0..LANES {
        for (sum, partial) in sums.iter_mut().zip(partial) {
            *sum += partial[lane];
        }
    }
    sums.map(|sum| sum * share)
}

/// What is above 0.
#[inline(always)]
fn relu(z: f32) -> f32 {
    if z > 0.0 { z } else { 0.0 }
}

wide! {
    /// `y` `[rows, width]` holds the layer's sums and gets its outputs; `unit` gets x̂ and `inverse` 1/√(var + ε), where
    /// they are as long as `y` and its rows, and else nothing. `affine`: g, then b, or nothing.
    pub(crate) fn forward(y: &mut [f32], width: usize, affine: [&[f32]; 2], unit: &mut [f32], inverse: &mut [f32]) {
        let (share, [gain, bias]) = (1.0 / width as f32, affine);
        let mut sums = [[0f32; LANES]; ROWS];
        for (group, rows) in y.chunks_mut(ROWS * width).enumerate() {
            for (sums, y) in sums.iter_mut().zip(rows.chunks_exact(width)) {
                *sums = partial(y, y, |y, _| y);
            }
            let mean = means(&sums, share);
            for ((sums, y), mean) in sums.iter_mut().zip(rows.chunks_exact(width)).zip(mean) {
                *sums = partial(y, y, |y, _| (y - mean) * (y - mean));
            }
            let scale = means(&sums, share).map(|var| 1.0 / (var + EPSILON).sqrt());
            for (n, y) in rows.chunks_exact_mut(width).enumerate() {
                let (row, mean, scale) = (group * ROWS + n, mean[n], scale[n]);
                let unit = match inverse.get_mut(row) {
                    Some(inverse) => {
                        *inverse = scale;
                        &mut unit[row * width..][..width]
                    }
                    None => &mut [],
                };
                for (unit, y) in unit.iter_mut().zip(&*y) {
                    *unit = (*y - mean) * scale;
                }
                if gain.is_empty() {
                    for y in y {
                        *y = relu((*y - mean) * scale);
                    }
                } else {
                    for ((y, g), b) in y.iter_mut().zip(gain).zip(bias) {
                        *y = relu(g * ((*y - mean) * scale) + b);
                    }
                }
            }
        }
    }
}

wide! {
    /// `d` `[rows, width]` holds ∂/∂z and gets the gradient of the layer's sums. Row n of it is row `rows[n]` of `unit` and
    /// `inverse`. `gain`: g, or nothing.
    pub(crate) fn backward(d: &mut [f32], width: usize, gain: &[f32], unit: &[f32], inverse: &[f32], rows: &[usize]) {
        let share = 1.0 / width as f32;
        let unit = |row: usize| &unit[row * width..][..width];
        let [mut sums, mut products] = [[[0f32; LANES]; ROWS]; 2];
        for (d, rows) in d.chunks_mut(ROWS * width).zip(rows.chunks(ROWS)) {
            let places = sums.iter_mut().zip(&mut products).zip(rows);
            for (d, ((sums, products), row)) in d.chunks_exact_mut(width).zip(places) {
                for (d, g) in d.iter_mut().zip(gain) {
                    *d *= g;
                }
                *sums = partial(d, d, |d, _| d);
                *products = partial(d, unit(*row), |d, unit| d * unit);
            }
            let of_rows = rows.iter().zip(means(&sums, share)).zip(means(&products, share));
            for (d, ((row, mean), along)) in d.chunks_exact_mut(width).zip(of_rows) {
                let inverse = inverse[*row];
                for (d, unit) in d.iter_mut().zip(unit(*row)) {
                    *d = inverse * (*d - mean - unit * along);
                }
            }
        }
    }
}

wide! {
    /// `gain` and `bias` get their gradients: the sums over the rows of `dz`·`unit` and of `dz`.
    pub(crate) fn sums(gain: &mut [f32], bias: &mut [f32], dz: &[f32], unit: &[f32]) {
        let width = gain.len();
        gain.fill(0.0);
        bias.fill(0.0);
        for (dz, unit) in dz.chunks_exact(width).zip(unit.chunks_exact(width)) {
            for (((gain, bias), dz), unit) in gain.iter_mut().zip(&mut *bias).zip(dz).zip(unit) {
                *gain += dz * unit;
                *bias += dz;
            }
        }
    }
}

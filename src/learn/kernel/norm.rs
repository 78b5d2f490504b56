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

/// Defines a sum over the columns of rows, by partial sums.
macro_rules! row_sum {
    ($name:ident($($row:ident),+) $one:expr) => {
        #[inline(always)]
        fn $name($($row: &[f32]),+) -> f32 {
            let mut sums = [0f32; LANES];
            let len = [$($row.len()),+][0];
            let whole = len - len % LANES;
            for first in (0..whole).step_by(LANES) {
                $(let $row = &$row[first..][..LANES];)+
                for (n, sum) in sums.iter_mut().enumerate() {
                    $(let $row = $row[n];)+
                    *sum += $one;
                }
            }
            let mut sum = sums.iter().sum::<f32>();
            for n in whole..len {
                $(let $row = $row[n];)+
                sum += $one;
            }
            sum
        }
    };
}

row_sum! { sum_of(x) x }
row_sum! { squares(x) x * x }
row_sum! { products(x, y) x * y }

wide! {
    /// `y` `[rows, width]` holds the layer's sums and gets its outputs; `unit` gets x̂ and `inverse` 1/√(var + ε), where
    /// they are as long as `y` and its rows, and else nothing. `affine`: g, then b, or nothing.
    pub(crate) fn forward(y: &mut [f32], width: usize, affine: [&[f32]; 2], unit: &mut [f32], inverse: &mut [f32]) {
        let share = 1.0 / width as f32;
        for (n, y) in y.chunks_exact_mut(width).enumerate() {
            let mean = sum_of(y) * share;
            for y in &mut *y {
                *y -= mean;
            }
            let scale = 1.0 / (squares(y) * share + EPSILON).sqrt();
            for y in &mut *y {
                *y *= scale;
            }
            if let Some(inverse) = inverse.get_mut(n) {
                *inverse = scale;
                unit[n * width..][..width].copy_from_slice(y);
            }
            let [gain, bias] = affine;
            if gain.is_empty() {
                for y in y {
                    *y = if *y > 0.0 { *y } else { 0.0 };
                }
            } else {
                for ((y, g), b) in y.iter_mut().zip(gain).zip(bias) {
                    let z = g * *y + b;
                    *y = if z > 0.0 { z } else { 0.0 };
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
        for (d, &row) in d.chunks_exact_mut(width).zip(rows) {
            let (unit, inverse) = (&unit[row * width..][..width], inverse[row]);
            if !gain.is_empty() {
                for (d, g) in d.iter_mut().zip(gain) {
                    *d *= g;
                }
            }
            let (mean, along) = (sum_of(d) * share, products(d, unit) * share);
            for (d, unit) in d.iter_mut().zip(unit) {
                *d = inverse * (*d - mean - unit * along);
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

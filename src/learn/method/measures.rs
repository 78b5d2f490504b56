//! What the losses alone do not show: how the dynamics ratio is spread, and the critics' error on either half. All of it
//! is read from what the last update left behind, so an update does nothing for it.

use crate::error::Result;
use crate::kernel::ratio::RatioWeight;
use crate::kernel::td::TdLoss;
use crate::kernel::{Acts, Buf, Slot, W, Y};

/// Where an update leaves its TD errors and its weights.
pub struct Measured {
    /// The critics' loss; its first rows are the real ones.
    pub td: TdLoss,
    /// How many rows are real.
    pub real: usize,
    /// The kernel of the simulated rows' weights, where the method has them.
    pub weight: Option<RatioWeight>,
    /// The targets, `[P, rows]`.
    pub y: Buf<Y>,
    /// The weights, `[P, rows]`.
    pub w: Buf<W>,
}

impl Measured {
    /// Name and `[P]` values of every measure that the method has, from the activations and the `[P]` stats of the last update:
    /// `td_error_real` and `td_error_sim`, the mean of (Q − y)² over rows and both critics without w; `ratio_p10` and
    /// `ratio_p90` of w over the simulated rows, and `ratio_floor_share`, the share of them at the clip's lower end.
    pub fn read(
        &self,
        acts: &Buf<Acts>,
        means: &[Vec<f32>],
    ) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let (td, rows) = (&self.td, self.td.rows());
        let y = self.y.to_vec2::<f32>()?;
        let floats = td.floats();
        let values = |at: Slot<Acts>| acts.narrow(1, at.offset(), floats)?.to_vec2::<f32>();
        let q = [values(td.q[0])?, values(td.q[1])?];
        let error = |rows: std::ops::Range<usize>| {
            let of_member = |m: usize| {
                let critic = |q: &Vec<Vec<f32>>| {
                    let q = td.places().map(|at| q[m][at]).skip(rows.start);
                    mean_square(q.zip(y[m][rows.clone()].iter().copied()))
                };
                ((critic(&q[0]) + critic(&q[1])) / 2.0) as f32
            };
            (0..td.members).map(of_member).collect()
        };
        let mut measures = Vec::new();
        if self.real > 0 {
            measures.push(("losses/td_error_real", error(0..self.real)));
        }
        if self.real < rows {
            measures.push(("losses/td_error_sim", error(self.real..rows)));
        }
        if let Some(weight) = self.weight.as_ref().filter(|weight| weight.raw.is_some()) {
            let w = self.w.to_vec2::<f32>()?;
            let mut spread = [const { Vec::new() }; 3];
            for (m, w) in w.iter().enumerate() {
                let scale = if weight.normalise {
                    means[m][weight.stats_at.offset()]
                } else {
                    1.0
                };
                let floor = weight.clip.of(m)[0] / scale;
                let of_member = ratio_spread(&w[weight.real..], floor);
                spread
                    .iter_mut()
                    .zip(of_member)
                    .for_each(|(all, x)| all.push(x));
            }
            let names = [
                "losses/ratio_p10",
                "losses/ratio_p90",
                "losses/ratio_floor_share",
            ];
            measures.extend(names.into_iter().zip(spread));
        }
        Ok(measures)
    }
}

/// The mean of (q − y)².
fn mean_square(pairs: impl Iterator<Item = (f32, f32)>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for (q, y) in pairs {
        sum += (f64::from(q) - f64::from(y)).powi(2);
        n += 1.0;
    }
    sum / n
}

/// The 10 % and the 90 % quantile of `w`, between the two nearest values in proportion, and the share at `floor`.
fn ratio_spread(w: &[f32], floor: f32) -> [f32; 3] {
    let mut sorted = w.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let quantile = |share: f64| {
        let place = share * (sorted.len() - 1) as f64;
        let (below, part) = (place as usize, (place % 1.0) as f32);
        let above = sorted[(below + 1).min(sorted.len() - 1)];
        sorted[below] + part * (above - sorted[below])
    };
    let at_floor = w.iter().filter(|w| **w <= floor).count();
    let share = at_floor as f32 / w.len() as f32;
    [quantile(0.1), quantile(0.9), share]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_the_share_at_the_floor() {
        // Sorted: 0.5 0.5 1 2 3 4; the places of the quantiles are 0.5 and 4.5.
        let w = [3.0, 0.5, 4.0, 1.0, 0.5, 2.0];
        assert_eq!(ratio_spread(&w, 0.5), [0.5, 3.5, 1.0 / 3.0]);
        // 0 … 10: the places are 1 and 9 themselves.
        let w: Vec<f32> = (0..11).rev().map(|n| n as f32).collect();
        assert_eq!(ratio_spread(&w, 0.0), [1.0, 9.0, 1.0 / 11.0]);
        assert_eq!(ratio_spread(&[2.0], 0.1), [2.0, 2.0, 0.0]);
    }

    #[test]
    fn a_mean_of_squares() {
        let pairs = [(1.0, 0.0), (0.0, 2.0), (-1.0, 2.0), (5.0, 5.0)];
        assert_eq!(mean_square(pairs.into_iter()), 3.5);
    }
}

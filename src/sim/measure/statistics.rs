//! Errors and states in a few numbers.

/// Median, 99th percentile and maximum over transitions of the largest component's error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    /// Half lie below.
    pub median: f64,
    /// 99 % lie below.
    pub p99: f64,
    /// None lies above.
    pub max: f64,
}

impl Spread {
    /// Of `errors`, one a transition; a NaN counts as infinite.
    pub fn of(errors: &[f64]) -> Self {
        let mut sorted: Vec<f64> = errors
            .iter()
            .map(|e| if e.is_nan() { f64::INFINITY } else { *e })
            .collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        Self {
            median: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

/// The tenth, fiftieth and ninetieth percentile.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Quantiles {
    /// A tenth lies below.
    pub q10: f64,
    /// Half lie below.
    pub median: f64,
    /// Nine tenths lie below.
    pub q90: f64,
}

impl Quantiles {
    /// Of `values`; `None` where there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        (!values.is_empty()).then(|| Self {
            q10: at(0.1),
            median: at(0.5),
            q90: at(0.9),
        })
    }
}

/// Sums for means and deviations by column.
#[derive(Default)]
pub(super) struct Moments {
    rows: f64,
    /// Of each column: Σx, Σx².
    sums: Vec<[f64; 2]>,
}

impl Moments {
    /// Adds the rows of `values` that `wanted` marks.
    pub fn add(&mut self, values: &[f32], wanted: &[bool]) {
        let width = values.len() / wanted.len();
        self.sums.resize(width, [0.0; 2]);
        let rows = values.chunks(width).zip(wanted);
        for (row, _) in rows.filter(|(_, wanted)| **wanted) {
            self.rows += 1.0;
            for (sum, x) in self.sums.iter_mut().zip(row) {
                let x = f64::from(*x);
                *sum = [sum[0] + x, x.mul_add(x, sum[1])];
            }
        }
    }

    /// Standard deviation of each column; of one that never moves, a size that nothing is divided to
    /// infinity by.
    pub fn deviations(&self) -> Vec<f64> {
        let one = |[sum, squares]: &[f64; 2]| {
            let mean = sum / self.rows;
            (squares / self.rows - mean * mean)
                .max(0.0)
                .sqrt()
                .max(1e-9)
        };
        self.sums.iter().map(one).collect()
    }
}

/// Largest difference of each row of length `width`; NaN where there is one.
pub fn distances(is: &[f64], want: &[f64], width: usize) -> Vec<f64> {
    let row = |(a, b): (&[f64], &[f64])| {
        let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, |m: f64, d| {
            if d.is_nan() || m.is_nan() {
                f64::NAN
            } else {
                m.max(d)
            }
        })
    };
    is.chunks(width).zip(want.chunks(width)).map(row).collect()
}

/// max(1, largest magnitude of `row`).
pub fn scale(row: &[f64]) -> f64 {
    row.iter().fold(1.0, |m, v| m.max(v.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_ramp() {
        let ramp: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let quantiles = Quantiles::of(ramp).unwrap();
        let Quantiles { q10, median, q90 } = quantiles;
        assert_eq!([q10, median, q90], [10.0, 50.0, 90.0]);
        assert_eq!(Quantiles::of(Vec::new()), None);
    }
}

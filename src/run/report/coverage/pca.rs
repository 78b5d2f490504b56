//! Principal components of states.

/// The mean, the scale, and the two directions of greatest variance of standardised rows.
#[derive(Clone, Debug)]
pub struct Projection {
    mean: Vec<f64>,
    scale: Vec<f64>,
    axes: [Vec<f64>; 2],
    /// The shares of the variance that the two directions explain.
    pub explained: [f64; 2],
}

impl Projection {
    /// That of `rows`, each of `dim` numbers; `dim` is at least two, and there is a row.
    pub fn of(rows: &[f32], dim: usize) -> Self {
        let n = (rows.len() / dim) as f64;
        let mut mean = vec![0.0; dim];
        for row in rows.chunks_exact(dim) {
            row.iter()
                .zip(&mut mean)
                .for_each(|(x, m)| *m += f64::from(*x));
        }
        mean.iter_mut().for_each(|m| *m /= n);
        let mut scale = vec![0.0; dim];
        for row in rows.chunks_exact(dim) {
            for ((x, m), s) in row.iter().zip(&mean).zip(&mut scale) {
                *s += (f64::from(*x) - m).powi(2) / n;
            }
        }
        // What never moves stays at zero, whatever rounding its mean took.
        for (s, m) in scale.iter_mut().zip(&mean) {
            let moves = s.sqrt() > 1e-9 * m.abs();
            *s = if moves { s.sqrt() } else { 1.0 };
        }
        let mut covariance = vec![0.0; dim * dim];
        let mut z = vec![0.0; dim];
        for row in rows.chunks_exact(dim) {
            for (k, x) in row.iter().enumerate() {
                z[k] = (f64::from(*x) - mean[k]) / scale[k];
            }
            for i in 0..dim {
                for j in 0..=i {
                    covariance[i * dim + j] += z[i] * z[j] / n;
                }
            }
        }
        for i in 0..dim {
            for j in 0..i {
                covariance[j * dim + i] = covariance[i * dim + j];
            }
        }
        let total: f64 = (0..dim).map(|i| covariance[i * dim + i]).sum();
        let mut found = eigen(covariance, dim);
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let axis = |k: usize| {
            let mut axis = found[k].1.clone();
            // An eigenvector has two directions: the one whose greatest entry is positive is taken.
            let greatest = axis
                .iter()
                .copied()
                .max_by(|a, b| a.abs().total_cmp(&b.abs()));
            if greatest.is_some_and(|x| x < 0.0) {
                axis.iter_mut().for_each(|x| *x = -*x);
            }
            axis
        };
        let share = |k: usize| if total > 0.0 { found[k].0 / total } else { 0.0 };
        Self {
            axes: [axis(0), axis(1)],
            explained: [share(0), share(1)],
            mean,
            scale,
        }
    }

    /// The place of `row`.
    pub fn project(&self, row: &[f32]) -> [f64; 2] {
        let z = |k: usize| (f64::from(row[k]) - self.mean[k]) / self.scale[k];
        [0, 1].map(|n| (0..row.len()).map(|k| z(k) * self.axes[n][k]).sum())
    }
}

/// Eigenvalues and eigenvectors of the symmetric matrix `a`, by Jacobi's rotations.
fn eigen(mut a: Vec<f64>, n: usize) -> Vec<(f64, Vec<f64>)> {
    let mut v: Vec<f64> = (0..n * n)
        .map(|k| f64::from(u8::from(k / n == k % n)))
        .collect();
    for _ in 0..100 {
        let off: f64 = (0..n)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| a[i * n + j].powi(2))
            .sum();
        if off < 1e-22 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                let apq = a[p * n + q];
                if apq == 0.0 {
                    continue;
                }
                let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                let turn = |m: &mut [f64], x: usize, y: usize| {
                    let (mx, my) = (m[x], m[y]);
                    m[x] = c * mx - s * my;
                    m[y] = s * mx + c * my;
                };
                for k in 0..n {
                    turn(&mut a, k * n + p, k * n + q);
                }
                for k in 0..n {
                    turn(&mut a, p * n + k, q * n + k);
                    turn(&mut v, k * n + p, k * n + q);
                }
            }
        }
    }
    let vector = |k: usize| (0..n).map(|i| v[i * n + k]).collect();
    (0..n).map(|k| (a[k * n + k], vector(k))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_solve_their_equation() {
        let a = vec![4.0, 1.0, -2.0, 1.0, 3.0, 0.5, -2.0, 0.5, 1.0];
        let found = eigen(a.clone(), 3);
        for (value, vector) in &found {
            for i in 0..3 {
                let product: f64 = (0..3).map(|j| a[i * 3 + j] * vector[j]).sum();
                assert!((product - value * vector[i]).abs() < 1e-9);
            }
        }
        let trace: f64 = found.iter().map(|(value, _)| value).sum();
        assert!((trace - 8.0).abs() < 1e-9);
    }

    #[test]
    fn the_first_axis_is_that_of_the_greatest_variance() {
        // Two columns move together, the third by itself, the fourth not at all.
        let rows: Vec<f32> = (0..200)
            .flat_map(|k| {
                let (a, b) = ((k as f32 * 0.37).sin(), (k as f32 * 0.91).cos());
                [3.0 * a, 30.0 * a + 5.0, b, 7.0]
            })
            .collect();
        let projection = Projection::of(&rows, 4);
        let [first, second] = projection.explained;
        assert!((first - 2.0 / 3.0).abs() < 0.01, "{first}");
        assert!((second - 1.0 / 3.0).abs() < 0.01, "{second}");
        let along = projection.project(&[3.0, 35.0, 0.0, 7.0])[0]
            - projection.project(&[0.0, 5.0, 0.0, 7.0])[0];
        assert!(along.abs() > 1.0, "{along}");
    }
}

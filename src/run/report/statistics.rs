//! Statistics over seeds and tasks, as rliable has them (Agarwal et al., NeurIPS 2021): interquartile means, stratified
//! bootstrap intervals, and the probability of improvement.

use rayon::prelude::*;
use serde::Serialize;

use crate::rng::{Stream, philox};

/// An estimate with its 95 % bootstrap interval, which has no bounds where a task has one run: that tells nothing of its
/// spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The estimate itself, without resampling.
    pub value: f64,
    /// The 2.5th percentile over resamples.
    pub low: f64,
    /// The 97.5th percentile over resamples.
    pub high: f64,
}

impl Interval {
    /// Whether it has bounds.
    pub fn is_known(&self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }

    /// Whether the two have a number in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// The runs of one task.
#[derive(Clone, Copy, Debug)]
pub struct Stratum<'a> {
    /// Scores of the runs; at least one.
    pub scores: &'a [f64],
    /// Strata of one key are drawn alike: a run that stands in several rows of a table is one run.
    pub key: u32,
}

/// Resamples runs within their strata.
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap {
    /// Key of all draws.
    pub seed: u64,
    /// How often it is resampled.
    pub resamples: u32,
}

impl Bootstrap {
    /// The interquartile mean over all runs of `strata`; none without strata.
    pub fn interquartile_mean(&self, strata: &[Stratum<'_>]) -> Option<Interval> {
        let mut all: Vec<f64> = strata.iter().flat_map(|s| s.scores).copied().collect();
        let estimate = |all: &mut Vec<f64>, draw: u32| {
            all.clear();
            for stratum in strata {
                let (scores, n) = (stratum.scores, stratum.scores.len());
                self.draw(stratum.key, draw, n, |i| all.push(scores[i]));
            }
            interquartile_mean(all)
        };
        (!all.is_empty())
            .then(|| self.interval(interquartile_mean(&mut all), spread(strata), estimate))
    }

    /// The probability that a run of `x` has a higher score than one of `y`, averaged over tasks: `x[k]` and `y[k]`
    /// are of the same task. None without tasks.
    pub fn improvement(&self, x: &[Stratum<'_>], y: &[Stratum<'_>]) -> Option<Interval> {
        let tasks: Vec<_> = x.iter().zip(y).collect();
        let wins = |xs: &[f64], ys: &[f64]| {
            let pairs = xs.iter().flat_map(|a| ys.iter().map(move |b| (a, b)));
            let won: f64 = pairs.map(|(a, b)| won(*a, *b)).sum();
            won / (xs.len() * ys.len()) as f64
        };
        let value: f64 = tasks.iter().map(|(x, y)| wins(x.scores, y.scores)).sum();
        let estimate = |drawn: &mut Vec<f64>, draw: u32| {
            let mut sum = 0.0;
            for (x, y) in &tasks {
                drawn.clear();
                self.draw(x.key, draw, x.scores.len(), |i| drawn.push(x.scores[i]));
                self.draw(y.key, draw, y.scores.len(), |i| drawn.push(y.scores[i]));
                let (xs, ys) = drawn.split_at(x.scores.len());
                sum += wins(xs, ys);
            }
            sum / tasks.len() as f64
        };
        let known = spread(x) && spread(y);
        (!tasks.is_empty()).then(|| self.interval(value / tasks.len() as f64, known, estimate))
    }

    /// Percentiles of `estimate`, which has a buffer of its thread and the number of the resample, where they are `known`.
    fn interval(
        &self,
        value: f64,
        known: bool,
        estimate: impl Fn(&mut Vec<f64>, u32) -> f64 + Sync,
    ) -> Interval {
        if !known {
            let [low, high] = [f64::NEG_INFINITY, f64::INFINITY];
            return Interval { value, low, high };
        }
        let draws = (0..self.resamples).into_par_iter();
        let estimates = draws.map_init(Vec::new, |buffer, draw| estimate(buffer, draw));
        let mut estimates: Vec<f64> = estimates.collect();
        estimates.sort_unstable_by(f64::total_cmp);
        Interval {
            value,
            low: percentile(&estimates, 0.025),
            high: percentile(&estimates, 0.975),
        }
    }

    /// Gives `take` `n` of the numbers below `n`, with replacement.
    fn draw(&self, key: u32, draw: u32, n: usize, mut take: impl FnMut(usize)) {
        for first in (0..n).step_by(4) {
            let words = philox(self.seed, key, draw, Stream::Bootstrap, first as u32 / 4);
            for word in words.iter().take(n - first) {
                take(((u64::from(*word) * n as u64) >> 32) as usize);
            }
        }
    }
}

/// Whether every task has runs enough to differ.
fn spread(strata: &[Stratum<'_>]) -> bool {
    strata.iter().all(|stratum| stratum.scores.len() > 1)
}

/// 1 where `a` is higher, a half where they are equal.
fn won(a: f64, b: f64) -> f64 {
    f64::from(u8::from(a > b)) + 0.5 * f64::from(u8::from(a == b))
}

/// The mean without the lowest and the highest quarter, each rounded down; it sorts `scores`.
pub fn interquartile_mean(scores: &mut [f64]) -> f64 {
    scores.sort_unstable_by(f64::total_cmp);
    let cut = scores.len() / 4;
    let middle = &scores[cut..scores.len() - cut];
    middle.iter().sum::<f64>() / middle.len() as f64
}

/// The number below which a share of `sorted` lies, between neighbours in proportion, as NumPy has it.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_of_a_task_has_no_interval() {
        let bootstrap = Bootstrap {
            seed: 0,
            resamples: 100,
        };
        let stratum = |scores| Stratum { scores, key: 0 };
        let (one, two) = (stratum(&[3.0]), stratum(&[1.0, 2.0]));
        let mean = |strata: &[Stratum<'_>]| bootstrap.interquartile_mean(strata).unwrap();
        assert!(mean(&[two]).is_known() && !mean(&[two, one]).is_known());
        assert_eq!(mean(&[one]).value, 3.0);
        let beats = bootstrap.improvement(&[one], &[two]).unwrap();
        assert_eq!((beats.value, beats.is_known()), (1.0, false));
        // So that nothing is clear of it, however far.
        assert!(mean(&[one]).overlaps(&mean(&[two])));
    }
}

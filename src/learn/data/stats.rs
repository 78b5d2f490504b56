//! What a data set holds, in a few numbers.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use super::Dataset;

/// Summary of a data set. Returns are sums of rewards over *complete* episodes (those that end by
/// a terminal or a timeout); standard deviations are of the population (divided by `n`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// Where it came from.
    pub source: String,
    /// Transitions.
    pub rows: usize,
    /// Complete episodes.
    pub episodes: usize,
    /// Mean return; `NaN` (JSON `null`) where no episode is complete, as for the next three.
    pub return_mean: f64,
    /// Standard deviation of the return.
    pub return_std: f64,
    /// Least return.
    pub return_min: f64,
    /// Greatest return.
    pub return_max: f64,
    /// Mean length of a complete episode, in steps.
    pub length_mean: f64,
    /// Mean reward over all rows.
    pub reward_mean: f64,
    /// Standard deviation of the reward over all rows.
    pub reward_std: f64,
    /// Share of rows that are terminal.
    pub terminal_share: f64,
}

impl Dataset {
    /// Rows of the complete episodes (those that end by a terminal or a timeout), in order.
    pub fn complete_episodes(&self) -> impl Iterator<Item = Range<usize>> {
        self.episodes().filter(|episode| {
            let last = episode.end - 1;
            self.terminals[last] || self.timeouts[last]
        })
    }

    /// The return of each complete episode.
    pub fn returns(&self) -> Vec<f64> {
        let sum = |rows: Range<usize>| self.rewards[rows].iter().map(|&r| f64::from(r)).sum();
        self.complete_episodes().map(sum).collect()
    }

    /// Summarise.
    pub fn stats(&self) -> Stats {
        let complete: Vec<_> = self.complete_episodes().collect();
        let returns = self.returns();
        let (return_mean, return_std) = moments(returns.iter().copied());
        let (length_mean, _) = moments(complete.iter().map(|episode| episode.len() as f64));
        let (reward_mean, reward_std) = moments(self.rewards.iter().map(|&r| f64::from(r)));
        let terminal = self.terminals.iter().filter(|&&t| t).count();
        Stats {
            source: self.source.clone(),
            rows: self.len(),
            episodes: complete.len(),
            return_mean,
            return_std,
            return_min: returns.iter().copied().fold(f64::NAN, f64::min),
            return_max: returns.iter().copied().fold(f64::NAN, f64::max),
            length_mean,
            reward_mean,
            reward_std,
            terminal_share: terminal as f64 / self.len() as f64,
        }
    }
}

/// Mean and standard deviation (divided by `n`), in two passes; NaN of nothing.
pub fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// A small table.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.source)?;
        writeln!(f, "  rows        {:>12}", self.rows)?;
        writeln!(
            f,
            "  episodes    {:>12}   mean length {:.1}",
            self.episodes, self.length_mean
        )?;
        writeln!(
            f,
            "  return      {:>12.2} ± {:.2}   from {:.2} to {:.2}",
            self.return_mean, self.return_std, self.return_min, self.return_max
        )?;
        writeln!(
            f,
            "  reward      {:>12.4} ± {:.4}",
            self.reward_mean, self.reward_std
        )?;
        write!(f, "  terminal    {:>11.2} %", 100.0 * self.terminal_share)
    }
}

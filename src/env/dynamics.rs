//! Which dynamics each environment of a batch has.

use crate::env::{EnvKey, Task};
use crate::error::Result;
use crate::model::{Gap, Model};
use crate::rng::{Stream, philox};
use std::ops::Range;

/// One parameter row: a gap and what it makes of the robot.
#[derive(Clone, Debug)]
pub struct Row {
    /// The edit.
    pub gap: Gap,
    /// The edited robot.
    pub model: Model,
    /// Standard deviation of the noise that joins every action.
    pub noise: f64,
}

/// The parameter rows of a batch and which of them an environment has: by its key for good, or
/// another one at every reset. Either way one of its pool.
#[derive(Clone, Debug)]
pub struct Dynamics {
    /// At least one.
    pub rows: Vec<Row>,
    /// Whether each reset draws the environment's row anew.
    pub redrawn: bool,
    /// Rows that environment `e` may have; none given: all rows, for every environment.
    pub pools: Vec<Range<usize>>,
}

impl Dynamics {
    /// `task` with each of `gaps`; none means no gap.
    ///
    /// # Errors
    /// Where a gap does not fit the task.
    pub fn new(task: &Task, gaps: &[Gap]) -> Result<Self> {
        let none = [Gap::none()];
        let gaps = if gaps.is_empty() { &none } else { gaps };
        let row = |gap: &Gap| {
            let (model, noise) = task.model(gap)?;
            let gap = gap.clone();
            Ok(Row { gap, model, noise })
        };
        let rows: Result<_> = gaps.iter().map(row).collect();
        Ok(Self {
            rows: rows?,
            redrawn: false,
            pools: Vec::new(),
        })
    }

    /// Rows that environment `env` may have.
    pub fn pool(&self, env: usize) -> Range<usize> {
        self.pools.get(env).cloned().unwrap_or(0..self.rows.len())
    }

    /// The row that environment `env` with key `key` has from the reset at `tick` on: of its pool,
    /// in turn by `key.env`, or drawn from `Stream::Gap`.
    pub fn row(&self, env: usize, key: EnvKey, tick: u32) -> usize {
        let pool = self.pool(env);
        if !self.redrawn {
            return pool.start + key.env as usize % pool.len();
        }
        let [word, ..] = philox(key.seed, key.env, tick, Stream::Gap, 0);
        // The word as a fraction of 2³², times the number of rows.
        pool.start + ((u64::from(word) * pool.len() as u64) >> 32) as usize
    }

    /// The compiled robots, row by row.
    pub fn models(&self) -> Vec<&Model> {
        self.rows.iter().map(|row| &row.model).collect()
    }
}

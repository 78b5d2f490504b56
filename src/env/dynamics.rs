//! Which dynamics each environment of a batch has.

use crate::env::{EnvKey, Task};
use crate::error::Result;
use crate::model::{Gap, Model};
use crate::rng::{Stream, philox};

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

/// The parameter rows of a batch and which of them an environment has: `env % rows` for good, or
/// another one at every reset.
#[derive(Clone, Debug)]
pub struct Dynamics {
    /// At least one.
    pub rows: Vec<Row>,
    /// Whether each reset draws the environment's row anew.
    pub redrawn: bool,
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
        })
    }

    /// The row that environment `env` with key `key` has from the reset at `tick` on.
    pub fn row(&self, env: usize, key: EnvKey, tick: u32) -> usize {
        if !self.redrawn {
            return env % self.rows.len();
        }
        let [word, ..] = philox(key.seed, key.env, tick, Stream::Gap, 0);
        // The word as a fraction of 2³², times the number of rows.
        ((u64::from(word) * self.rows.len() as u64) >> 32) as usize
    }

    /// The compiled robots, row by row.
    pub fn models(&self) -> Vec<Model> {
        self.rows.iter().map(|row| row.model.clone()).collect()
    }
}

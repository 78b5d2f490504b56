//! Which dynamics each environment of a batch has.

use crate::env::{EnvKey, Task};
use crate::error::Result;
use crate::model::{Channel, Gap, GapSet, Model};
use crate::rng::{Stream, philox};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// One parameter row: a gap and what it makes of the robot.
#[derive(Clone, Debug)]
pub struct ParamRow {
    /// The edit.
    pub gap: Gap,
    /// The edited robot.
    pub model: Model,
    /// What is between it and its policy.
    pub channel: Channel,
}

/// The parameter rows of a batch and which of them an environment has: by its key for good, or
/// another one at every reset. Either way one of its pool.
#[derive(Clone, Debug)]
pub struct Dynamics {
    /// At least one.
    pub rows: Vec<ParamRow>,
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
            let (model, channel) = task.model(gap)?;
            let gap = gap.clone();
            Ok(ParamRow {
                gap,
                model,
                channel,
            })
        };
        let rows: Result<_> = gaps.iter().map(row).collect();
        Ok(Self {
            rows: rows?,
            redrawn: false,
            pools: Vec::new(),
        })
    }

    /// The real robot of `task`.
    ///
    /// # Errors
    /// Where its gap does not fit it.
    pub fn real(task: &Task) -> Result<Self> {
        Self::new(task, std::slice::from_ref(&task.real))
    }

    /// `task` in `domain`, for a batch of `envs` environments. Each row is a function of the domain,
    /// `seed` and its index alone.
    ///
    /// # Errors
    /// As [`GapSet::check`]; where a strength that was drawn makes no robot.
    pub fn draw(task: &Task, domain: &GapSet, seed: u64, envs: usize) -> Result<Self> {
        let rows = domain.rows(envs);
        if !domain.is_random() {
            let gaps: Vec<Gap> = (0..rows).map(|row| domain.draw(seed, row)).collect();
            return Ok(Self {
                redrawn: domain.redraws(),
                ..Self::new(task, &gaps)?
            });
        }
        domain.check(&task.spec)?;
        let row = |row| {
            let gap = domain.draw(seed, row);
            let (model, channel) = task.drawn_model(&gap)?;
            Ok(ParamRow {
                gap,
                model,
                channel,
            })
        };
        // Compiled in parallel; the first error counts, whichever thread meets one first.
        let rows: Vec<Result<ParamRow>> = (0..rows).into_par_iter().map(row).collect();
        Ok(Self {
            rows: rows.into_iter().collect::<Result<_>>()?,
            redrawn: domain.redraws(),
            pools: Vec::new(),
        })
    }

    /// `task` in `domain` for a population: `per_member` environments of each seed, whose rows are
    /// those that the member has alone.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn population(
        task: &Task,
        domain: &GapSet,
        seeds: &[u64],
        per_member: usize,
    ) -> Result<Self> {
        let draw = |&seed: &u64| Self::draw(task, domain, seed, per_member);
        let parts: Result<Vec<Self>> = seeds.iter().map(draw).collect();
        Ok(Self::join(parts?, per_member))
    }

    /// One after the other, `per_member` environments with the dynamics of each of `members`, as
    /// they would have them alone; equal dynamics share their rows.
    ///
    /// # Panics
    /// Without members, and where a member has pools already.
    pub fn join(members: Vec<Self>, per_member: usize) -> Self {
        assert!(!members.is_empty(), "a population has members");
        let redrawn = members.iter().any(|m| m.redrawn);
        let mut rows: Vec<ParamRow> = Vec::new();
        let mut pools = Vec::new();
        let mut known: Vec<Range<usize>> = Vec::new();
        for member in members {
            assert!(
                member.pools.is_empty(),
                "members stand side by side, not inside each other"
            );
            let same = |at: &&Range<usize>| {
                let theirs = rows[(*at).clone()].iter().map(|r| &r.gap);
                theirs.eq(member.rows.iter().map(|r| &r.gap))
            };
            let fixed = !member.redrawn;
            let pool = known.iter().find(same).cloned().unwrap_or_else(|| {
                let pool = rows.len()..rows.len() + member.rows.len();
                rows.extend(member.rows);
                known.push(pool.clone());
                pool
            });
            pools.extend((0..per_member).map(|i| match redrawn && fixed {
                // Among members that redraw, a row that stays is drawn from a pool of one.
                true => {
                    let row = pool.start + i % pool.len();
                    row..row + 1
                }
                false => pool.clone(),
            }));
        }
        if pools.iter().all(|pool| *pool == (0..rows.len())) {
            pools.clear();
        }
        Self {
            rows,
            redrawn,
            pools,
        }
    }

    /// These, where the environments `envs` have those of `other` in their place, in turn; and the row of each
    /// environment of a vector that has the rows `present` (`[n]`) now. Rows that nobody can have any more are left out.
    ///
    /// # Panics
    /// Where `other` has pools.
    pub fn with(&self, present: &[u32], envs: &[usize], other: Self) -> (Self, Vec<u32>) {
        assert!(other.pools.is_empty(), "one pool for all of them");
        let redrawn = self.redrawn || other.redrawn;
        // Among environments that redraw, a row that stays is a pool of one.
        let pool = |of: &Self, pool: Range<usize>, row: usize| match redrawn && of.redrawn {
            true => pool,
            false => row..row + 1,
        };
        let mut wanted: Vec<_> = (present.iter().enumerate())
            .map(|(env, &row)| (self, pool(self, self.pool(env), row as usize), row as usize))
            .collect();
        for (turn, &env) in envs.iter().enumerate() {
            let row = turn % other.rows.len();
            wanted[env] = (&other, pool(&other, 0..other.rows.len(), row), row);
        }
        let mut rows: Vec<ParamRow> = Vec::new();
        let mut known: Vec<(*const Self, Range<usize>, usize)> = Vec::new();
        let (mut pools, mut now) = (Vec::new(), Vec::new());
        for (of, pool, row) in wanted {
            let same = known
                .iter()
                .find(|(from, theirs, _)| std::ptr::eq(*from, of) && *theirs == pool);
            let start = match same {
                Some((.., start)) => *start,
                None => {
                    known.push((of, pool.clone(), rows.len()));
                    rows.extend_from_slice(&of.rows[pool.clone()]);
                    rows.len() - pool.len()
                }
            };
            now.push((start + row - pool.start) as u32);
            pools.push(start..start + pool.len());
        }
        let dynamics = Self {
            rows,
            redrawn,
            pools,
        };
        (dynamics, now)
    }

    /// Whether every environment of a vector with these keys has a pool.
    pub fn fits(&self, keys: &[EnvKey]) -> bool {
        self.pools.is_empty() || self.pools.len() == keys.len()
    }

    /// Rows that environment `env` may have.
    pub fn pool(&self, env: usize) -> Range<usize> {
        self.pools.get(env).cloned().unwrap_or(0..self.rows.len())
    }

    /// The row that environment `env` with key `key` has from the reset at `tick` on: of its pool,
    /// in turn by `key.env`, or drawn from `Stream::Gap`.
    pub fn param_row(&self, env: usize, key: EnvKey, tick: u32) -> usize {
        let pool = self.pool(env);
        if !self.redrawn {
            return pool.start + key.env as usize % pool.len();
        }
        let [word, ..] = philox(key.seed, key.env, tick, Stream::Gap, 0);
        // The word as a fraction of 2³², times the number of rows.
        pool.start + ((u64::from(word) * pool.len() as u64) >> 32) as usize
    }

    /// By gap, its strength in each of the parameter rows `rows`: NaN where it is not in force. Gaps that none of the
    /// batch's rows has are left out.
    pub fn strengths(&self, rows: &[u32]) -> BTreeMap<String, Vec<f64>> {
        let own: Vec<BTreeMap<&str, f64>> = (self.rows.iter())
            .map(|row| row.gap.strengths().collect())
            .collect();
        let column = |name: &str| {
            let strength = |&row: &u32| own[row as usize].get(name).copied().unwrap_or(f64::NAN);
            rows.iter().map(strength).collect()
        };
        let names = own.iter().flat_map(|strengths| strengths.keys());
        names
            .map(|name| ((*name).to_owned(), column(name)))
            .collect()
    }

    /// The compiled robots, row by row.
    pub fn models(&self) -> Vec<&Model> {
        self.rows.iter().map(|row| &row.model).collect()
    }
}

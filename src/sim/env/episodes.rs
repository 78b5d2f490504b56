//! The running episodes of a vector, on any engine: their lengths, rows and endings, with autoreset.

use crate::env::rules::{Outcome, TaskRules};
use crate::env::status::BROKEN;
use crate::env::{StepBatch, Task};
use rayon::prelude::*;

/// The episodes of a vector and what their latest step returned.
pub(crate) struct Episodes {
    obs_dim: usize,
    /// Env steps of the running episode, `[n]`.
    pub steps: Vec<u32>,
    /// Parameter row of the running episode, `[n]`.
    pub param_row: Vec<u32>,
    /// Status bits of the latest step, `[n]`.
    pub status: Vec<u32>,
    /// What the latest step returned.
    pub out: StepBatch,
}

impl Episodes {
    /// Before the first reset.
    pub fn new(rules: &TaskRules) -> Self {
        let (n, obs_dim) = (rules.keys.len(), rules.task.obs_dim());
        let obs = vec![f32::NAN; n * obs_dim];
        Self {
            obs_dim,
            steps: vec![0; n],
            param_row: (0..n).map(|env| rules.param_row(env)).collect(),
            status: vec![0; n],
            out: StepBatch {
                next_obs: obs.clone(),
                obs,
                reward: vec![f32::NAN; n],
                terminated: vec![false; n],
                truncated: vec![false; n],
            },
        }
    }

    /// Begins an episode of environment `env` in this state (`[nv]` each); its observation.
    pub fn start(&mut self, rules: &TaskRules, env: usize, qpos: &[f64], qvel: &[f64]) -> &[f32] {
        self.steps[env] = 0;
        let obs = &mut self.out.obs[env * self.obs_dim..][..self.obs_dim];
        rules.observe(qpos, qvel, obs);
        obs
    }

    /// Pieces of `width` environments each, for threads of their own.
    pub fn pieces(&mut self, width: usize) -> impl IndexedParallelIterator<Item = Piece<'_>> {
        let od = self.obs_dim;
        self.steps
            .par_chunks_mut(width)
            .zip(self.param_row.par_chunks_mut(width))
            .zip(self.status.par_chunks_mut(width))
            .zip(self.out.obs.par_chunks_mut(width * od))
            .zip(self.out.next_obs.par_chunks_mut(width * od))
            .zip(self.out.reward.par_chunks_mut(width))
            .zip(self.out.terminated.par_chunks_mut(width))
            .zip(self.out.truncated.par_chunks_mut(width))
            .map(move |parts| {
                let (
                    ((((((steps, param_row), status), obs), next_obs), reward), terminated),
                    truncated,
                ) = parts;
                Piece {
                    obs_dim: od,
                    steps,
                    param_row,
                    status,
                    obs,
                    next_obs,
                    reward,
                    terminated,
                    truncated,
                }
            })
    }
}

/// Some neighbouring environments of [`Episodes`].
pub(crate) struct Piece<'a> {
    obs_dim: usize,
    steps: &'a mut [u32],
    /// Parameter rows.
    pub param_row: &'a mut [u32],
    status: &'a mut [u32],
    obs: &'a mut [f32],
    next_obs: &'a mut [f32],
    reward: &'a mut [f32],
    terminated: &'a mut [bool],
    truncated: &'a mut [bool],
}

impl Piece<'_> {
    /// Where the true successor belongs.
    pub fn next_obs(&mut self, i: usize) -> &mut [f32] {
        &mut self.next_obs[i * self.obs_dim..][..self.obs_dim]
    }

    /// Begins an episode of environment `i` of the piece: `restart` brings its parameter row up to
    /// date and writes its first observation.
    pub fn begin(&mut self, i: usize, restart: impl FnOnce(&mut u32, &mut [f32])) {
        self.steps[i] = 0;
        let obs = &mut self.obs[i * self.obs_dim..][..self.obs_dim];
        restart(&mut self.param_row[i], obs);
    }

    /// Records how the step of environment `i` ended. Where that ends its episode, `restart` begins
    /// a new one as for [`begin`](Self::begin).
    pub fn end(
        &mut self,
        i: usize,
        task: &Task,
        end: &Outcome,
        restart: impl FnOnce(&mut u32, &mut [f32]),
    ) {
        self.steps[i] += 1;
        self.status[i] = end.status;
        self.reward[i] = end.reward as f32;
        self.terminated[i] = end.terminated;
        let broken = end.status & BROKEN != 0;
        let over = self.steps[i] as usize >= task.max_episode_steps;
        self.truncated[i] = (over || broken) && !end.terminated;
        let at = i * self.obs_dim..(i + 1) * self.obs_dim;
        if self.terminated[i] || self.truncated[i] {
            self.begin(i, restart);
            if broken {
                self.next_obs[at.clone()].copy_from_slice(&self.obs[at]);
            }
        } else {
            self.obs[at.clone()].copy_from_slice(&self.next_obs[at]);
        }
    }
}

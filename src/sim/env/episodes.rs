//! The running episodes of a vector, on any engine: their lengths, rows and endings, with autoreset.

use crate::env::channel::LateControls;
use crate::env::rules::{StepOutcome, TaskRules, place};
use crate::env::status::BROKEN;
use crate::env::{AlignedFloats, Autoreset, Dynamics, StepBatch, StepTerms};
use crate::error::{Error, Result};
use rayon::prelude::*;

/// The episodes of a vector and what their latest step returned.
pub struct RunningEpisodes {
    obs_dim: usize,
    /// Env steps of the running episode, `[n]`.
    pub steps: Vec<u32>,
    /// Parameter row of the running episode, `[n]`.
    pub param_row: Vec<u32>,
    /// Status bits of the latest step, `[n]`.
    pub status: Vec<u32>,
    /// Whether the episode has ended and the next one has not begun, `[n]`: never with [`Autoreset::SameStep`].
    pub over: Vec<bool>,
    /// Controls on their way to the motors, `[n]`; empty where the engine runs on a GPU.
    pub late: Vec<LateControls>,
    /// Controls that reached the motors in the latest step, `[n, nu]`; empty where the engine runs on a GPU.
    pub reached: Vec<f64>,
    /// Controls of action 0, `[nu]`.
    middle: Vec<f64>,
    /// When a new episode follows.
    pub autoreset: Autoreset,
    /// What the latest step returned.
    pub out: StepBatch,
}

impl RunningEpisodes {
    /// Before the first reset.
    pub fn new(rules: &TaskRules) -> Self {
        let (n, obs_dim) = (rules.keys.len(), rules.task.obs_dim());
        let obs = AlignedFloats::of(f32::NAN, n * obs_dim);
        let middle = rules.task.scale.middle.clone();
        Self {
            late: vec![LateControls::new(rules.dynamics.depth(), &middle); n],
            reached: middle.repeat(n),
            middle,
            obs_dim,
            steps: vec![0; n],
            param_row: (0..n).map(|env| rules.param_row(env)).collect(),
            status: vec![0; n],
            over: vec![false; n],
            autoreset: Autoreset::default(),
            out: StepBatch {
                next_obs: obs.clone(),
                obs,
                reward: AlignedFloats::of(f32::NAN, n),
                terminated: vec![false; n],
                truncated: vec![false; n],
                terms: vec![StepTerms::default(); n],
            },
        }
    }

    /// Begins an episode of environment `env` in this state (`[nv]` each); its observation.
    pub fn start(&mut self, rules: &TaskRules, env: usize, qpos: &[f64], qvel: &[f64]) -> &[f32] {
        self.steps[env] = 0;
        self.over[env] = false;
        if let Some(terms) = self.out.terms.get_mut(env) {
            let row = self.param_row[env] as usize;
            [terms.x_now, terms.z_now] = place(&rules.dynamics.rows[row].model, qpos);
        }
        if let Some(late) = self.late.get_mut(env) {
            late.clear(&self.middle);
        }
        let obs = &mut self.out.obs[env * self.obs_dim..][..self.obs_dim];
        rules.observe(qpos, qvel, obs);
        rules.sense(env, self.param_row[env], true, obs);
        obs
    }

    /// Makes room for as many controls under way as robots of `dynamics` may have.
    pub fn deepen(&mut self, dynamics: &Dynamics) {
        let depth = dynamics.depth();
        for late in &mut self.late {
            *late = late.of_depth(depth, &self.middle);
        }
    }

    /// Refuses a step where an episode that nobody else begins anew has ended.
    pub fn check_all_run(&self) -> Result<()> {
        if self.autoreset != Autoreset::Disabled {
            return Ok(());
        }
        match self.over.iter().position(|over| *over) {
            None => Ok(()),
            Some(env) => Err(Error::input(
                format!("environment {env}"),
                "its episode has ended",
                "reset it before the next step",
            )),
        }
    }

    /// Pieces of `width` environments each, for threads of their own.
    pub fn pieces(&mut self, width: usize) -> impl IndexedParallelIterator<Item = Piece<'_>> {
        let (od, autoreset, middle) = (self.obs_dim, self.autoreset, &*self.middle);
        self.steps
            .par_chunks_mut(width)
            .zip(self.param_row.par_chunks_mut(width))
            .zip(self.status.par_chunks_mut(width))
            .zip(self.out.obs.par_chunks_mut(width * od))
            .zip(self.out.next_obs.par_chunks_mut(width * od))
            .zip(self.out.reward.par_chunks_mut(width))
            .zip(self.out.terminated.par_chunks_mut(width))
            .zip(self.out.truncated.par_chunks_mut(width))
            .zip(self.over.par_chunks_mut(width))
            .zip(self.out.terms.par_chunks_mut(width))
            .zip(self.late.par_chunks_mut(width))
            .zip(self.reached.par_chunks_mut(width * middle.len()))
            .map(move |parts| {
                let (parts, reached) = parts;
                let (parts, late) = parts;
                let (parts, terms) = parts;
                let (parts, over) = parts;
                let (
                    ((((((steps, param_row), status), obs), next_obs), reward), terminated),
                    truncated,
                ) = parts;
                Piece {
                    obs_dim: od,
                    autoreset,
                    middle,
                    late,
                    reached,
                    over,
                    terms,
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

/// Some neighbouring environments of [`RunningEpisodes`].
pub struct Piece<'a> {
    obs_dim: usize,
    autoreset: Autoreset,
    middle: &'a [f64],
    /// Controls on their way to the motors.
    pub late: &'a mut [LateControls],
    /// Controls that reach the motors, `[width, nu]`.
    pub reached: &'a mut [f64],
    over: &'a mut [bool],
    terms: &'a mut [StepTerms],
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
    /// date, writes its first observation and returns where the robot is.
    pub fn begin(&mut self, i: usize, restart: impl FnOnce(&mut u32, &mut [f32]) -> [f64; 2]) {
        self.steps[i] = 0;
        self.over[i] = false;
        self.late[i].clear(self.middle);
        let obs = &mut self.obs[i * self.obs_dim..][..self.obs_dim];
        let terms = &mut self.terms[i];
        [terms.x_now, terms.z_now] = restart(&mut self.param_row[i], obs);
    }

    /// Whether this step of environment `i` begins a new episode in place of going on.
    pub fn is_due(&self, i: usize) -> bool {
        self.autoreset == Autoreset::NextStep && self.over[i]
    }

    /// Makes the step of environment `i` a reset: nothing is paid, nothing ends.
    pub fn begin_in_step(
        &mut self,
        i: usize,
        restart: impl FnOnce(&mut u32, &mut [f32]) -> [f64; 2],
    ) {
        self.terms[i] = StepTerms::default();
        (self.status[i], self.reward[i]) = (0, 0.0);
        (self.terminated[i], self.truncated[i]) = (false, false);
        self.begin(i, restart);
        self.successor_is_first(i);
    }

    fn successor_is_first(&mut self, i: usize) {
        let at = i * self.obs_dim..(i + 1) * self.obs_dim;
        self.next_obs[at.clone()].copy_from_slice(&self.obs[at]);
    }

    /// Records how the step of environment `i` ended. Where that ends its episode, `restart` begins
    /// a new one as for [`begin`](Self::begin).
    pub fn end(
        &mut self,
        i: usize,
        max_episode_steps: usize,
        end: &StepOutcome,
        restart: impl FnOnce(&mut u32, &mut [f32]) -> [f64; 2],
    ) {
        self.steps[i] += 1;
        self.status[i] = end.status;
        self.reward[i] = end.reward as f32;
        self.terms[i] = end.terms;
        self.terminated[i] = end.terminated;
        let broken = end.status & BROKEN != 0;
        let late = self.steps[i] as usize >= max_episode_steps;
        self.truncated[i] = (late || broken) && !end.terminated;
        let over = self.terminated[i] || self.truncated[i];
        // A broken state is never shown: its robot starts anew at once, whenever the next episode may count from.
        if broken || over && self.autoreset == Autoreset::SameStep {
            self.begin(i, restart);
            if broken {
                self.successor_is_first(i);
            }
        } else {
            let at = i * self.obs_dim..(i + 1) * self.obs_dim;
            self.obs[at.clone()].copy_from_slice(&self.next_obs[at]);
        }
        self.over[i] = over && self.autoreset != Autoreset::SameStep;
    }
}

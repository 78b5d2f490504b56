//! A task on the planar kernel's CPU lanes.

use crate::env::dynamics::Dynamics;
use crate::env::rules::{EnvKey, Episodes, TaskRules};
use crate::env::snapshot::{self, Snapshot};
use crate::env::{StepBatch, Task, VecEnv};
use crate::error::Result;
use crate::model::Gap;
use crate::physics::planar::profile::Stage;
use crate::physics::planar::real::Real;
use crate::physics::planar::topology::MAX_DOFS;
use crate::physics::planar::{Arithmetic, Batch, Block, Lanes, Precision, Visitor};
use rayon::prelude::*;

/// Environments of one task on the planar kernel.
///
/// An environment whose state breaks (NaN, or beyond 1e10) starts anew, as MuJoCo's would: the
/// step is truncated, pays 0, and shows in [`status`](Self::status).
pub struct PlanarVecEnv {
    rules: TaskRules,
    batch: Batch,
    episodes: Episodes,
}

impl PlanarVecEnv {
    /// `num_envs` environments of `task`, in turn with each of `gaps` (none given: no gap), on the
    /// widest lanes of this processor, not yet [`reset`](VecEnv::reset).
    ///
    /// # Errors
    /// Where a gap does not fit the task, or the robots exceed the kernel's limits.
    pub fn new(
        task: &Task,
        gaps: &[Gap],
        num_envs: usize,
        seed: u64,
        precision: Precision,
    ) -> Result<Self> {
        let keys = EnvKey::population(&[seed], num_envs);
        Self::with_dynamics(task, Dynamics::new(task, gaps)?, keys, precision.into())
    }

    /// As [`new`](Self::new) in float32, one environment a key; see [`with_keys`](Self::with_keys).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn keyed(task: &Task, gaps: &[Gap], keys: Vec<EnvKey>) -> Result<Self> {
        Self::with_dynamics(
            task,
            Dynamics::new(task, gaps)?,
            keys,
            Arithmetic::default(),
        )
    }

    /// One environment a key, with the rows of `dynamics`; see [`with_keys`](Self::with_keys).
    ///
    /// # Errors
    /// Where the robots exceed the kernel's limits, or it cannot compute `with` what is asked for.
    pub fn with_dynamics(
        task: &Task,
        dynamics: Dynamics,
        keys: Vec<EnvKey>,
        with: Arithmetic,
    ) -> Result<Self> {
        let rules = TaskRules::new(task, dynamics, keys);
        let episodes = Episodes::new(&rules);
        let rows: Vec<usize> = episodes.row.iter().map(|&row| row as usize).collect();
        let batch = Batch::assigned(&rules.dynamics.models(), &rows, with)?;
        Ok(Self {
            rules,
            batch,
            episodes,
        })
    }

    /// Keys every environment's draws by `keys[e]` from now on, so that what happens in one does not
    /// depend on which others there are.
    pub fn with_keys(mut self, keys: Vec<EnvKey>) -> Self {
        assert_eq!(keys.len(), self.batch.num_envs(), "one key an environment");
        self.rules.keys = keys;
        let rows: Vec<u32> = (0..self.rules.keys.len())
            .map(|env| self.rules.row(env))
            .collect();
        self.set_rows(&rows);
        self
    }

    /// Gives every environment its row of `rows`, `[n]`.
    fn set_rows(&mut self, rows: &[u32]) {
        for (env, &row) in rows.iter().enumerate() {
            if self.episodes.row[env] != row {
                self.batch.set_row(env, row as usize);
                self.episodes.row[env] = row;
            }
        }
    }

    /// Runs `visitor` on the lanes.
    pub fn visit<V: Visitor>(&mut self, visitor: V) -> V::Output {
        self.batch.visit(visitor)
    }

    /// Measures the kernel's stages from now on.
    pub fn start_stage_times(&mut self) {
        self.batch.start_stage_times();
    }

    /// Stops measuring; ticks of each [`Stage`], summed over threads.
    pub fn take_stage_times(&mut self) -> [u64; Stage::COUNT] {
        self.batch.take_stage_times()
    }

    /// Environments a register.
    pub fn width(&self) -> usize {
        self.batch.width()
    }

    /// The present observations, `[n, obs_dim]`.
    pub fn observations(&self) -> &[f32] {
        &self.episodes.out.obs
    }

    /// Puts one environment at `qpos`, `qvel` (`[nv]` each), at the start of an episode.
    pub fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        self.batch.set_state(env, qpos, qvel);
        self.episodes.start(&self.rules, env, qpos, qvel);
    }
}

impl VecEnv for PlanarVecEnv {
    fn num_envs(&self) -> usize {
        self.batch.num_envs()
    }

    fn task(&self) -> &Task {
        &self.rules.task
    }

    fn reset(&mut self) -> Result<&[f32]> {
        self.rules.tick += 1;
        self.batch.visit(Reset {
            rules: &self.rules,
            episodes: &mut self.episodes,
        });
        Ok(&self.episodes.out.obs)
    }

    fn set_steps(&mut self, steps: &[u32]) {
        self.episodes.steps.copy_from_slice(steps);
    }

    fn step(&mut self, actions: &[f32]) -> Result<&StepBatch> {
        self.rules.check_actions(actions)?;
        self.rules.tick += 1;
        self.batch.visit(Step {
            rules: &self.rules,
            actions,
            episodes: &mut self.episodes,
        });
        Ok(&self.episodes.out)
    }

    fn qpos(&self) -> Vec<f32> {
        self.batch.qpos().iter().map(|x| *x as f32).collect()
    }

    fn qvel(&self) -> Vec<f32> {
        self.batch.qvel().iter().map(|x| *x as f32).collect()
    }

    fn status(&self) -> &[u32] {
        &self.episodes.status
    }

    fn dynamics(&self) -> &Dynamics {
        &self.rules.dynamics
    }

    fn row(&self) -> &[u32] {
        &self.episodes.row
    }

    fn snapshot(&self) -> Vec<u8> {
        let parts = [
            self.batch.qpos(),
            self.batch.qvel(),
            self.batch.warm_start(),
        ];
        snapshot::bytes(&self.rules, &self.episodes, parts.into_iter().flatten())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let (n, nv) = (self.num_envs(), self.batch.nv());
        let Snapshot {
            tick,
            steps,
            row,
            state,
        } = Snapshot::parse(bytes, &self.rules, 3 * nv)?;
        let (qpos, rest) = state.split_at(n * nv);
        let (qvel, warm_start) = rest.split_at(n * nv);
        for (env, (qpos, qvel)) in qpos.chunks(nv).zip(qvel.chunks(nv)).enumerate() {
            self.set_state(env, qpos, qvel);
        }
        self.batch.set_warm_start(warm_start);
        self.set_rows(&row);
        self.rules.tick = tick;
        self.episodes.steps = steps;
        Ok(())
    }
}

/// Puts lane `lane` of `block` at a new initial state, with the parameter row that it has from now
/// on, and observes it.
fn restart<R: Real>(
    rules: &TaskRules,
    block: &mut Block<'_, R>,
    lane: usize,
    row: &mut u32,
    obs: &mut [f32],
) {
    let env = block.envs().start + lane;
    let drawn = rules.row(env);
    if *row != drawn {
        block.set_row(lane, drawn as usize);
        *row = drawn;
    }
    let nv = rules.nv();
    let mut state = vec![0.0; 2 * nv];
    let (qpos, qvel) = state.split_at_mut(nv);
    rules.initial(env, drawn, qpos, qvel);
    block.set_state(lane, qpos, qvel);
    // As the lanes hold it: rounded.
    for i in 0..nv {
        (qpos[i], qvel[i]) = (block.qpos(lane, i), block.qvel(lane, i));
    }
    rules.observe(qpos, qvel, obs);
}

/// Starts a new episode everywhere.
struct Reset<'a> {
    rules: &'a TaskRules,
    episodes: &'a mut Episodes,
}

impl Visitor for Reset<'_> {
    type Output = ();
    fn visit<R: Real>(self, lanes: &mut Lanes<R>) {
        let pieces = self.episodes.pieces(R::LANES);
        lanes
            .par_blocks()
            .zip(pieces)
            .for_each(|(mut block, mut piece)| {
                for lane in 0..block.envs().len() {
                    piece.begin(lane, |row, obs| {
                        restart(self.rules, &mut block, lane, row, obs);
                    });
                }
            });
    }
}

/// One env step everywhere.
struct Step<'a> {
    rules: &'a TaskRules,
    actions: &'a [f32],
    episodes: &'a mut Episodes,
}

impl Visitor for Step<'_> {
    type Output = ();
    fn visit<R: Real>(self, lanes: &mut Lanes<R>) {
        let Self {
            rules,
            actions,
            episodes,
        } = self;
        let (nv, ad) = (rules.nv(), rules.task.act_dim());
        lanes
            .par_blocks()
            .zip(actions.par_chunks(R::LANES * ad))
            .zip(episodes.pieces(R::LANES))
            .for_each(|((mut block, actions), mut piece)| {
                let first = block.envs().start;
                let mut costs = [0.0; 16];
                let mut ctrl = [0.0; MAX_DOFS];
                for (lane, action) in actions.chunks(ad).enumerate() {
                    let row = piece.row[lane];
                    costs[lane] = rules.act(first + lane, row, action, &mut ctrl[..ad]);
                    block.set_ctrl(lane, ctrl[..ad].iter().copied());
                }
                block.step(rules.task.frame_skip);
                for (lane, cost) in costs.into_iter().enumerate().take(block.envs().len()) {
                    let (mut qpos, mut qvel) = ([0.0; MAX_DOFS], [0.0; MAX_DOFS]);
                    for i in 0..nv {
                        (qpos[i], qvel[i]) = (block.qpos(lane, i), block.qvel(lane, i));
                    }
                    let (dx, status) = (block.dx(lane), block.status(lane));
                    let (qpos, qvel) = (&qpos[..nv], &qvel[..nv]);
                    let next_obs = piece.next_obs(lane);
                    let end = rules.outcome(qpos, qvel, dx, cost, status, next_obs);
                    piece.end(lane, &rules.task, &end, |row, obs| {
                        restart(rules, &mut block, lane, row, obs);
                    });
                }
            });
    }
}

//! A task in Rapier worlds, one an environment, over all threads.

use crate::env::dynamics::Dynamics;
use crate::env::rules::{EnvKey, Episodes, TaskRules};
use crate::env::snapshot::{self, Snapshot};
use crate::env::{StepBatch, Task, VecEnv};
use crate::error::{Error, Result};
use crate::model::Gap;
use crate::physics::rapier::{Engine, Robot, World};
use crate::physics::status::BROKEN;
use rayon::prelude::*;
use std::cell::RefCell;

/// Environments that a thread steps one after the other.
const PIECE: usize = 4;

thread_local! {
    /// What the worlds that a thread steps share.
    static ENGINE: RefCell<Engine> = RefCell::new(Engine::new());
}

/// Environments of one task in Rapier.
///
/// A state that breaks is dealt with as in [`PlanarVecEnv`](crate::env::PlanarVecEnv).
pub struct RapierVecEnv {
    rules: TaskRules,
    /// By parameter row.
    robots: Vec<Robot>,
    worlds: Vec<World>,
    episodes: Episodes,
}

impl RapierVecEnv {
    /// `num_envs` environments of `task`, in turn with each of `gaps` (none given: no gap), not yet
    /// [`reset`](VecEnv::reset).
    ///
    /// # Errors
    /// Where a gap does not fit the task; as [`Robot::new`].
    pub fn new(task: &Task, gaps: &[Gap], num_envs: usize, seed: u64) -> Result<Self> {
        let keys = EnvKey::population(&[seed], num_envs);
        Self::with_dynamics(task, Dynamics::new(task, gaps)?, keys)
    }

    /// One environment a key, with the rows of `dynamics`.
    ///
    /// # Errors
    /// Without environments; as [`Robot::new`].
    pub fn with_dynamics(task: &Task, dynamics: Dynamics, keys: Vec<EnvKey>) -> Result<Self> {
        if keys.is_empty() {
            return Err(Error::input(
                "Rapier",
                "a vector without environments",
                "ask for at least one",
            ));
        }
        let rules = TaskRules::new(task, dynamics, keys);
        let episodes = Episodes::new(&rules);
        let models = rules.dynamics.models();
        let robots: Vec<Result<Robot>> = models.into_par_iter().map(Robot::new).collect();
        let robots: Vec<Robot> = robots.into_iter().collect::<Result<_>>()?;
        let rows = episodes.row.par_iter();
        let worlds = rows.map(|&row| World::of(&robots[row as usize])).collect();
        Ok(Self {
            rules,
            robots,
            worlds,
            episodes,
        })
    }

    /// Puts one environment at `qpos`, `qvel` (`[nv]` each), at the start of an episode.
    pub fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        let robot = &self.robots[self.episodes.row[env] as usize];
        self.worlds[env].set_state(robot, qpos, qvel);
        self.episodes.start(&self.rules, env, qpos, qvel);
    }

    /// Of every environment, `[n, nv]`: positions and velocities.
    fn states(&self) -> (Vec<f32>, Vec<f32>) {
        let nv = self.rules.nv();
        let (mut qpos, mut qvel) = (vec![0.0; nv], vec![0.0; nv]);
        let (mut all_qpos, mut all_qvel) = (Vec::new(), Vec::new());
        for (world, &row) in self.worlds.iter().zip(&self.episodes.row) {
            world.state(&self.robots[row as usize], &mut qpos, &mut qvel);
            all_qpos.extend(qpos.iter().map(|x| *x as f32));
            all_qvel.extend(qvel.iter().map(|x| *x as f32));
        }
        (all_qpos, all_qvel)
    }
}

impl VecEnv for RapierVecEnv {
    fn num_envs(&self) -> usize {
        self.worlds.len()
    }

    fn task(&self) -> &Task {
        &self.rules.task
    }

    fn reset(&mut self) -> Result<&[f32]> {
        self.rules.tick += 1;
        let Self {
            rules,
            robots,
            worlds,
            episodes,
        } = self;
        worlds
            .par_chunks_mut(PIECE)
            .zip(episodes.pieces(PIECE))
            .enumerate()
            .for_each(|(p, (worlds, mut piece))| {
                for (i, world) in worlds.iter_mut().enumerate() {
                    let env = p * PIECE + i;
                    piece.begin(i, |row, obs| {
                        restart(rules, robots, world, env, row, obs);
                    });
                }
            });
        Ok(&self.episodes.out.obs)
    }

    fn set_steps(&mut self, steps: &[u32]) {
        self.episodes.steps.copy_from_slice(steps);
    }

    fn step(&mut self, actions: &[f32]) -> Result<&StepBatch> {
        self.rules.check_actions(actions)?;
        self.rules.tick += 1;
        let Self {
            rules,
            robots,
            worlds,
            episodes,
        } = self;
        let (nv, ad) = (rules.nv(), rules.task.act_dim());
        worlds
            .par_chunks_mut(PIECE)
            .zip(actions.par_chunks(PIECE * ad))
            .zip(episodes.pieces(PIECE))
            .enumerate()
            .for_each(|(p, ((worlds, actions), mut piece))| {
                let mut ctrl = vec![0.0; ad];
                let (mut qpos, mut qvel) = (vec![0.0; nv], vec![0.0; nv]);
                for (i, (world, action)) in worlds.iter_mut().zip(actions.chunks(ad)).enumerate() {
                    let (env, row) = (p * PIECE + i, piece.row[i]);
                    let robot = &robots[row as usize];
                    let cost = rules.act(env, row, action, &mut ctrl);
                    world.state(robot, &mut qpos, &mut qvel);
                    let x = qpos[0];
                    let status = ENGINE.with_borrow_mut(|engine| {
                        world.step(engine, robot, &ctrl, rules.task.frame_skip)
                    });
                    world.state(robot, &mut qpos, &mut qvel);
                    let next_obs = piece.next_obs(i);
                    let end = rules.outcome(&qpos, &qvel, qpos[0] - x, cost, status, next_obs);
                    if status & BROKEN != 0 {
                        *world = World::of(robot);
                    }
                    piece.end(i, &rules.task, &end, |row, obs| {
                        restart(rules, robots, world, env, row, obs);
                    });
                }
            });
        Ok(&self.episodes.out)
    }

    fn qpos(&self) -> Vec<f32> {
        self.states().0
    }

    fn qvel(&self) -> Vec<f32> {
        self.states().1
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
        let width = 2 * self.rules.nv();
        let mut states = vec![0.0; self.worlds.len() * width];
        let worlds = self.worlds.iter().zip(&self.episodes.row);
        for ((world, &row), state) in worlds.zip(states.chunks_mut(width)) {
            world.coordinates(&self.robots[row as usize], state);
        }
        snapshot::bytes(&self.rules, &self.episodes, states)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let width = 2 * self.rules.nv();
        let Snapshot {
            tick,
            steps,
            row,
            state,
        } = Snapshot::parse(bytes, &self.rules, width)?;
        for (env, state) in state.chunks(width).enumerate() {
            let robot = &self.robots[row[env] as usize];
            let world = &mut self.worlds[env];
            if row[env] != self.episodes.row[env] {
                *world = World::of(robot);
            }
            world.set_coordinates(robot, state);
        }
        self.rules.tick = tick;
        (self.episodes.steps, self.episodes.row) = (steps, row);
        Ok(())
    }
}

/// Puts `world` at a new initial state, with the parameter row that it has from now on, and observes it.
fn restart(
    rules: &TaskRules,
    robots: &[Robot],
    world: &mut World,
    env: usize,
    row: &mut u32,
    obs: &mut [f32],
) {
    let drawn = rules.row(env);
    let robot = &robots[drawn as usize];
    if *row != drawn {
        *world = World::of(robot);
        *row = drawn;
    }
    let nv = rules.nv();
    let (mut qpos, mut qvel) = (vec![0.0; nv], vec![0.0; nv]);
    rules.initial(env, drawn, &mut qpos, &mut qvel);
    world.set_state(robot, &qpos, &qvel);
    // As the world holds it: rounded.
    world.state(robot, &mut qpos, &mut qvel);
    rules.observe(&qpos, &qvel, obs);
}

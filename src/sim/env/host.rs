//! The vector of environments for every engine that runs on the host: draws, reward, autoreset and
//! snapshots are written here once. An engine says how its robots are set, stepped and read.

use crate::env::channel::LateControls;
use crate::env::episodes::RunningEpisodes;
use crate::env::rules::{TaskRules, place};
use crate::env::snapshot::{self, Snapshot};
use crate::env::{Dynamics, EnvSpec, StepBatch, Task, VecEnv};
use crate::error::Result;
use crate::model::Model;
use rayon::prelude::*;
use std::ops::Range;

/// The robots of a vector, a parameter row each.
pub trait Engine: Send + 'static {
    /// Runs `job` on all robots: hands [`Job::on`] the [`Group`]s, in order of their environments.
    fn run(&mut self, job: Job<'_>);
    /// Gives one robot parameter row `row` from now on.
    fn set_param_row(&mut self, env: usize, row: usize);
    /// Puts one robot at `qpos`, `qvel` (`[nv]` each), with no memory of what was before.
    fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]);
    /// Positions and velocities of all robots, `[n, nv]` each.
    fn states(&self) -> [Vec<f64>; 2];
    /// Numbers of [`save`](Self::save) a robot.
    fn saved_width(&self) -> usize;
    /// What the future of all robots depends on, but for their parameter rows.
    fn save(&self) -> Vec<f64>;
    /// Goes back to what [`save`](Self::save) said of robots with the present parameter rows.
    fn load(&mut self, saved: &[f64]);
    /// As many robots of `models`, which `rows` (`[n]`) assigns, that compute alike.
    ///
    /// # Errors
    /// Where the robots exceed the engine's limits.
    fn renewed(&self, models: &[&Model], rows: &[usize]) -> Result<Self>
    where
        Self: Sized;
}

/// Some neighbouring robots that one thread steps together; `i` counts within the group.
pub trait Group: Send {
    /// The environments that they belong to.
    fn envs(&self) -> Range<usize>;
    /// Gives robot `i` parameter row `row` from now on.
    fn set_param_row(&mut self, i: usize, row: usize);
    /// Puts robot `i` at `qpos`, `qvel` (`[nv]` each), with no memory of what was before.
    fn set_state(&mut self, i: usize, qpos: &[f64], qvel: &[f64]);
    /// Sets the controls of robot `i`, `[nu]`; they are clamped to the motors' ranges.
    fn set_ctrl(&mut self, i: usize, ctrl: &[f64]);
    /// `frames` physics steps of the whole group with the present controls.
    fn step(&mut self, frames: usize);
    /// Position and velocity of robot `i` into `qpos` and `qvel`, `[nv]` each.
    fn state(&self, i: usize, qpos: &mut [f64], qvel: &mut [f64]);
    /// Way of robot `i` along x during the latest [`step`](Self::step), m.
    fn dx(&self, i: usize) -> f64;
    /// Bits of [`status`](crate::env::status) of robot `i` after it.
    fn status(&self, i: usize) -> u32;
}

/// What is to happen to every environment: a reset, or an env step with actions.
pub struct Job<'a> {
    rules: &'a TaskRules,
    episodes: &'a mut RunningEpisodes,
    what: What<'a>,
}

/// What a [`Job`] does.
#[derive(Clone, Copy)]
enum What<'a> {
    /// A new episode where this says so, `[n]`.
    Reset(&'a [bool]),
    /// An env step with these actions, `[n, act_dim]`.
    Step(&'a [f32]),
}

/// Numbers that a thread needs for one group.
struct Scratch {
    /// `[width]`.
    costs: Vec<f64>,
    qpos: Vec<f64>,
    qvel: Vec<f64>,
}

impl Job<'_> {
    /// Does it to `groups` of `width` neighbours each (the last may have fewer), over all threads.
    pub fn on<G: Group>(self, width: usize, groups: impl IndexedParallelIterator<Item = G>) {
        let Self {
            rules,
            episodes,
            what,
        } = self;
        let (nv, act_dim) = (rules.nv(), rules.task.act_dim());
        let scratch = || Scratch {
            costs: vec![0.0; width],
            qpos: vec![0.0; nv],
            qvel: vec![0.0; nv],
        };
        let both = groups.zip(episodes.pieces(width));
        let actions = match what {
            What::Step(actions) => actions,
            What::Reset(mask) => {
                return both.zip(mask.par_chunks(width)).for_each_init(
                    scratch,
                    |s, ((mut group, mut piece), mask)| {
                        for i in (0..mask.len()).filter(|&i| mask[i]) {
                            piece.begin(i, |row, obs| restart(rules, &mut group, i, row, obs, s));
                        }
                    },
                );
            }
        };
        let max_episode_steps = rules.task.max_episode_steps;
        both.zip(actions.par_chunks(width * act_dim)).for_each_init(
            scratch,
            |s, ((mut group, mut piece), actions)| {
                let first = group.envs().start;
                for (i, action) in actions.chunks(act_dim).enumerate() {
                    let (row, late) = (piece.param_row[i], &mut piece.late[i]);
                    let ctrl = &mut piece.reached[i * act_dim..][..act_dim];
                    s.costs[i] = rules.act(first + i, row, action, late, ctrl);
                    group.set_ctrl(i, ctrl);
                }
                group.step(rules.task.frame_skip);
                for i in 0..group.envs().len() {
                    if piece.is_due(i) {
                        piece.begin_in_step(i, |row, obs| {
                            restart(rules, &mut group, i, row, obs, s)
                        });
                        continue;
                    }
                    group.state(i, &mut s.qpos, &mut s.qvel);
                    let (dx, status) = (group.dx(i), group.status(i));
                    let (row, next_obs) = (piece.param_row[i], piece.next_obs(i));
                    let end =
                        rules.outcome(row, &s.qpos, &s.qvel, dx, s.costs[i], status, next_obs);
                    rules.sense(first + i, row, false, next_obs);
                    piece.end(i, max_episode_steps, &end, |row, obs| {
                        restart(rules, &mut group, i, row, obs, s)
                    });
                }
            },
        );
    }
}

/// Puts robot `i` of `group` at a new initial state, with the parameter row that it has from now on,
/// and observes it; where it is.
fn restart(
    rules: &TaskRules,
    group: &mut impl Group,
    i: usize,
    row: &mut u32,
    obs: &mut [f32],
    s: &mut Scratch,
) -> [f64; 2] {
    let env = group.envs().start + i;
    let drawn = rules.param_row(env);
    if *row != drawn {
        group.set_param_row(i, drawn as usize);
        *row = drawn;
    }
    rules.initial(env, drawn, &mut s.qpos, &mut s.qvel);
    group.set_state(i, &s.qpos, &s.qvel);
    // As the engine holds it: rounded.
    group.state(i, &mut s.qpos, &mut s.qvel);
    rules.observe(&s.qpos, &s.qvel, obs);
    rules.sense(env, drawn, true, obs);
    place(&rules.dynamics.rows[drawn as usize].model, &s.qpos)
}

/// Environments of one task on the engine `E`.
///
/// An environment whose state breaks (NaN, or beyond 1e10) starts anew, as MuJoCo's would: the
/// step is truncated, pays 0, and shows in [`status`](VecEnv::status).
pub struct HostEnv<E> {
    pub(super) rules: TaskRules,
    pub(super) engine: E,
    pub(super) episodes: RunningEpisodes,
}

impl<E: Engine> HostEnv<E> {
    /// The environments of `spec`, not yet [`reset`](VecEnv::reset). `engine` makes the robots from
    /// the models of all parameter rows and the row of each environment, `[n]`.
    ///
    /// # Errors
    /// As `engine`.
    pub fn with(
        spec: EnvSpec,
        engine: impl FnOnce(&[&Model], &[usize]) -> Result<E>,
    ) -> Result<Self> {
        let rules = TaskRules::new(spec);
        let episodes = RunningEpisodes::new(&rules);
        let rows: Vec<usize> = episodes.param_row.iter().map(|&row| row as usize).collect();
        let engine = engine(&rules.dynamics.models(), &rows)?;
        Ok(Self {
            rules,
            engine,
            episodes,
        })
    }

    /// The engine, to be measured. Whoever moves its robots leaves the episodes behind.
    pub fn engine_mut(&mut self) -> &mut E {
        &mut self.engine
    }

    /// The engine.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// The present observations, `[n, obs_dim]`.
    pub fn observations(&self) -> &[f32] {
        &self.episodes.out.obs
    }

    /// Starts a new episode where `mask` (`[n]`) says so.
    pub(super) fn restart(&mut self, mask: &[bool]) {
        self.run(What::Reset(mask));
    }

    fn run(&mut self, what: What<'_>) {
        self.rules.tick += 1;
        self.engine.run(Job {
            rules: &self.rules,
            episodes: &mut self.episodes,
            what,
        });
    }
}

fn rounded(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|x| *x as f32).collect()
}

impl<E: Engine> VecEnv for HostEnv<E> {
    fn num_envs(&self) -> usize {
        self.rules.keys.len()
    }

    fn task(&self) -> &Task {
        &self.rules.task
    }

    fn reset(&mut self) -> Result<&[f32]> {
        self.restart(&vec![true; self.num_envs()]);
        Ok(&self.episodes.out.obs)
    }

    fn set_steps(&mut self, steps: &[u32]) {
        self.episodes.steps.copy_from_slice(steps);
    }

    fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        self.engine.set_state(env, qpos, qvel);
        self.episodes.start(&self.rules, env, qpos, qvel);
    }

    fn step(&mut self, actions: &[f32]) -> Result<&StepBatch> {
        self.rules.check_actions(actions)?;
        self.episodes.check_all_run()?;
        self.run(What::Step(actions));
        Ok(&self.episodes.out)
    }

    fn qpos(&self) -> Result<Vec<f32>> {
        let [qpos, _] = self.engine.states();
        Ok(rounded(&qpos))
    }

    fn qvel(&self) -> Result<Vec<f32>> {
        let [_, qvel] = self.engine.states();
        Ok(rounded(&qvel))
    }

    fn status(&self) -> &[u32] {
        &self.episodes.status
    }

    fn controls(&self) -> Option<&[f64]> {
        Some(&self.episodes.reached)
    }

    fn dynamics(&self) -> &Dynamics {
        &self.rules.dynamics
    }

    fn param_row(&self) -> &[u32] {
        &self.episodes.param_row
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        let mut state = self.engine.save();
        let RunningEpisodes {
            steps,
            param_row,
            late,
            out,
            ..
        } = &self.episodes;
        state.extend(late.iter().flat_map(LateControls::numbers));
        if self.rules.dynamics.errs() {
            state.extend(out.obs.iter().map(|o| f64::from(*o)));
        }
        Ok(snapshot::bytes(self.rules.tick, steps, param_row, state))
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let width = self.engine.saved_width();
        let Snapshot {
            tick,
            steps,
            param_row,
            state,
            late,
            obs,
        } = Snapshot::parse(bytes, &self.rules, width)?;
        for (env, (&row, old)) in param_row.iter().zip(&self.episodes.param_row).enumerate() {
            if row != *old {
                self.engine.set_param_row(env, row as usize);
            }
        }
        self.engine.load(&state);
        let nv = self.rules.nv();
        let [qpos, qvel] = self.engine.states();
        for (env, (qpos, qvel)) in qpos.chunks(nv).zip(qvel.chunks(nv)).enumerate() {
            self.episodes.start(&self.rules, env, qpos, qvel);
        }
        let width = late.len() / self.num_envs();
        for (own, saved) in self.episodes.late.iter_mut().zip(late.chunks(width.max(1))) {
            own.load(saved);
        }
        if let Some(obs) = obs {
            self.episodes.out.obs.copy_from_slice(&obs);
        }
        self.rules.tick = tick;
        (self.episodes.steps, self.episodes.param_row) = (steps, param_row);
        Ok(())
    }
}

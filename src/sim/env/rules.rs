//! What every engine shares: keys of random draws, observation, reward, termination.

use crate::env::dynamics::Dynamics;
use crate::env::status::BROKEN;
use crate::env::task::{Quadratic, ResetNoise};
use crate::env::{EnvSpec, StepTerms, Task};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::rng::{Stream, fill_normal, fill_unit};

/// What an environment's random draws are keyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvKey {
    /// Seed of its member.
    pub seed: u64,
    /// Index among its member's environments.
    pub env: u32,
}

impl EnvKey {
    /// `per_member` environments of each seed, member after member.
    pub fn population(seeds: &[u64], per_member: usize) -> Vec<Self> {
        let of = |&seed: &u64| (0..per_member as u32).map(move |env| Self { seed, env });
        seeds.iter().flat_map(of).collect()
    }
}

/// What all environments of a vector share, whatever the engine.
pub struct TaskRules {
    pub task: Task,
    pub dynamics: Dynamics,
    /// What the draws of each environment are keyed by, `[n]`.
    pub keys: Vec<EnvKey>,
    /// Vector steps and resets so far.
    pub tick: u32,
    /// The tick at which each environment's key was set, `[n]`: draws count from it.
    pub since: Vec<u32>,
}

/// How an env step ended.
pub struct StepOutcome {
    pub reward: f64,
    pub terms: StepTerms,
    pub terminated: bool,
    pub status: u32,
}

impl TaskRules {
    pub fn new(spec: EnvSpec) -> Self {
        let EnvSpec {
            task,
            dynamics,
            keys,
        } = spec;
        Self {
            since: vec![0; keys.len()],
            task,
            dynamics,
            keys,
            tick: 0,
        }
    }

    /// Refuses actions that are not `[n, act_dim]` finite numbers.
    pub fn check_actions(&self, actions: &[f32]) -> Result<()> {
        let ad = self.task.act_dim();
        let want = self.keys.len() * ad;
        if actions.len() != want {
            return Err(Error::input(
                "actions",
                format!("{} numbers where {want} are wanted", actions.len()),
                format!("give {ad} numbers an environment"),
            ));
        }
        if let Some(i) = actions.iter().position(|a| !a.is_finite()) {
            return Err(Error::input(
                format!("actions of environment {}", i / ad),
                format!("component {} is {}", i % ad, actions[i]),
                "the policy has diverged: lower its learning rate",
            ));
        }
        Ok(())
    }

    /// Writes the observation of a state, `[obs_dim]`.
    pub fn observe(&self, qpos: &[f64], qvel: &[f64], obs: &mut [f32]) {
        let seen = &self.task.observation;
        let clip = seen.qvel_clip.unwrap_or(f64::INFINITY);
        if let Some(pick) = &seen.pick {
            for (o, entry) in obs.iter_mut().zip(pick) {
                let x = entry.of(qpos, qvel);
                *o = entry.velocity().map_or(x, |_| x.clamp(-clip, clip)) as f32;
            }
            return;
        }
        let from = seen.qpos_from.unwrap_or(0);
        let (positions, velocities) = obs.split_at_mut(qpos.len() - from);
        for (o, q) in positions.iter_mut().zip(&qpos[from..]) {
            *o = *q as f32;
        }
        for (o, v) in velocities.iter_mut().zip(qvel) {
            *o = v.clamp(-clip, clip) as f32;
        }
    }

    /// Degrees of freedom.
    pub fn nv(&self) -> usize {
        self.dynamics.rows[0].model.nv()
    }

    /// The step part of the counter of every draw of `env`.
    pub(super) fn tick_of(&self, env: usize) -> u32 {
        self.tick.wrapping_sub(self.since[env])
    }

    /// The parameter row that `env` has if its episode begins now.
    pub fn param_row(&self, env: usize) -> u32 {
        self.dynamics
            .param_row(env, self.keys[env], self.tick_of(env)) as u32
    }

    /// Draws the initial state of `env`, which has parameter row `row` then.
    pub fn initial(&self, env: usize, row: u32, qpos: &mut [f64], qvel: &mut [f64]) {
        let nv = qpos.len();
        // Velocities begin at a Philox block of their own, so that the two never share a word.
        let second = nv.next_multiple_of(4);
        let mut draws = vec![0f32; second + nv];
        let (tick, EnvKey { seed, env }) = (self.tick_of(env), self.keys[env]);
        for (noise, part, first) in [
            (self.task.reset.qpos, &mut *qpos, 0),
            (self.task.reset.qvel, qvel, second),
        ] {
            let (scale, shift) = match noise {
                ResetNoise::Uniform(a) => {
                    fill_unit(&mut draws, seed, env, tick, Stream::Reset);
                    (2.0 * a, -a)
                }
                ResetNoise::Normal(std) => {
                    fill_normal(&mut draws, seed, env, tick, Stream::Reset);
                    (std, 0.0)
                }
            };
            for (x, d) in part.iter_mut().zip(&draws[first..]) {
                *x = scale.mul_add(f64::from(*d), shift);
            }
        }
        let dofs = &self.dynamics.rows[row as usize].model.dofs;
        for (q, dof) in qpos.iter_mut().zip(dofs) {
            *q += dof.qpos0;
        }
    }

    /// Reward and termination after the physics of an env step that went `dx` m along x and cost
    /// `cost`, with parameter row `row`; writes the observation.
    #[expect(
        clippy::too_many_arguments,
        reason = "all that a step left behind, side by side"
    )]
    pub fn outcome(
        &self,
        row: u32,
        qpos: &[f64],
        qvel: &[f64],
        dx: f64,
        cost: f64,
        status: u32,
        next_obs: &mut [f32],
    ) -> StepOutcome {
        self.observe(qpos, qvel, next_obs);
        if status & BROKEN != 0 {
            return StepOutcome {
                reward: 0.0,
                terms: StepTerms::default(),
                terminated: false,
                status,
            };
        }
        let [x, z] = place(&self.dynamics.rows[row as usize].model, qpos);
        let (earned, terminated) = earned(&self.task, qpos, qvel, dx);
        let [forward, healthy, state] = earned;
        StepOutcome {
            reward: forward + healthy - cost - state,
            terms: StepTerms {
                x,
                z,
                velocity: dx / self.task.dt(),
                forward,
                healthy,
                control: -cost,
                state: -state,
                x_now: x,
                z_now: z,
            },
            terminated,
            status,
        }
    }
}

/// Reward of an env step that went `dx` m along x, ended at `qpos`, `qvel` and cost `cost`; whether
/// it terminates the episode.
pub(crate) fn reward(task: &Task, qpos: &[f64], qvel: &[f64], dx: f64, cost: f64) -> (f64, bool) {
    let ([forward, healthy, state], terminated) = earned(task, qpos, qvel, dx);
    (forward + healthy - cost - state, terminated)
}

/// Where a robot like `model` is along x, and how far above its `qpos0`, m.
pub(crate) fn place(model: &Model, qpos: &[f64]) -> [f64; 2] {
    [qpos[0], qpos[1] - model.dofs[1].qpos0]
}

/// What an env step earned for its way and for the robot's health, and what its state cost; whether it terminates the
/// episode.
fn earned(task: &Task, qpos: &[f64], qvel: &[f64], dx: f64) -> ([f64; 3], bool) {
    let healthy = task.is_healthy(qpos, qvel);
    let alive = if healthy || task.reward.healthy_on_fall {
        task.reward.healthy
    } else {
        0.0
    };
    let cost = |q: &Quadratic| q.weight * (q.entry.of(qpos, qvel) - q.target).powi(2);
    let state: f64 = task.reward.quadratic.iter().map(cost).sum();
    let forward = task.reward.forward_velocity * dx / task.dt();
    ([forward, alive, state], !healthy)
}

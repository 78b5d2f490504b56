//! A task on the planar kernel: observation, reward, termination, reset noise, autoreset.

use crate::env::task::Noise;
use crate::env::{StepBatch, Task, VecEnv};
use crate::error::{Error, Result};
use crate::model::{Gap, Model};
use crate::physics::planar::profile::Lap;
use crate::physics::planar::real::Real;
use crate::physics::planar::status::BROKEN;
use crate::physics::planar::topology::MAX_DOFS;
use crate::physics::planar::{Batch, Block, Lanes, Precision, Visitor, Width};
use crate::rng::{Stream, fill_normal, fill_unit};
use rayon::prelude::*;

/// Environments of one task on the planar kernel. Environment `e` has gap `e % gaps.len()`.
///
/// An environment whose state breaks (NaN, or beyond 1e10) starts anew, as MuJoCo's would: the
/// step is truncated, pays 0, and shows in [`status`](Self::status).
pub struct PlanarVecEnv {
    rules: Rules,
    batch: Batch,
    /// Env steps of the running episode, `[n]`.
    steps: Vec<u32>,
    status: Vec<u32>,
    out: StepBatch,
}

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

/// What all environments share.
struct Rules {
    task: Task,
    /// `qpos0` `[nv]`.
    qpos0: Vec<f64>,
    /// Standard deviation of the action noise, by parameter row.
    noise: Vec<f64>,
    /// What the draws of each environment are keyed by, `[n]`.
    keys: Vec<EnvKey>,
    /// Vector steps and resets so far: the step part of every draw's counter.
    tick: u32,
}

impl PlanarVecEnv {
    /// `num_envs` environments of `task` on the widest lanes of this processor, not yet
    /// [`reset`](VecEnv::reset). An empty `gaps` means no gap.
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
        Self::on(task, gaps, seed, |models| {
            Batch::new(models, num_envs, precision)
        })
    }

    /// As [`new`](Self::new) in float32, one environment a key; see [`with_keys`](Self::with_keys).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn keyed(task: &Task, gaps: &[Gap], keys: Vec<EnvKey>) -> Result<Self> {
        Ok(Self::new(task, gaps, keys.len(), 0, Precision::F32)?.with_keys(keys))
    }

    /// As [`new`](Self::new) in float32 on registers of `width`.
    ///
    /// # Errors
    /// As [`new`](Self::new), and where the processor lacks the width.
    pub fn with_width(
        task: &Task,
        gaps: &[Gap],
        num_envs: usize,
        seed: u64,
        width: Width,
    ) -> Result<Self> {
        Self::on(task, gaps, seed, |models| {
            Batch::with_width(models, num_envs, Precision::F32, width)
        })
    }

    /// As [`with_width`](Self::with_width), counting operations.
    ///
    /// # Errors
    /// As [`with_width`](Self::with_width).
    pub fn counted(
        task: &Task,
        gaps: &[Gap],
        num_envs: usize,
        seed: u64,
        width: Width,
    ) -> Result<Self> {
        Self::on(task, gaps, seed, |models| {
            Batch::counted(models, num_envs, width)
        })
    }

    fn on(
        task: &Task,
        gaps: &[Gap],
        seed: u64,
        batch: impl FnOnce(&[Model]) -> Result<Batch>,
    ) -> Result<Self> {
        let (models, noise) = models(task, gaps)?;
        let batch = batch(&models)?;
        let n = batch.num_envs();
        let obs = vec![f32::NAN; n * task.obs_dim()];
        Ok(Self {
            rules: Rules {
                task: task.clone(),
                qpos0: models[0].dofs.iter().map(|d| d.qpos0).collect(),
                noise,
                keys: EnvKey::population(&[seed], n),
                tick: 0,
            },
            batch,
            steps: vec![0; n],
            status: vec![0; n],
            out: StepBatch {
                next_obs: obs.clone(),
                obs,
                reward: vec![f32::NAN; n],
                terminated: vec![false; n],
                truncated: vec![false; n],
            },
        })
    }

    /// Keys every environment's draws by `keys[e]` from now on, so that what happens in one does not
    /// depend on which others there are.
    pub fn with_keys(mut self, keys: Vec<EnvKey>) -> Self {
        assert_eq!(keys.len(), self.batch.num_envs(), "one key an environment");
        self.rules.keys = keys;
        self
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.rules.task
    }

    /// Runs `visitor` on the lanes.
    pub fn visit<V: Visitor>(&mut self, visitor: V) -> V::Output {
        self.batch.visit(visitor)
    }

    /// Measures the kernel's stages from now on.
    pub fn start_laps(&mut self) {
        self.batch.start_laps();
    }

    /// Stops measuring; ticks of each [`Lap`], summed over threads.
    pub fn take_laps(&mut self) -> [u64; Lap::COUNT] {
        self.batch.take_laps()
    }

    /// Environments a register.
    pub fn width(&self) -> usize {
        self.batch.width()
    }

    /// Bits of [`status`](crate::physics::planar::status) of the latest step, `[n]`.
    pub fn status(&self) -> &[u32] {
        &self.status
    }

    /// The present observations, `[n, obs_dim]`.
    pub fn observations(&self) -> &[f32] {
        &self.out.obs
    }

    /// Puts one environment at `qpos`, `qvel` (`[nv]` each), at the start of an episode.
    pub fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        self.batch.set_state(env, qpos, qvel);
        self.steps[env] = 0;
        let od = self.rules.task.obs_dim();
        self.rules
            .observe(qpos, qvel, &mut self.out.obs[env * od..][..od]);
    }
}

/// Compiled models and action noises of `gaps`.
fn models(task: &Task, gaps: &[Gap]) -> Result<(Vec<Model>, Vec<f64>)> {
    let none = [Gap::none()];
    let gaps = if gaps.is_empty() { &none } else { gaps };
    let pairs: Result<Vec<_>> = gaps.iter().map(|gap| task.model(gap)).collect();
    Ok(pairs?.into_iter().unzip())
}

impl VecEnv for PlanarVecEnv {
    fn num_envs(&self) -> usize {
        self.batch.num_envs()
    }

    fn obs_dim(&self) -> usize {
        self.rules.task.obs_dim()
    }

    fn act_dim(&self) -> usize {
        self.rules.task.act_dim()
    }

    fn reset(&mut self) -> Result<&[f32]> {
        self.rules.tick += 1;
        self.batch.visit(Reset {
            rules: &self.rules,
            steps: &mut self.steps,
            obs: &mut self.out.obs,
        });
        Ok(&self.out.obs)
    }

    fn step(&mut self, actions: &[f32]) -> Result<&StepBatch> {
        let want = self.num_envs() * self.act_dim();
        if actions.len() != want {
            return Err(Error::input(
                "actions",
                format!("{} numbers where {want} are wanted", actions.len()),
                format!("give {} numbers an environment", self.act_dim()),
            ));
        }
        if let Some(i) = actions.iter().position(|a| !a.is_finite()) {
            return Err(Error::input(
                format!("actions of environment {}", i / self.act_dim()),
                format!("component {} is {}", i % self.act_dim(), actions[i]),
                "the policy has diverged: lower its learning rate",
            ));
        }
        self.rules.tick += 1;
        self.batch.visit(Step {
            rules: &self.rules,
            actions,
            steps: &mut self.steps,
            status: &mut self.status,
            out: &mut self.out,
        });
        Ok(&self.out)
    }

    fn qpos(&self) -> Vec<f32> {
        self.batch.qpos().iter().map(|x| *x as f32).collect()
    }

    fn qvel(&self) -> Vec<f32> {
        self.batch.qvel().iter().map(|x| *x as f32).collect()
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = self.rules.tick.to_le_bytes().to_vec();
        bytes.extend(self.steps.iter().flat_map(|s| s.to_le_bytes()));
        for part in [
            self.batch.qpos(),
            self.batch.qvel(),
            self.batch.warm_start(),
        ] {
            bytes.extend(part.iter().flat_map(|x| x.to_le_bytes()));
        }
        bytes
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let n = self.num_envs();
        let nv = self.batch.nv();
        let want = 4 + 4 * n + 8 * 3 * n * nv;
        if bytes.len() != want {
            return Err(Error::input(
                "snapshot of environments",
                format!("{} bytes where {want} are wanted", bytes.len()),
                "restore it with the task and the number of environments it was taken with",
            ));
        }
        let (head, states) = bytes.split_at(4 + 4 * n);
        let word = |c: &[u8]| u32::from_le_bytes(c.try_into().expect("chunks of 4"));
        let number = |c: &[u8]| f64::from_le_bytes(c.try_into().expect("chunks of 8"));
        let states: Vec<f64> = states.chunks(8).map(number).collect();
        let (qpos, rest) = states.split_at(n * nv);
        let (qvel, warm_start) = rest.split_at(n * nv);
        for (env, (qpos, qvel)) in qpos.chunks(nv).zip(qvel.chunks(nv)).enumerate() {
            self.set_state(env, qpos, qvel);
        }
        self.batch.set_warm_start(warm_start);
        self.rules.tick = word(&head[..4]);
        self.steps = head[4..].chunks(4).map(word).collect();
        Ok(())
    }
}

impl Rules {
    /// Writes the observation of a state, `[obs_dim]`.
    fn observe(&self, qpos: &[f64], qvel: &[f64], obs: &mut [f32]) {
        let seen = &self.task.observation;
        let clip = seen.qvel_clip.unwrap_or(f64::INFINITY);
        let (positions, velocities) = obs.split_at_mut(qpos.len() - seen.qpos_from);
        for (o, q) in positions.iter_mut().zip(&qpos[seen.qpos_from..]) {
            *o = *q as f32;
        }
        for (o, v) in velocities.iter_mut().zip(qvel) {
            *o = v.clamp(-clip, clip) as f32;
        }
    }

    /// Draws the initial state of `env`.
    fn initial(&self, env: usize, qpos: &mut [f64], qvel: &mut [f64]) {
        let nv = qpos.len();
        // Velocities begin at a Philox block of their own, so that the two never share a word.
        let second = nv.next_multiple_of(4);
        let mut draws = vec![0f32; second + nv];
        for (noise, part, first) in [
            (self.task.reset.qpos, &mut *qpos, 0),
            (self.task.reset.qvel, qvel, second),
        ] {
            let EnvKey { seed, env } = self.keys[env];
            let (scale, shift) = match noise {
                Noise::Uniform(a) => {
                    fill_unit(&mut draws, seed, env, self.tick, Stream::Reset);
                    (2.0 * a, -a)
                }
                Noise::Normal(std) => {
                    fill_normal(&mut draws, seed, env, self.tick, Stream::Reset);
                    (std, 0.0)
                }
            };
            for (x, d) in part.iter_mut().zip(&draws[first..]) {
                *x = scale.mul_add(f64::from(*d), shift);
            }
        }
        for (q, q0) in qpos.iter_mut().zip(&self.qpos0) {
            *q += q0;
        }
    }

    /// Puts lane `lane` of `block` at a new initial state, and observes it.
    fn restart<R: Real>(&self, block: &mut Block<'_, R>, lane: usize, obs: &mut [f32]) {
        let nv = self.qpos0.len();
        let mut state = vec![0.0; 2 * nv];
        let (qpos, qvel) = state.split_at_mut(nv);
        self.initial(block.envs().start + lane, qpos, qvel);
        block.set_state(lane, qpos, qvel);
        // As the lanes hold it: rounded.
        for i in 0..nv {
            (qpos[i], qvel[i]) = (block.qpos(lane, i), block.qvel(lane, i));
        }
        self.observe(qpos, qvel, obs);
    }
}

/// Starts a new episode everywhere.
struct Reset<'a> {
    rules: &'a Rules,
    steps: &'a mut [u32],
    obs: &'a mut [f32],
}

impl Visitor for Reset<'_> {
    type Output = ();
    fn visit<R: Real>(self, lanes: &mut Lanes<R>) {
        self.steps.fill(0);
        let od = self.rules.task.obs_dim();
        let obs = self.obs.par_chunks_mut(R::LANES * od);
        lanes.par_blocks().zip(obs).for_each(|(mut block, obs)| {
            for (lane, obs) in obs.chunks_mut(od).enumerate() {
                self.rules.restart(&mut block, lane, obs);
            }
        });
    }
}

/// One env step everywhere.
struct Step<'a> {
    rules: &'a Rules,
    actions: &'a [f32],
    steps: &'a mut [u32],
    status: &'a mut [u32],
    out: &'a mut StepBatch,
}

impl Visitor for Step<'_> {
    type Output = ();
    fn visit<R: Real>(self, lanes: &mut Lanes<R>) {
        let Self {
            rules,
            actions,
            steps,
            status,
            out,
        } = self;
        let (od, ad) = (rules.task.obs_dim(), rules.task.act_dim());
        lanes
            .par_blocks()
            .zip(actions.par_chunks(R::LANES * ad))
            .zip(steps.par_chunks_mut(R::LANES))
            .zip(status.par_chunks_mut(R::LANES))
            .zip(out.obs.par_chunks_mut(R::LANES * od))
            .zip(out.next_obs.par_chunks_mut(R::LANES * od))
            .zip(out.reward.par_chunks_mut(R::LANES))
            .zip(out.terminated.par_chunks_mut(R::LANES))
            .zip(out.truncated.par_chunks_mut(R::LANES))
            .for_each(
                |(
                    (
                        ((((((mut block, actions), steps), status), obs), next_obs), reward),
                        terminated,
                    ),
                    truncated,
                )| {
                    let mut costs = [0.0; 16];
                    for (lane, action) in actions.chunks(ad).enumerate() {
                        costs[lane] = rules.act(&mut block, lane, action);
                    }
                    block.step(rules.task.frame_skip);
                    for lane in 0..block.envs().len() {
                        let next_obs = &mut next_obs[lane * od..][..od];
                        let end = rules.outcome(&block, lane, costs[lane], next_obs);
                        steps[lane] += 1;
                        status[lane] = end.status;
                        reward[lane] = end.reward as f32;
                        terminated[lane] = end.terminated;
                        let over = steps[lane] as usize >= rules.task.max_episode_steps;
                        truncated[lane] = (over || end.status & BROKEN != 0) && !end.terminated;
                        let obs = &mut obs[lane * od..][..od];
                        if terminated[lane] || truncated[lane] {
                            rules.restart(&mut block, lane, obs);
                            steps[lane] = 0;
                            if end.status & BROKEN != 0 {
                                next_obs.copy_from_slice(obs);
                            }
                        } else {
                            obs.copy_from_slice(next_obs);
                        }
                    }
                },
            );
    }
}

/// How an env step ended.
struct Outcome {
    reward: f64,
    terminated: bool,
    status: u32,
}

impl Rules {
    /// Hands an action, with the gap's noise, to lane `lane`; returns its control cost.
    fn act<R: Real>(&self, block: &mut Block<'_, R>, lane: usize, action: &[f32]) -> f64 {
        let env = block.envs().start + lane;
        let std = self.noise[env % self.noise.len()];
        let cost = self.task.reward.control_cost;
        if std == 0.0 {
            block.set_ctrl(lane, action.iter().map(|a| f64::from(*a)));
            return cost * square_sum(action.iter().map(|a| f64::from(*a)));
        }
        let mut noise = vec![0f32; action.len()];
        let key = self.keys[env];
        fill_normal(&mut noise, key.seed, key.env, self.tick, Stream::JointNoise);
        let noisy = || {
            action
                .iter()
                .zip(&noise)
                .map(|(a, n)| f64::from(*a) + std * f64::from(*n))
        };
        block.set_ctrl(lane, noisy());
        cost * square_sum(noisy())
    }

    /// Reward and termination of lane `lane` after its physics; writes the observation.
    fn outcome<R: Real>(
        &self,
        block: &Block<'_, R>,
        lane: usize,
        cost: f64,
        next_obs: &mut [f32],
    ) -> Outcome {
        let nv = self.qpos0.len();
        let (mut qpos, mut qvel) = ([0.0; MAX_DOFS], [0.0; MAX_DOFS]);
        for i in 0..nv {
            (qpos[i], qvel[i]) = (block.qpos(lane, i), block.qvel(lane, i));
        }
        let (qpos, qvel) = (&qpos[..nv], &qvel[..nv]);
        self.observe(qpos, qvel, next_obs);
        let status = block.status(lane);
        if status & BROKEN != 0 {
            return Outcome {
                reward: 0.0,
                terminated: false,
                status,
            };
        }
        let (reward, terminated) = pay(&self.task, qpos, block.dx(lane), cost);
        Outcome {
            reward,
            terminated,
            status,
        }
    }
}

/// Reward of an env step that went `dx` m along x, ended at `qpos` and cost `cost`; whether it
/// terminates the episode.
pub(super) fn pay(task: &Task, qpos: &[f64], dx: f64, cost: f64) -> (f64, bool) {
    let healthy = task.is_healthy(qpos);
    let alive = if healthy || task.reward.healthy_on_fall {
        task.reward.healthy
    } else {
        0.0
    };
    (
        task.reward.forward_velocity * dx / task.dt() + alive - cost,
        !healthy,
    )
}

fn square_sum(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|a| a * a).sum()
}

//! Resident rollouts: policies and environments step together on the device, and the host reads
//! whole segments of transitions.

use crate::engine::wgsl::network::{append, network, parameters, sizes};
use crate::engine::wgsl::store::{self, Dispatch, Samples, Store};
use crate::engine::wgsl::vector::{Chunk, PlanarGpuEnv, ROW_FROM, STATUS, STATUS_FROM};
use crate::engine::wgsl::vector::{TERMINATED, TRUNCATED};
use crate::env::{RolloutBuffer, VecEnv};
use crate::error::{Error, Result};
use crate::gpu::buffers::{Flight, Staging};
use crate::gpu::compose::{Shader, WORKGROUP};
use crate::gpu::constants::Constants;
use crate::gpu::pipeline::{Pipeline, UNIFORM};
use crate::policy::{ActionDistribution, Policy};
use std::borrow::BorrowMut;
use std::collections::VecDeque;
use std::sync::Arc;

/// Environments `m * per_member + i` driven by the policy of member `m`, in segments of a fixed
/// number of steps. Two segments may be under way, so that one is read while the next is computed.
/// `E` has the environments, or borrows them.
pub struct ResidentRollout<E = PlanarGpuEnv> {
    env: E,
    per_member: usize,
    steps: usize,
    policy: Arc<Pipeline>,
    step: Arc<Pipeline>,
    /// Environments that a workgroup of the policy takes.
    tile: usize,
    /// Sizes of the layers: inputs, then outputs of each.
    sizes: Vec<usize>,
    distribution: ActionDistribution,
    samples: Samples,
    weights: wgpu::Buffer,
    /// By turn.
    turns: [Vec<Part>; 2],
    next: usize,
    under_way: VecDeque<(usize, Vec<[Flight; 2]>)>,
    /// Step part of the policy's draws.
    policy_step: u32,
}

/// A chunk's share of a turn.
struct Part {
    transitions: wgpu::Buffer,
    endings: wgpu::Buffer,
    staging: [Staging; 2],
    dispatch: wgpu::Buffer,
    policy: wgpu::BindGroup,
    step: wgpu::BindGroup,
    /// Members of the chunk, and environments of each in it.
    members: usize,
    per_member: usize,
    first_member: usize,
}

impl<E: BorrowMut<PlanarGpuEnv>> ResidentRollout<E> {
    /// Segments of `steps` env steps of `env`, whose environments belong to `policies` in equal parts.
    /// Policies may be exchanged for others of the same sizes and distribution.
    ///
    /// # Errors
    /// Where the policies do not fit the task or the device, or a chunk of the environments cuts
    /// through members.
    pub fn new(owner: E, policies: &[Policy], steps: usize) -> Result<Self> {
        let env: &PlanarGpuEnv = owner.borrow();
        let wrong = |problem: String, help: &str| Error::input("resident rollout", problem, help);
        let (n, members) = (env.num_envs(), policies.len());
        if members == 0 || n % members != 0 || steps == 0 {
            let problem = format!("{n} environments, {members} policies, {steps} steps");
            return Err(wrong(
                problem,
                "give every member equally many environments, and a step",
            ));
        }
        let sizes = sizes(&policies[0], env.obs_dim(), env.act_dim())?;
        let per_member = n / members;
        let caps = env.gpu.caps();
        let widest = sizes.iter().copied().max().unwrap_or(0);
        let fits = |tile: &usize| 8 * tile * widest <= caps.shared as usize;
        let Some(tile) = [16, 8, 4].into_iter().find(fits) else {
            let problem = format!(
                "a layer of {widest} does not fit a workgroup's {} bytes",
                caps.shared
            );
            return Err(wrong(problem, "take narrower layers, or act on the host"));
        };
        let network = network(&sizes, tile);
        let gpu = env.gpu.clone();
        let mut constants: Vec<&Constants> = env.constants.iter().collect();
        let step = gpu.pipeline(Shader::ENV_STEP, &constants, &["TRANSITIONS"])?;
        constants.push(&network);
        let distribution = policies[0].distribution;
        let head: &[&str] = match distribution {
            ActionDistribution::TanhGaussian => &[],
            ActionDistribution::ClippedGaussian => &["CLIPPED"],
        };
        let policy = gpu.pipeline(Shader::POLICY, &constants, head)?;
        let member_bytes = 4 * parameters(&sizes);
        let row = 2 * env.obs_dim() + env.act_dim() + 2;
        let largest = env
            .chunks
            .iter()
            .map(|c| c.store.envs.len())
            .max()
            .unwrap_or(0);
        for (what, bytes) in [
            ("weights", members * member_bytes),
            ("transitions", 4 * largest * steps * row),
        ] {
            if bytes as u64 > caps.binding.min(caps.buffer) {
                let problem =
                    format!("{what} take {bytes} bytes, more than a buffer of the adapter holds");
                return Err(wrong(problem, "take fewer steps, members or environments"));
            }
        }
        let weights = gpu.storage("weights", (members * member_bytes) as u64);
        let turn = || -> Result<Vec<Part>> {
            let part = |chunk: &Chunk| {
                let envs = &chunk.store.envs;
                let whole =
                    envs.start.is_multiple_of(per_member) && envs.len().is_multiple_of(per_member);
                let inside = envs.start / per_member == (envs.end - 1) / per_member;
                if !whole && !inside {
                    let problem = format!(
                        "environments {} to {} cut through members",
                        envs.start, envs.end
                    );
                    return Err(wrong(
                        problem,
                        "give every member equally many environments",
                    ));
                }
                let bytes = (4 * envs.len() * steps) as u64;
                let transitions = gpu.storage("transitions", bytes * row as u64);
                let endings = gpu.storage("endings", bytes);
                let poison = vec![f32::NAN; envs.len() * steps * row];
                gpu.queue
                    .write_buffer(&transitions, 0, bytemuck::cast_slice(&poison));
                let dispatch =
                    gpu.uniform("dispatch", u64::from(Store::stride(&gpu)) * steps as u64);
                let own = [
                    (6, &transitions),
                    (7, &endings),
                    (8, &weights),
                    (0, &env.parameters),
                ];
                let buffers = chunk.store.buffers();
                let shared = buffers.iter().filter(|(binding, _)| *binding != UNIFORM);
                let all: Vec<_> = shared
                    .copied()
                    .chain(own)
                    .chain([(UNIFORM, &dispatch)])
                    .collect();
                Ok(Part {
                    policy: policy.bind(&gpu.device, &all, Store::WINDOW),
                    step: step.bind(&gpu.device, &all, Store::WINDOW),
                    staging: [
                        Staging::new(&gpu, bytes * row as u64),
                        Staging::new(&gpu, bytes),
                    ],
                    members: envs.len().div_ceil(per_member),
                    per_member: per_member.min(envs.len()),
                    first_member: envs.start / per_member,
                    transitions,
                    endings,
                    dispatch,
                })
            };
            env.chunks.iter().map(part).collect()
        };
        let turns = [turn()?, turn()?];
        gpu.check()?;
        let mut rollout = Self {
            env: owner,
            per_member,
            steps,
            policy,
            step,
            tile,
            sizes,
            distribution,
            samples: Samples::Own,
            weights,
            turns,
            next: 0,
            under_way: VecDeque::new(),
            policy_step: 0,
        };
        rollout.set_policies(policies)?;
        Ok(rollout)
    }

    /// The environments.
    pub fn env(&self) -> &PlanarGpuEnv {
        self.env.borrow()
    }

    /// The environments; [`reset`](VecEnv::reset) them before the first segment.
    pub fn env_mut(&mut self) -> &mut PlanarGpuEnv {
        self.env.borrow_mut()
    }

    /// Env steps of a segment.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Exchanges the policies of all members, for segments that are not yet begun.
    ///
    /// # Errors
    /// Where they are of another number or other sizes.
    pub fn set_policies(&mut self, policies: &[Policy]) -> Result<()> {
        let env = self.env();
        let members = env.num_envs() / self.per_member;
        let mut flat = Vec::with_capacity(members * parameters(&self.sizes));
        for policy in policies {
            let own = sizes(policy, env.obs_dim(), env.act_dim())?;
            let same = own == self.sizes && policy.distribution == self.distribution;
            if !same || policies.len() != members {
                let problem = format!(
                    "{} policies, not {members} of sizes {:?} that are {}",
                    policies.len(),
                    self.sizes,
                    self.distribution.name()
                );
                return Err(Error::input(
                    "resident rollout",
                    problem,
                    "keep the population as it was",
                ));
            }
            append(&mut flat, policy);
        }
        env.gpu
            .queue
            .write_buffer(&self.weights, 0, bytemuck::cast_slice(&flat));
        Ok(())
    }

    /// Sets how the actions of segments that are not yet begun come of the policy; at first they are
    /// [`Samples::Own`].
    pub fn set_samples(&mut self, samples: Samples) {
        self.samples = samples;
    }

    /// Ends the rollout: what the environments say of their latest step is true again.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn finish(mut self) -> Result<()> {
        self.env_mut().refresh()
    }

    /// Sets the step part of the policy's next draws.
    pub fn set_policy_step(&mut self, step: u32) {
        self.policy_step = step;
    }

    /// Begins a segment; with two under way the older one must be [`fetch`](Self::fetch)ed first.
    ///
    /// # Errors
    /// With two under way, and where the device has failed.
    pub fn begin(&mut self) -> Result<()> {
        if self.under_way.len() == self.turns.len() {
            return Err(Error::input(
                "resident rollout",
                "two segments are under way",
                "fetch one",
            ));
        }
        let env = self.env();
        let gpu = env.gpu.clone();
        gpu.check()?;
        let (turn, steps) = (self.next, self.steps as u32);
        let tick = env.rules.tick;
        let autoreset = store::autoreset(env.episodes.autoreset);
        let [samples, seed_low, seed_high] = self.samples.words();
        let flights = self.turns[turn]
            .iter()
            .zip(&env.chunks)
            .map(|(part, chunk)| {
                let n = chunk.store.envs.len() as u32;
                let dispatch = |slot: u32| Dispatch {
                    num_envs: n,
                    tick: tick.wrapping_add(slot + 1),
                    policy_step: self.policy_step.wrapping_add(slot),
                    slot,
                    slots: steps,
                    first_member: part.first_member as u32,
                    per_member: part.per_member as u32,
                    autoreset,
                    samples,
                    seed_low,
                    seed_high,
                    ..Default::default()
                };
                let stride =
                    Store::write_dispatches(&gpu, &part.dispatch, (0..steps).map(dispatch));
                let mut encoder = gpu.device.create_command_encoder(&Default::default());
                let mut pass = encoder.begin_compute_pass(&Default::default());
                let tiles = part.members * part.per_member.div_ceil(self.tile);
                for slot in 0..steps {
                    self.policy
                        .dispatch(&mut pass, &part.policy, slot * stride, tiles as u32);
                    self.step
                        .dispatch(&mut pass, &part.step, slot * stride, n.div_ceil(WORKGROUP));
                }
                drop(pass);
                part.staging[0].copy(&mut encoder, &part.transitions, part.transitions.size());
                part.staging[1].copy(&mut encoder, &part.endings, part.endings.size());
                let submission = gpu.queue.submit([encoder.finish()]);
                let [rows, endings] = &part.staging;
                [rows.ask(submission.clone()), endings.ask(submission)]
            });
        let flights = flights.collect();
        self.under_way.push_back((turn, flights));
        self.env_mut().rules.tick = tick.wrapping_add(steps);
        self.policy_step = self.policy_step.wrapping_add(steps);
        self.next = (turn + 1) % self.turns.len();
        Ok(())
    }

    /// Waits for the oldest segment under way.
    ///
    /// # Errors
    /// Where none is, or the device fails.
    pub fn fetch(&mut self) -> Result<RolloutBuffer> {
        let Some((turn, flights)) = self.under_way.pop_front() else {
            return Err(Error::input(
                "resident rollout",
                "no segment is under way",
                "begin one",
            ));
        };
        let env: &PlanarGpuEnv = self.env.borrow();
        let gpu = &env.gpu;
        let row = 2 * env.obs_dim() + env.act_dim() + 2;
        let (n, steps) = (env.num_envs(), self.steps);
        let mut rows = vec![f32::NAN; n * steps * row];
        let mut endings = vec![0u32; n * steps];
        for ((part, chunk), [row_flight, ending_flight]) in
            self.turns[turn].iter().zip(&env.chunks).zip(flights)
        {
            // A chunk holds whole members, or some of one member's environments at every step.
            let (first, own) = (chunk.store.envs.start, part.per_member);
            let into = |block: usize| {
                let (member, slot) = (block / steps, block % steps);
                let env = first + member * own;
                (env / self.per_member * steps + slot) * self.per_member + env % self.per_member
            };
            part.staging[0].receive(gpu, row_flight, |bytes| {
                let from = bytemuck::cast_slice::<u8, f32>(bytes).chunks(own * row);
                for (block, numbers) in from.enumerate() {
                    rows[into(block) * row..][..own * row].copy_from_slice(numbers);
                }
            })?;
            part.staging[1].receive(gpu, ending_flight, |bytes| {
                let from = bytemuck::cast_slice::<u8, u32>(bytes).chunks(own);
                for (block, words) in from.enumerate() {
                    endings[into(block)..][..own].copy_from_slice(words);
                }
            })?;
        }
        let per_member = self.per_member;
        let episodes = &mut self.env_mut().episodes;
        for env in 0..n {
            let (member, i) = (env / per_member, env % per_member);
            let latest = endings[(member * steps + steps - 1) * per_member + i];
            episodes.param_row[env] = latest >> ROW_FROM;
            episodes.status[env] = latest >> STATUS_FROM & STATUS;
        }
        Ok(RolloutBuffer {
            rows,
            terminated: endings.iter().map(|e| e & TERMINATED != 0).collect(),
            truncated: endings.iter().map(|e| e & TRUNCATED != 0).collect(),
            status: endings.iter().map(|e| e >> STATUS_FROM & STATUS).collect(),
        })
    }
}

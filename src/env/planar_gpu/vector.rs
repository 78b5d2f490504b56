//! Environments whose state stays on the device.

use crate::env::rules::Rules;
use crate::env::{Dynamics, EnvKey, StepBatch, Task, VecEnv, planar_gpu::constants};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::gpu::buffers::Flight;
use crate::gpu::compose::{Kernel, WORKGROUP};
use crate::gpu::constants::Constants;
use crate::gpu::memory::MemoryPlan;
use crate::gpu::pipeline::Pipeline;
use crate::physics::gpu::constants::topology;
use crate::physics::gpu::rows::Rows;
use crate::physics::gpu::store::{Begin, Dispatch, Store, Widths};
use crate::physics::planar::batch;
use crate::physics::planar::topology::Topology;
use crate::physics::status::{BROKEN, UNCONVERGED};
use std::sync::Arc;

/// Bits of an ending in `env_step.wgsl`; those above are the status.
const TERMINATED: u32 = 1;
const TRUNCATED: u32 = 2;
const STATUS_FROM: u32 = 2;

/// Environments of one task on a GPU, an invocation each. As
/// [`PlanarVecEnv`](crate::env::PlanarVecEnv), with its draws; results agree within float32.
pub struct PlanarGpuEnv {
    pub(super) gpu: Arc<Gpu>,
    pub(super) rules: Rules,
    pub(super) topology: Topology,
    pub(super) constants: Vec<Constants>,
    plan: MemoryPlan,
    pub(super) chunks: Vec<Chunk>,
    pub(super) parameters: wgpu::Buffer,
    reset: Arc<Pipeline>,
    step: Arc<Pipeline>,
    status: Vec<u32>,
    out: StepBatch,
}

/// Some neighbouring environments with buffers of their own.
pub(super) struct Chunk {
    pub store: Store,
    reset: wgpu::BindGroup,
    step: wgpu::BindGroup,
}

impl PlanarGpuEnv {
    /// `num_envs` environments of `task` with `dynamics`, keyed as those of
    /// [`PlanarVecEnv::new`](crate::env::PlanarVecEnv::new), not yet [`reset`](VecEnv::reset).
    ///
    /// # Errors
    /// As [`keyed`](Self::keyed).
    pub fn new(gpu: &Arc<Gpu>, task: &Task, dynamics: Dynamics, num_envs: usize, seed: u64) -> Result<Self> {
        Self::keyed(gpu, task, dynamics, EnvKey::population(&[seed], num_envs))
    }

    /// One environment a key.
    ///
    /// # Errors
    /// Where the robots exceed the kernel's limits or their shapes differ, the environments do not
    /// fit the device, or it fails.
    pub fn keyed(gpu: &Arc<Gpu>, task: &Task, dynamics: Dynamics, keys: Vec<EnvKey>) -> Result<Self> {
        let n = keys.len();
        let rules = Rules::new(task, dynamics, keys);
        let (topology_, tables) = batch::rows(&rules.dynamics.models(), n)?;
        let noise: Vec<f64> = rules.dynamics.rows.iter().map(|row| row.noise).collect();
        let rows = Rows::new(&topology_, &tables, &noise);
        let constants = vec![
            topology(&topology_, &rules.qpos0, task.frame_skip),
            rows.constants(),
            constants::task(task, rules.dynamics.redrawn),
        ];
        let (od, nu) = (task.obs_dim(), task.act_dim());
        let widths = Widths {
            nv: topology_.nv(),
            nu,
            outcome: 2 * od + 2,
        };
        let parameter_bytes = 4 * rows.numbers.len() as u64;
        let plan = MemoryPlan::new(n, &widths.bytes(), &[("parameters", parameter_bytes)], WORKGROUP as usize, gpu.caps())?;
        let parameters = gpu.storage("parameters", parameter_bytes);
        gpu.queue.write_buffer(&parameters, 0, bytemuck::cast_slice(&rows.numbers));
        let all: Vec<&Constants> = constants.iter().collect();
        let reset = Pipeline::new(gpu, Kernel::RESET, &all, &[])?;
        let step = Pipeline::new(gpu, Kernel::ENV_STEP, &all, &[])?;
        let chunks = plan.chunks.iter().map(|envs| {
            let begin = |e: usize| Begin {
                seed: rules.keys[e].seed,
                env: rules.keys[e].env,
                row: rules.dynamics.row(e, rules.keys[e], 0) as u32,
            };
            let begins: Vec<_> = envs.clone().map(begin).collect();
            let store = Store::new(gpu, envs.clone(), widths, &begins, 1);
            let buffers = [&store.buffers()[..], &[(0, &parameters)]].concat();
            Chunk {
                reset: reset.bind(gpu, &buffers, Store::WINDOW),
                step: step.bind(gpu, &buffers, Store::WINDOW),
                store,
            }
        });
        let chunks = chunks.collect();
        gpu.check()?;
        let obs = vec![f32::NAN; n * od];
        Ok(Self {
            gpu: gpu.clone(),
            rules,
            topology: topology_,
            constants,
            plan,
            chunks,
            parameters,
            reset,
            step,
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

    /// The task.
    pub fn task(&self) -> &Task {
        &self.rules.task
    }

    #[doc(hidden)] pub fn reset_obs(&self) -> Vec<f32> { self.out.obs.clone() }
    /// Where the device's memory goes.
    pub fn memory(&self) -> &MemoryPlan {
        &self.plan
    }

    /// Bits of [`status`](crate::physics::status) of the latest step, `[n]`.
    pub fn status(&self) -> &[u32] {
        &self.status
    }

    /// The first environments of the latest step whose status is not 0, and why; empty if none.
    pub fn offenders(&self) -> String {
        let bad = self.status.iter().enumerate().filter(|(_, s)| **s != 0);
        let name = |(env, status): (usize, &u32)| {
            let broken = (status & BROKEN != 0).then_some("state not finite or beyond 1e10");
            let open = (status & UNCONVERGED != 0).then_some("solver not converged");
            let why: Vec<_> = broken.into_iter().chain(open).collect();
            format!("environment {env}: {}", why.join(", "))
        };
        let count = bad.clone().count();
        let mut named: Vec<_> = bad.take(5).map(name).collect();
        if count > named.len() {
            named.push(format!("and {} more", count - named.len()));
        }
        named.join("; ")
    }

    /// Parameter row of each environment, `[n]`.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn rows(&self) -> Result<Vec<u32>> {
        let mut rows = Vec::with_capacity(self.num_envs());
        for chunk in &self.chunks {
            let [row, _] = chunk.store.read_episodes(&self.gpu)?;
            rows.extend(row);
        }
        Ok(rows)
    }

    /// Puts one environment at `qpos`, `qvel` (`[nv]` each), at the start of an episode.
    pub fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        let turned = |part: &[f64]| -> Vec<f32> {
            part.iter().zip(&self.topology.sign).map(|(x, sign)| (sign * x) as f32).collect()
        };
        let still = vec![0.0; qpos.len()];
        let chunk = self.chunks.iter().find(|c| c.store.envs.contains(&env));
        let store = &chunk.expect("chunks cover all environments").store;
        let at = env - store.envs.start;
        store.write_env(&self.gpu, at, [&turned(qpos), &turned(qvel), &still]);
        store.write_steps(&self.gpu, at, 0);
    }

    /// Records one kernel on every chunk and fetches what comes of it.
    fn run(&mut self, pipeline: fn(&Self) -> &Pipeline, group: fn(&Chunk) -> &wgpu::BindGroup) -> Result<()> {
        // All chunks are under way before the first is waited for: its copy overlaps with the next
        // one's compute.
        let flights: Vec<Flight> = self.chunks.iter().map(|chunk| {
            let store = &chunk.store;
            let dispatch = Dispatch {
                num_envs: store.len() as u32,
                tick: self.rules.tick,
                ..Default::default()
            };
            store.write_dispatches(&self.gpu, [dispatch].into_iter());
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            let workgroups = dispatch.num_envs.div_ceil(WORKGROUP);
            pipeline(self).dispatch(&mut pass, group(chunk), 0, workgroups);
            drop(pass);
            store.staging.copy(&mut encoder, &store.outcome, store.outcome.size());
            store.staging.send(&self.gpu, encoder)
        }).collect();
        let od = self.rules.task.obs_dim();
        for (chunk, flight) in self.chunks.iter().zip(flights) {
            let (envs, out) = (chunk.store.envs.clone(), &mut self.out);
            let status = &mut self.status[envs.clone()];
            chunk.store.staging.receive(&self.gpu, flight, |bytes| {
                let (n, words) = (envs.len(), bytemuck::cast_slice::<u8, u32>(bytes));
                let numbers = bytemuck::cast_slice::<u8, f32>(bytes);
                let wide = envs.start * od..envs.end * od;
                out.obs[wide.clone()].copy_from_slice(&numbers[..n * od]);
                out.next_obs[wide].copy_from_slice(&numbers[n * od..2 * n * od]);
                out.reward[envs.clone()].copy_from_slice(&numbers[2 * n * od..][..n]);
                let endings = &words[2 * n * od + n..][..n];
                for (i, ending) in endings.iter().enumerate() {
                    out.terminated[envs.start + i] = ending & TERMINATED != 0;
                    out.truncated[envs.start + i] = ending & TRUNCATED != 0;
                    status[i] = ending >> STATUS_FROM;
                }
            })?;
        }
        Ok(())
    }

    /// Positions (0), velocities (1) or warm starts (2) in the model's own coordinates, `[n, nv]`.
    fn part(&self, part: usize) -> Result<Vec<f32>> {
        let nv = self.topology.nv();
        let mut out = Vec::with_capacity(self.num_envs() * nv);
        for chunk in &self.chunks {
            let (n, state) = (chunk.store.len(), chunk.store.read_state(&self.gpu)?);
            let signs = &self.topology.sign[..nv];
            let one = |e: usize| {
                let field = |(i, sign): (usize, &f64)| *sign as f32 * state[(part * nv + i) * n + e];
                signs.iter().enumerate().map(field).collect::<Vec<_>>()
            };
            out.extend((0..n).flat_map(one));
        }
        Ok(out)
    }
}

impl VecEnv for PlanarGpuEnv {
    fn num_envs(&self) -> usize {
        self.rules.keys.len()
    }

    fn obs_dim(&self) -> usize {
        self.rules.task.obs_dim()
    }

    fn act_dim(&self) -> usize {
        self.rules.task.act_dim()
    }

    fn reset(&mut self) -> Result<&[f32]> {
        self.rules.tick += 1;
        self.run(|e| &e.reset, |c| &c.reset)?;
        Ok(&self.out.obs)
    }

    fn step(&mut self, actions: &[f32]) -> Result<&StepBatch> {
        self.rules.check_actions(actions)?;
        self.rules.tick += 1;
        let ad = self.act_dim();
        for chunk in &self.chunks {
            let envs = &chunk.store.envs;
            let part = &actions[envs.start * ad..envs.end * ad];
            self.gpu.queue.write_buffer(&chunk.store.actions, 0, bytemuck::cast_slice(part));
        }
        self.run(|e| &e.step, |c| &c.step)?;
        Ok(&self.out)
    }

    fn qpos(&self) -> Vec<f32> {
        self.part(0).unwrap_or_else(|_| vec![f32::NAN; self.num_envs() * self.topology.nv()])
    }

    fn qvel(&self) -> Vec<f32> {
        self.part(1).unwrap_or_else(|_| vec![f32::NAN; self.num_envs() * self.topology.nv()])
    }

    /// Empty where the device fails; the next step then says how.
    fn snapshot(&self) -> Vec<u8> {
        let parts = || -> Result<Vec<u8>> {
            let mut bytes = self.rules.tick.to_le_bytes().to_vec();
            for chunk in &self.chunks {
                for words in chunk.store.read_episodes(&self.gpu)? {
                    bytes.extend(words.iter().flat_map(|w| w.to_le_bytes()));
                }
                let state = chunk.store.read_state(&self.gpu)?;
                bytes.extend(state.iter().flat_map(|x| x.to_le_bytes()));
            }
            Ok(bytes)
        };
        parts().unwrap_or_default()
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let nv = self.topology.nv();
        let want = 4 * (1 + (2 + 3 * nv) * self.num_envs());
        if bytes.len() != want {
            return Err(Error::input(
                "snapshot of environments on the GPU",
                format!("{} bytes where {want} are wanted", bytes.len()),
                "restore it with the task, the device and the number of environments it was taken with",
            ));
        }
        let word = |chunk: &[u8]| u32::from_le_bytes(chunk.try_into().expect("chunks of 4"));
        let words: Vec<u32> = bytes.chunks(4).map(word).collect();
        let (tick, mut rest) = words.split_at(1);
        self.rules.tick = tick[0];
        for chunk in &self.chunks {
            let n = chunk.store.len();
            let (rows, after) = rest.split_at(n);
            let (steps, after) = after.split_at(n);
            let (state, after) = after.split_at(3 * nv * n);
            chunk.store.write_episodes(&self.gpu, rows, steps);
            chunk.store.write_state(&self.gpu, bytemuck::cast_slice(state));
            rest = after;
        }
        Ok(())
    }
}

//! Environments whose state stays on the device.

use crate::engine::planar::batch;
use crate::engine::planar::topology::Topology;
use crate::engine::wgsl::constants::{self, topology};
use crate::engine::wgsl::rows::ParamRows;
use crate::engine::wgsl::store::{self, Begin, Dispatch, Store, Widths};
use crate::env::control::Kept;
use crate::env::episodes::RunningEpisodes;
use crate::env::rules::TaskRules;
use crate::env::snapshot::{self, Snapshot};
use crate::env::status::{BROKEN, UNCONVERGED};
use crate::env::{Autoreset, Dynamics, EnvSpec, EpisodeControl, ParamRow, StepBatch, Task, VecEnv};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::gpu::buffers::Flight;
use crate::gpu::compose::{Shader, WORKGROUP};
use crate::gpu::constants::Constants;
use crate::gpu::memory::MemoryPlan;
use crate::gpu::pipeline::Pipeline;
use std::any::Any;
use std::sync::Arc;

/// Bits of an ending in `env_step.wgsl`; those above are the status.
pub(super) const STATUS: u32 = BROKEN | UNCONVERGED;
pub(super) const TERMINATED: u32 = 1;
pub(super) const TRUNCATED: u32 = 2;
pub(super) const STATUS_FROM: u32 = 2;
/// The parameter row from then on lies above them.
pub(super) const ROW_FROM: u32 = 8;

/// Environments of one task on a GPU, an invocation each. As
/// [`PlanarVecEnv`](crate::engine::PlanarVecEnv), with its draws; results agree within float32.
pub struct PlanarGpuEnv {
    pub(super) gpu: Arc<Gpu>,
    pub(super) rules: TaskRules,
    pub(super) topology: Topology,
    pub(super) constants: Vec<Constants>,
    plan: MemoryPlan,
    pub(super) chunks: Vec<Chunk>,
    pub(super) parameters: wgpu::Buffer,
    reset: Arc<Pipeline>,
    step: Arc<Pipeline>,
    pub(super) episodes: RunningEpisodes,
}

/// Some neighbouring environments with buffers of their own.
pub(super) struct Chunk {
    pub store: Store,
    reset: wgpu::BindGroup,
    step: wgpu::BindGroup,
}

/// As [`PlanarGpuEnv::new`].
pub(in crate::engine) fn build(spec: EnvSpec, gpu: &Arc<Gpu>) -> Result<Box<dyn EpisodeControl>> {
    Ok(Box::new(PlanarGpuEnv::new(spec, gpu)?))
}

impl PlanarGpuEnv {
    /// The environments of `spec`, not yet [`reset`](VecEnv::reset). No chunk takes a part of a
    /// member's environments where it can take the whole.
    ///
    /// # Errors
    /// Where the robots exceed the kernel's limits or their shapes differ, the environments do not
    /// fit the device, or it fails.
    pub fn new(spec: EnvSpec, gpu: &Arc<Gpu>) -> Result<Self> {
        let n = spec.keys.len();
        let unit = spec.per_member().unwrap_or(WORKGROUP as usize);
        let rules = TaskRules::new(spec);
        let task = &rules.task;
        let (topology_, tables) = batch::tables(&rules.dynamics.models(), n)?;
        if tables.len() >> (32 - ROW_FROM) != 0 {
            return Err(Error::input(
                "environments on the GPU",
                format!("{} parameter rows", tables.len()),
                "take fewer than 16,777,216, or simulate on the CPU",
            ));
        }
        let own = &rules.dynamics.rows;
        let channels: Vec<_> = own.iter().map(|row| row.channel.clone()).collect();
        let start = |row: &ParamRow| row.model.dofs.iter().map(|d| d.qpos0).collect();
        let qpos0: Vec<Vec<f64>> = own.iter().map(start).collect();
        let rows = ParamRows::new(&topology_, &tables, &channels, task.obs_dim(), &qpos0);
        let constants = vec![
            topology(&topology_, task.frame_skip),
            rows.constants(true),
            constants::task(task, rules.dynamics.redrawn),
        ];
        let (od, nu) = (task.obs_dim(), task.act_dim());
        let widths = Widths {
            nv: topology_.nv(),
            nu,
            depth: rows.depth,
            outcome: 2 * od + 2,
        };
        let parameter_bytes = 4 * rows.numbers.len() as u64;
        let plan = MemoryPlan::new(
            n,
            &widths.bytes(),
            &[("parameters", parameter_bytes)],
            unit,
            gpu.caps(),
        )?;
        let parameters = gpu.storage("parameters", parameter_bytes);
        gpu.queue
            .write_buffer(&parameters, 0, bytemuck::cast_slice(&rows.numbers));
        let all: Vec<&Constants> = constants.iter().collect();
        let reset = gpu.pipeline(Shader::RESET, &all, &[])?;
        let step = gpu.pipeline(Shader::ENV_STEP, &all, &[])?;
        let chunks = plan.chunks.iter().map(|envs| {
            let begin = |e: usize| {
                let pool = rules.dynamics.pool(e);
                Begin {
                    seed: rules.keys[e].seed,
                    env: rules.keys[e].env,
                    row: rules.param_row(e),
                    pool: [pool.start as u32, pool.len() as u32],
                }
            };
            let begins: Vec<_> = envs.clone().map(begin).collect();
            let store = Store::new(gpu, envs.clone(), widths, &begins);
            let buffers = [&store.buffers()[..], &[(0, &parameters)]].concat();
            Chunk {
                reset: reset.bind(&gpu.device, &buffers, Store::WINDOW),
                step: step.bind(&gpu.device, &buffers, Store::WINDOW),
                store,
            }
        });
        let chunks = chunks.collect();
        gpu.check()?;
        let mut episodes = RunningEpisodes::new(&rules);
        // The device does not say where its robots are, and has their controls itself.
        episodes.out.terms.clear();
        episodes.late.clear();
        episodes.reached = Vec::new();
        Ok(Self {
            gpu: gpu.clone(),
            episodes,
            rules,
            topology: topology_,
            constants,
            plan,
            chunks,
            parameters,
            reset,
            step,
        })
    }

    /// `env`, if it is one of these.
    pub fn of(env: &dyn VecEnv) -> Option<&Self> {
        let env: &dyn Any = env;
        env.downcast_ref()
    }

    /// `env`, if it is one of these.
    pub fn of_mut(env: &mut dyn VecEnv) -> Option<&mut Self> {
        let env: &mut dyn Any = env;
        env.downcast_mut()
    }

    /// Where the device's memory goes.
    pub fn memory(&self) -> &MemoryPlan {
        &self.plan
    }

    /// Starts a new episode where `mask` (`[n]`) says so.
    pub(super) fn restart(&mut self, mask: &[bool]) -> Result<()> {
        self.rules.tick += 1;
        for chunk in &self.chunks {
            let asked = &mask[chunk.store.envs.clone()];
            chunk.store.write_asked(&self.gpu, asked);
        }
        self.run(|e| &e.reset, |c| &c.reset)?;
        let over = self.episodes.over.iter_mut().zip(mask);
        over.for_each(|(over, begun)| *over &= !begun);
        Ok(())
    }

    /// Records one kernel on every chunk and fetches what comes of it.
    fn run(
        &mut self,
        pipeline: fn(&Self) -> &Pipeline,
        group: fn(&Chunk) -> &wgpu::BindGroup,
    ) -> Result<()> {
        // All chunks are under way before the first is waited for: its copy overlaps with the next
        // one's compute.
        let flights: Vec<Flight> = self
            .chunks
            .iter()
            .map(|chunk| {
                let store = &chunk.store;
                let dispatch = Dispatch {
                    num_envs: store.envs.len() as u32,
                    tick: self.rules.tick,
                    autoreset: store::autoreset(self.episodes.autoreset),
                    ..Default::default()
                };
                Store::write_dispatches(&self.gpu, &store.dispatch, [dispatch].into_iter());
                let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
                let mut pass = encoder.begin_compute_pass(&Default::default());
                let workgroups = dispatch.num_envs.div_ceil(WORKGROUP);
                pipeline(self).dispatch(&mut pass, group(chunk), 0, workgroups);
                drop(pass);
                store.send_outcome(&self.gpu, encoder)
            })
            .collect();
        self.receive(flights)
    }

    /// Takes over what the device holds of the latest step.
    pub(super) fn refresh(&mut self) -> Result<()> {
        let flights = self
            .chunks
            .iter()
            .map(|Chunk { store, .. }| {
                let encoder = self.gpu.device.create_command_encoder(&Default::default());
                store.send_outcome(&self.gpu, encoder)
            })
            .collect();
        self.receive(flights)
    }

    fn receive(&mut self, flights: Vec<Flight>) -> Result<()> {
        let od = self.rules.task.obs_dim();
        for (chunk, flight) in self.chunks.iter().zip(flights) {
            let (envs, episodes) = (chunk.store.envs.clone(), &mut self.episodes);
            let out = &mut episodes.out;
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
                    episodes.status[envs.start + i] = ending >> STATUS_FROM & STATUS;
                    episodes.param_row[envs.start + i] = ending >> ROW_FROM;
                }
            })?;
        }
        Ok(())
    }

    /// Controls on their way to the motors of an environment whose episode begins, `[depth, nu]`.
    fn no_controls(&self) -> Vec<f32> {
        let middle = self.rules.task.scale.middle.iter().map(|c| *c as f32);
        let middle: Vec<f32> = middle.collect();
        middle.repeat(self.rules.dynamics.depth())
    }
}

impl VecEnv for PlanarGpuEnv {
    fn num_envs(&self) -> usize {
        self.rules.keys.len()
    }

    fn task(&self) -> &Task {
        &self.rules.task
    }

    fn reset(&mut self) -> Result<&[f32]> {
        self.restart(&vec![true; self.num_envs()])?;
        Ok(&self.episodes.out.obs)
    }

    fn set_steps(&mut self, steps: &[u32]) {
        for chunk in &self.chunks {
            let envs = chunk.store.envs.clone();
            let (row, steps) = (&self.episodes.param_row[envs.clone()], &steps[envs]);
            chunk.store.write_episodes(&self.gpu, row, steps);
        }
        self.episodes.steps.copy_from_slice(steps);
    }

    fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        let turned = |part: &[f64]| -> Vec<f32> {
            part.iter()
                .zip(&self.topology.sign)
                .map(|(x, sign)| (sign * x) as f32)
                .collect()
        };
        let still = vec![0.0; qpos.len()];
        let state = [turned(qpos), turned(qvel), still, self.no_controls()];
        let chunk = self.chunks.iter().find(|c| c.store.envs.contains(&env));
        let store = &chunk.expect("chunks cover all environments").store;
        let at = env - store.envs.start;
        store.write_env(&self.gpu, at, &state.concat());
        store.write_start(&self.gpu, at);
        let obs = self.episodes.start(&self.rules, env, qpos, qvel);
        store.write_obs(&self.gpu, at, obs);
    }

    fn step(&mut self, actions: &[f32]) -> Result<&StepBatch> {
        self.rules.check_actions(actions)?;
        self.episodes.check_all_run()?;
        self.rules.tick += 1;
        let ad = self.act_dim();
        for chunk in &self.chunks {
            let envs = &chunk.store.envs;
            let part = &actions[envs.start * ad..envs.end * ad];
            self.gpu
                .queue
                .write_buffer(&chunk.store.actions, 0, bytemuck::cast_slice(part));
        }
        self.run(|e| &e.step, |c| &c.step)?;
        let RunningEpisodes {
            over,
            out,
            autoreset,
            ..
        } = &mut self.episodes;
        for (env, over) in over.iter_mut().enumerate() {
            let ended = out.terminated[env] || out.truncated[env];
            *over = ended && *autoreset != Autoreset::SameStep;
        }
        Ok(out)
    }

    fn qpos(&self) -> Result<Vec<f32>> {
        self.part(0)
    }

    fn qvel(&self) -> Result<Vec<f32>> {
        self.part(1)
    }

    fn status(&self) -> &[u32] {
        &self.episodes.status
    }

    fn dynamics(&self) -> &Dynamics {
        &self.rules.dynamics
    }

    fn param_row(&self) -> &[u32] {
        &self.episodes.param_row
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        let Snapshot {
            tick,
            steps,
            param_row,
            state,
            late,
            obs,
        } = self.taken()?;
        // The states say what true sensors show.
        let shown = obs.filter(|_| self.rules.dynamics.errs()).into_iter();
        let shown = shown.flatten().map(f64::from);
        let state = state.into_iter().chain(late).chain(shown);
        Ok(snapshot::bytes(tick, &steps, &param_row, state))
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let width = 3 * self.topology.nv();
        let snapshot = Snapshot::parse(bytes, &self.rules, width)?;
        self.put(snapshot);
        self.episodes.over.fill(false);
        self.tell();
        self.gpu.check()
    }
}

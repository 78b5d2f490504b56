//! The buffers of a chunk of environments, as `shaders/shared/state.wgsl` declares them.

use crate::engine::wgsl::vector::ROW_FROM;
use crate::env::Autoreset;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::gpu::buffers::{Flight, Staging};
use crate::gpu::pipeline::UNIFORM;
use std::ops::Range;

/// What changes from dispatch to dispatch; `Dispatch` in WGSL.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Dispatch {
    /// Environments of the chunk.
    pub num_envs: u32,
    /// Step part of every draw's counter.
    pub tick: u32,
    /// Physics steps, of the kernel `physics_step` alone.
    pub frames: u32,
    /// Step part of the policy's draws.
    pub policy_step: u32,
    /// Which step of a resident rollout.
    pub slot: u32,
    /// Of how many.
    pub slots: u32,
    /// First member of the chunk.
    pub first_member: u32,
    /// Environments a member in the chunk.
    pub per_member: u32,
    /// When a new episode follows one that has ended, by [`autoreset`].
    pub autoreset: u32,
    /// What the policy's draws are keyed by, by [`Samples::words`],
    pub samples: u32,
    /// and the seed, if by one.
    pub seed_low: u32,
    /// Its high word.
    pub seed_high: u32,
}

/// As the shaders have it.
pub fn autoreset(autoreset: Autoreset) -> u32 {
    match autoreset {
        Autoreset::SameStep => 0,
        Autoreset::NextStep => 1,
        Autoreset::Disabled => 2,
    }
}

/// How a resident policy's actions come of its distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Samples {
    /// Samples keyed as the environments' own draws.
    #[default]
    Own,
    /// Samples keyed by this seed, and the environment's index.
    Seeded(u64),
    /// The means.
    Means,
}

impl Samples {
    /// As the shaders have it, with the low and the high word of the seed.
    pub fn words(self) -> [u32; 3] {
        match self {
            Self::Own => [0, 0, 0],
            Self::Seeded(seed) => [1, seed as u32, (seed >> 32) as u32],
            Self::Means => [2, 0, 0],
        }
    }
}

/// Numbers an environment of each buffer.
#[derive(Clone, Copy, Debug)]
pub struct Widths {
    /// Degrees of freedom.
    pub nv: usize,
    /// Motors.
    pub nu: usize,
    /// Env steps by which the latest robots are late.
    pub depth: usize,
    /// Words that come back.
    pub outcome: usize,
}

/// Fields of `episode`.
const EPISODE: usize = 10;
const SEED: usize = 0;
const ROW: usize = 3;
const STEPS: usize = 4;
const SINCE: usize = 7;
const OVER: usize = 8;
const ASKED: usize = 9;

impl Widths {
    /// Positions, velocities and warm starts, then the controls under way.
    pub fn state(&self) -> usize {
        3 * self.nv + self.depth * self.nu
    }

    /// Length of an observation, of which an env step returns two beside two words.
    fn obs_dim(&self) -> usize {
        (self.outcome - 2) / 2
    }

    /// Bytes an environment, by variable.
    pub fn bytes(&self) -> [(&'static str, u64); 4] {
        [
            ("state", 4 * self.state() as u64),
            ("episode", 4 * EPISODE as u64),
            ("actions", 4 * self.nu as u64),
            ("outcome", 4 * self.outcome as u64),
        ]
    }
}

/// What an environment begins with: key of its draws (seed, index) and parameter row.
#[derive(Clone, Copy, Debug)]
pub struct Begin {
    /// Key.
    pub seed: u64,
    /// Key.
    pub env: u32,
    /// Parameter row.
    pub row: u32,
    /// Rows that a reset may draw: the first, and how many.
    pub pool: [u32; 2],
}

/// The buffers of some environments.
pub struct Store {
    /// Which.
    pub envs: Range<usize>,
    widths: Widths,
    state: wgpu::Buffer,
    episode: wgpu::Buffer,
    pub(crate) actions: wgpu::Buffer,
    pub(crate) outcome: wgpu::Buffer,
    pub(crate) dispatch: wgpu::Buffer,
    pub(crate) staging: Staging,
}

impl Store {
    /// Zeroed state; `begins` are the environments', one each.
    pub(crate) fn new(gpu: &Gpu, envs: Range<usize>, widths: Widths, begins: &[Begin]) -> Self {
        let n = envs.len() as u64;
        let [state, episode, actions, outcome] = widths
            .bytes()
            .map(|(name, bytes)| gpu.storage(name, n * bytes));
        let store = Self {
            staging: Staging::new(gpu, 4 * n * widths.outcome as u64),
            dispatch: gpu.uniform("dispatch", u64::from(Self::stride(gpu))),
            envs,
            widths,
            state,
            episode,
            actions,
            outcome,
        };
        let mut words = vec![0u32; EPISODE * begins.len()];
        for (e, begin) in begins.iter().enumerate() {
            let fields = [
                begin.seed as u32,
                (begin.seed >> 32) as u32,
                begin.env,
                begin.row,
                0,
                begin.pool[0],
                begin.pool[1],
            ];
            for (field, word) in fields.into_iter().enumerate() {
                words[field * begins.len() + e] = word;
            }
        }
        gpu.queue
            .write_buffer(&store.episode, 0, bytemuck::cast_slice(&words));
        // What a kernel leaves unwritten shows.
        let poison = vec![f32::NAN; n as usize * widths.outcome];
        gpu.queue
            .write_buffer(&store.outcome, 0, bytemuck::cast_slice(&poison));
        // Rows are known before the first step.
        let endings: Vec<u32> = begins.iter().map(|b| b.row << ROW_FROM).collect();
        let at = 4 * n * (widths.outcome as u64 - 1);
        gpu.queue
            .write_buffer(&store.outcome, at, bytemuck::cast_slice(&endings));
        store
    }

    /// Bindings of the buffers, but for the parameters.
    pub(crate) fn buffers(&self) -> [(u32, &wgpu::Buffer); 5] {
        [
            (1, &self.state),
            (2, &self.episode),
            (3, &self.actions),
            (4, &self.outcome),
            (UNIFORM, &self.dispatch),
        ]
    }

    /// Bytes of one dispatch's uniforms.
    pub(crate) const WINDOW: u64 = size_of::<Dispatch>() as u64;

    /// Bytes between one dispatch's uniforms and the next's.
    pub(crate) fn stride(gpu: &Gpu) -> u32 {
        let alignment = gpu.device.limits().min_uniform_buffer_offset_alignment;
        (size_of::<Dispatch>() as u32).next_multiple_of(alignment)
    }

    /// Writes the uniforms of dispatches one after another; returns the offset between them.
    pub(crate) fn write_dispatches(
        gpu: &Gpu,
        to: &wgpu::Buffer,
        each: impl ExactSizeIterator<Item = Dispatch>,
    ) -> u32 {
        let stride = Self::stride(gpu);
        let mut bytes = vec![0; stride as usize * each.len()];
        for (slot, dispatch) in each.enumerate() {
            let at = slot * stride as usize;
            bytes[at..at + size_of::<Dispatch>()].copy_from_slice(bytemuck::bytes_of(&dispatch));
        }
        gpu.queue.write_buffer(to, 0, &bytes);
        stride
    }

    /// Replaces positions, velocities and warm starts, `[3, nv, n]`, hinges about +y, and the controls under way,
    /// `[depth, nu, n]`.
    pub(crate) fn write_state(&self, gpu: &Gpu, state: &[f32]) {
        gpu.queue
            .write_buffer(&self.state, 0, bytemuck::cast_slice(state));
    }

    /// Replaces one environment's numbers of [`write_state`](Self::write_state).
    pub(crate) fn write_env(&self, gpu: &Gpu, env: usize, state: &[f32]) {
        for (i, number) in state.iter().enumerate() {
            let at = 4 * (i * self.envs.len() + env) as u64;
            gpu.queue
                .write_buffer(&self.state, at, bytemuck::bytes_of(number));
        }
    }

    /// What [`write_state`](Self::write_state) replaces.
    pub(crate) fn read_state(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        gpu.read(&self.state, self.widths.state() * self.envs.len())
    }

    /// Submits `encoder` and then a copy of the outcome, which is on its way to the host from here.
    pub(crate) fn send_outcome(&self, gpu: &Gpu, mut encoder: wgpu::CommandEncoder) -> Flight {
        self.staging
            .copy(&mut encoder, &self.outcome, self.outcome.size());
        self.staging.send(gpu, encoder)
    }

    /// The present observations, `[n, obs_dim]`.
    pub(crate) fn read_obs(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        gpu.read(&self.outcome, self.widths.obs_dim() * self.envs.len())
    }

    /// Env steps of the running episodes, `[n]`.
    pub(crate) fn read_steps(&self, gpu: &Gpu) -> Result<Vec<u32>> {
        let n = self.envs.len();
        let words: Vec<u32> = gpu.read(&self.episode, EPISODE * n)?;
        Ok(words[STEPS * n..][..n].to_vec())
    }

    /// Replaces a field of `episode` from environment `env` on.
    fn write_field(&self, gpu: &Gpu, field: usize, env: usize, words: &[u32]) {
        let at = 4 * (field * self.envs.len() + env) as u64;
        gpu.queue
            .write_buffer(&self.episode, at, bytemuck::cast_slice(words));
    }

    /// Replaces parameter rows and env steps, `[n]` each.
    pub(crate) fn write_episodes(&self, gpu: &Gpu, rows: &[u32], steps: &[u32]) {
        self.write_field(gpu, ROW, 0, rows);
        self.write_field(gpu, STEPS, 0, steps);
    }

    /// Replaces the seeds of the draws, and the tick that they count from, `[n]` each.
    pub(crate) fn write_keys(
        &self,
        gpu: &Gpu,
        seeds: impl Iterator<Item = u64> + Clone,
        since: &[u32],
    ) {
        let low = seeds.clone().map(|seed| seed as u32);
        let words: Vec<u32> = low.chain(seeds.map(|seed| (seed >> 32) as u32)).collect();
        self.write_field(gpu, SEED, 0, &words);
        self.write_field(gpu, SINCE, 0, since);
    }

    /// Replaces which episodes have ended without a new one, `[n]`.
    pub(crate) fn write_over(&self, gpu: &Gpu, over: &[bool]) {
        let words: Vec<u32> = over.iter().map(|over| u32::from(*over)).collect();
        self.write_field(gpu, OVER, 0, &words);
    }

    /// Says which environments the kernel `reset` takes, `[n]`.
    pub(crate) fn write_asked(&self, gpu: &Gpu, asked: &[bool]) {
        let words: Vec<u32> = asked.iter().map(|asked| u32::from(*asked)).collect();
        self.write_field(gpu, ASKED, 0, &words);
    }

    /// Replaces the observations that the policy acts on, from environment `env` on.
    pub(crate) fn write_obs(&self, gpu: &Gpu, env: usize, obs: &[f32]) {
        let at = 4 * (env * self.widths.obs_dim()) as u64;
        gpu.queue
            .write_buffer(&self.outcome, at, bytemuck::cast_slice(obs));
    }

    /// Has one environment at the start of an episode.
    pub(crate) fn write_start(&self, gpu: &Gpu, env: usize) {
        self.write_field(gpu, STEPS, env, &[0]);
        self.write_field(gpu, OVER, env, &[0]);
    }
}

//! What may be chosen of a vector on a GPU: the device has a copy of what the host keeps.

use crate::engine::wgsl::PlanarGpuEnv;
use crate::env::channel::LateControls;
use crate::env::control::Kept;
use crate::env::episodes::RunningEpisodes;
use crate::env::rules::TaskRules;
use crate::env::{Dynamics, EnvSpec, EpisodeControl, VecEnv};
use crate::error::Result;

impl Kept for PlanarGpuEnv {
    fn kept(&self) -> (&TaskRules, &RunningEpisodes) {
        (&self.rules, &self.episodes)
    }

    fn kept_mut(&mut self) -> (&mut TaskRules, &mut RunningEpisodes) {
        (&mut self.rules, &mut self.episodes)
    }

    fn tell(&mut self) {
        for chunk in &self.chunks {
            let (store, envs) = (&chunk.store, chunk.store.envs.clone());
            let seeds = self.rules.keys[envs.clone()].iter().map(|key| key.seed);
            store.write_keys(&self.gpu, seeds, &self.rules.since[envs.clone()]);
            store.write_over(&self.gpu, &self.episodes.over[envs]);
        }
    }
}

impl EpisodeControl for PlanarGpuEnv {
    fn reset_where(&mut self, mask: &[bool]) -> Result<&[f32]> {
        self.restart(mask)?;
        Ok(&self.episodes.out.obs)
    }

    fn states(&self) -> Result<[Vec<f64>; 2]> {
        let wide = |numbers: Vec<f32>| numbers.into_iter().map(f64::from).collect();
        Ok([wide(self.qpos()?), wide(self.qvel()?)])
    }

    /// The kernels have the robots' shape and what their gaps need compiled in: others are made, which go on from here.
    fn set_dynamics(&mut self, dynamics: Dynamics, param_row: &[u32]) -> Result<()> {
        let mut now = self.taken()?;
        now.param_row.copy_from_slice(param_row);
        let middle = &self.rules.task.scale.middle;
        let (before, after) = (self.rules.dynamics.depth(), dynamics.depth());
        let width = before * middle.len();
        let deepened = |env: usize| {
            let mut late = LateControls::new(before, middle);
            late.load(&now.late[env * width..][..width]);
            late.of_depth(after, middle).numbers().to_vec()
        };
        now.late = (0..self.num_envs()).flat_map(deepened).collect();
        let spec = EnvSpec::new(&self.rules.task, dynamics, self.rules.keys.clone());
        let mut other = Self::new(spec, &self.gpu)?;
        other.put(now);
        other.gpu.check()?;
        other.rules.since.clone_from(&self.rules.since);
        std::mem::swap(&mut other.episodes.over, &mut self.episodes.over);
        std::mem::swap(&mut other.episodes.status, &mut self.episodes.status);
        std::mem::swap(&mut other.episodes.out, &mut self.episodes.out);
        other.episodes.autoreset = self.episodes.autoreset;
        other.tell();
        *self = other;
        Ok(())
    }
}

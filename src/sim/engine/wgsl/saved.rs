//! What the future of environments on a device depends on, read from there and written back.

use crate::engine::wgsl::PlanarGpuEnv;
use crate::env::VecEnv;
use crate::env::snapshot::Snapshot;
use crate::error::Result;
use std::ops::Range;

impl PlanarGpuEnv {
    /// Positions (0), velocities (1) or warm starts (2) in the model's own coordinates, `[n, nv]`.
    pub(super) fn part(&self, part: usize) -> Result<Vec<f32>> {
        let nv = self.topology.nv();
        let mut numbers = self.fields(part * nv..(part + 1) * nv)?;
        for row in numbers.chunks_mut(nv) {
            let signs = row.iter_mut().zip(&self.topology.sign);
            signs.for_each(|(x, sign)| *x *= *sign as f32);
        }
        Ok(numbers)
    }

    /// Fields of the state, as the device has them, `[n, fields]`.
    fn fields(&self, fields: Range<usize>) -> Result<Vec<f32>> {
        let mut out = Vec::with_capacity(self.num_envs() * fields.len());
        for chunk in &self.chunks {
            let (n, state) = (chunk.store.envs.len(), chunk.store.read_state(&self.gpu)?);
            let one = |e: usize| fields.clone().map(move |field| field * n + e);
            out.extend((0..n).flat_map(one).map(|at| state[at]));
        }
        Ok(out)
    }

    /// What the future depends on, with the present observations.
    pub(super) fn taken(&self) -> Result<Snapshot> {
        let n = self.num_envs();
        let (mut steps, mut obs) = (Vec::with_capacity(n), Vec::new());
        for chunk in &self.chunks {
            steps.extend(chunk.store.read_steps(&self.gpu)?);
            obs.extend(chunk.store.read_obs(&self.gpu)?);
        }
        let nv = self.topology.nv();
        let late = 3 * nv..3 * nv + self.rules.dynamics.depth() * self.act_dim();
        let wide = |numbers: Vec<f32>| numbers.into_iter().map(f64::from);
        let [qpos, qvel, warm] = [self.part(0)?, self.part(1)?, self.part(2)?].map(wide);
        Ok(Snapshot {
            tick: self.rules.tick,
            steps,
            param_row: self.episodes.param_row.clone(),
            state: qpos.chain(qvel).chain(warm).collect(),
            late: wide(self.fields(late)?).collect(),
            obs: Some(obs),
        })
    }

    /// Goes on from what was [`taken`](Self::taken) of a vector like this.
    pub(super) fn put(&mut self, snapshot: Snapshot) {
        let (total, nv) = (self.num_envs(), self.topology.nv());
        let Snapshot {
            tick,
            steps,
            param_row: row,
            state,
            late,
            obs: shown,
        } = snapshot;
        for chunk in &self.chunks {
            let envs = chunk.store.envs.clone();
            let mut words = Vec::with_capacity(3 * nv * envs.len());
            for (part, i) in (0..3).flat_map(|part| (0..nv).map(move |i| (part, i))) {
                let sign = self.topology.sign[i];
                let of = |e: usize| (sign * state[(part * total + e) * nv + i]) as f32;
                words.extend(envs.clone().map(of));
            }
            let width = late.len() / total;
            for i in 0..width {
                words.extend(envs.clone().map(|e| late[e * width + i] as f32));
            }
            chunk.store.write_state(&self.gpu, &words);
            let od = self.rules.task.obs_dim();
            let obs = &mut self.episodes.out.obs[envs.start * od..envs.end * od];
            for (e, obs) in envs.clone().zip(obs.chunks_mut(od)) {
                let [qpos, qvel] = [0, 1].map(|part| &state[(part * total + e) * nv..][..nv]);
                match &shown {
                    Some(shown) => obs.copy_from_slice(&shown[e * od..][..od]),
                    None => self.rules.observe(qpos, qvel, obs),
                }
            }
            chunk.store.write_obs(&self.gpu, 0, obs);
            chunk
                .store
                .write_episodes(&self.gpu, &row[envs.clone()], &steps[envs]);
        }
        self.rules.tick = tick;
        (self.episodes.param_row, self.episodes.steps) = (row, steps);
    }
}

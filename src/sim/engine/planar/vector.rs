//! The planar kernel as an engine of the host: a register of robots is a group.

use crate::engine::planar::real::Real;
use crate::engine::planar::{Arithmetic, Lanes, PlanarBatch, Visitor};
use crate::env::{Engine, EnvSpec, EpisodeControl, HostEnv, Job};
use crate::error::Result;
use crate::model::Model;

/// Environments of one task on the planar kernel's CPU lanes.
pub type PlanarVecEnv = HostEnv<PlanarBatch>;

impl PlanarVecEnv {
    /// The environments of `spec`, not yet [`reset`](crate::env::VecEnv::reset).
    ///
    /// # Errors
    /// Where the robots exceed the kernel's limits, or it cannot compute `with` what is asked for.
    pub fn new(spec: EnvSpec, with: impl Into<Arithmetic>) -> Result<Self> {
        Self::with(spec, |models, rows| {
            PlanarBatch::assigned(models, rows, with.into())
        })
    }
}

/// As [`PlanarVecEnv::new`] in float32 on the widest lanes of this processor.
pub(in crate::engine) fn build(spec: EnvSpec) -> Result<Box<dyn EpisodeControl>> {
    Ok(Box::new(PlanarVecEnv::new(spec, Arithmetic::default())?))
}

impl Visitor for Job<'_> {
    type Output = ();
    fn visit<R: Real>(self, lanes: &mut Lanes<R>) {
        self.on(R::LANES, lanes.par_blocks());
    }
}

impl Engine for PlanarBatch {
    fn run(&mut self, job: Job<'_>) {
        self.visit(job);
    }

    fn set_param_row(&mut self, env: usize, row: usize) {
        PlanarBatch::set_param_row(self, env, row);
    }

    fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        PlanarBatch::set_state(self, env, qpos, qvel);
    }

    fn states(&self) -> [Vec<f64>; 2] {
        [self.qpos(), self.qvel()]
    }

    fn saved_width(&self) -> usize {
        3 * self.nv()
    }

    fn save(&self) -> Vec<f64> {
        [self.qpos(), self.qvel(), self.warm_start()].concat()
    }

    fn load(&mut self, saved: &[f64]) {
        let (n, nv) = (self.num_envs(), self.nv());
        let (qpos, rest) = saved.split_at(n * nv);
        let (qvel, warm_start) = rest.split_at(n * nv);
        for (env, (qpos, qvel)) in qpos.chunks(nv).zip(qvel.chunks(nv)).enumerate() {
            PlanarBatch::set_state(self, env, qpos, qvel);
        }
        self.set_warm_start(warm_start);
    }

    fn renewed(&self, models: &[&Model], rows: &[usize]) -> Result<Self> {
        Self::assigned(models, rows, self.arithmetic())
    }
}

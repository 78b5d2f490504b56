//! Physics steps alone: the twin of [`planar::PlanarBatch`](crate::engine::planar::PlanarBatch).

use crate::engine::planar::topology::Topology;
use crate::engine::planar::{RowSet, batch};
use crate::engine::wgsl::constants::topology;
use crate::engine::wgsl::rows::ParamRows;
use crate::engine::wgsl::store::{Begin, Dispatch, Store, Widths};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::gpu::compose::{Shader, WORKGROUP};
use crate::gpu::constants::Constants;
use crate::gpu::memory::MemoryPlan;
use crate::model::{Channel, Model};
use std::sync::Arc;

/// Environments of one robot on a GPU; environment `e` has parameter row `e % rows`. Meant for
/// comparisons: one chunk, no rewards, states set and read by the host.
pub struct GpuBatch {
    gpu: Arc<Gpu>,
    topology: Topology,
    constants: [Constants; 2],
    parameters: wgpu::Buffer,
    store: Store,
    /// `[3, nv, n]`: positions, velocities, warm starts, hinges about +y, before the step.
    state: Vec<f32>,
    ctrl: Vec<f32>,
    /// `[2, n]`: way along x, and whether some acceleration did not converge (its bits).
    outcome: Vec<f32>,
    trace: Vec<u32>,
}

/// Words a traced evaluation.
const TRACED: usize = 4;

impl GpuBatch {
    /// `num_envs` environments whose parameter rows are `models`; all at position and velocity 0.
    ///
    /// # Errors
    /// As [`planar::PlanarBatch::new`](crate::engine::planar::PlanarBatch::new), and where they do not fit a
    /// buffer of the device or it fails.
    pub fn new(gpu: &Arc<Gpu>, models: &[Model], num_envs: usize) -> Result<Self> {
        let models: Vec<&Model> = models.iter().collect();
        let (t, tables) = batch::tables(&models, num_envs)?;
        let still = vec![vec![0.0; t.nv()]; tables.len()];
        let rows = ParamRows::new(
            &t,
            &tables,
            &vec![Channel::default(); tables.len()],
            0,
            &still,
        );
        let constants = [topology(&t, 1), rows.constants(false)];
        let widths = Widths {
            nv: t.nv(),
            nu: t.motor_dof.len(),
            depth: 0,
            outcome: stage_fields(&t).iter().map(|(_, len)| len).sum(),
        };
        MemoryPlan::new(num_envs, &widths.bytes(), &[], 1, gpu.caps())?;
        let parameters = gpu.storage("parameters", 4 * rows.numbers.len() as u64);
        gpu.queue
            .write_buffer(&parameters, 0, bytemuck::cast_slice(&rows.numbers));
        let begin = |e: usize| Begin {
            seed: 0,
            env: e as u32,
            row: (e % rows.len) as u32,
            pool: [0, 1],
        };
        let begins: Vec<_> = (0..num_envs).map(begin).collect();
        Ok(Self {
            gpu: gpu.clone(),
            constants,
            parameters,
            store: Store::new(gpu, 0..num_envs, widths, &begins),
            state: vec![0.0; 3 * t.nv() * num_envs],
            ctrl: vec![0.0; t.motor_dof.len() * num_envs],
            outcome: vec![f32::NAN; 2 * num_envs],
            trace: Vec::new(),
            topology: t,
        })
    }

    /// Sets position and velocity `[nv]` of one environment, and forgets its warm start.
    pub fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        let (n, nv) = (self.store.envs.len(), self.topology.nv());
        for i in 0..nv {
            let sign = self.topology.sign[i];
            self.state[i * n + env] = (sign * qpos[i]) as f32;
            self.state[(nv + i) * n + env] = (sign * qvel[i]) as f32;
            self.state[(2 * nv + i) * n + env] = 0.0;
        }
    }

    /// Sets one environment's controls `[nu]`.
    pub fn set_ctrl(&mut self, env: usize, ctrl: &[f64]) {
        let nu = ctrl.len();
        for (to, c) in self.ctrl[env * nu..][..nu].iter_mut().zip(ctrl) {
            *to = *c as f32;
        }
    }

    /// `frames` physics steps of all environments.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn step(&mut self, frames: usize) -> Result<()> {
        let n = self.store.envs.len();
        let evaluations = frames * if self.topology.rk4 { 4 } else { 1 };
        let trace = self
            .gpu
            .storage("trace", (4 * n * evaluations * TRACED) as u64);
        self.run(
            Shader::PHYSICS_STEP,
            frames,
            &["TRACE_ROWS"],
            &[(6, &trace)],
        )?;
        self.outcome = self.gpu.read(&self.store.outcome, 2 * n)?;
        self.trace = self.gpu.read(&trace, n * evaluations * TRACED)?;
        self.state = self.store.read_state(&self.gpu)?;
        Ok(())
    }

    /// The result of every stage at the present states: name and `[n, len]` numbers.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn stages(&mut self) -> Result<Vec<(&'static str, Vec<f32>)>> {
        self.run(Shader::STAGES, 0, &[], &[])?;
        let (n, fields) = (self.store.envs.len(), stage_fields(&self.topology));
        let all: Vec<f32> = self.gpu.read(
            &self.store.outcome,
            n * fields.iter().map(|f| f.1).sum::<usize>(),
        )?;
        let mut first = 0;
        let stage = |(name, len): (&'static str, usize)| {
            let one = |e: usize| (first..first + len).map(move |field| field * n + e);
            let numbers = (0..n).flat_map(one).map(|at| all[at]).collect();
            first += len;
            (name, numbers)
        };
        Ok(fields.into_iter().map(stage).collect())
    }

    fn run(
        &mut self,
        kernel: Shader,
        frames: usize,
        defs: &[&str],
        more: &[(u32, &wgpu::Buffer)],
    ) -> Result<()> {
        let (gpu, store) = (&self.gpu, &self.store);
        let constants: Vec<_> = self.constants.iter().collect();
        let pipeline = gpu.pipeline(kernel, &constants, defs)?;
        let n = store.envs.len() as u32;
        let dispatch = Dispatch {
            num_envs: n,
            frames: frames as u32,
            ..Default::default()
        };
        Store::write_dispatches(gpu, &store.dispatch, [dispatch].into_iter());
        store.write_state(gpu, &self.state);
        gpu.queue
            .write_buffer(&store.actions, 0, bytemuck::cast_slice(&self.ctrl));
        // What a kernel leaves unwritten shows.
        let poison = vec![f32::NAN; store.outcome.size() as usize / 4];
        gpu.queue
            .write_buffer(&store.outcome, 0, bytemuck::cast_slice(&poison));
        let buffers = [&store.buffers()[..], &[(0, &self.parameters)], more].concat();
        let group = pipeline.bind(&gpu.device, &buffers, Store::WINDOW);
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pipeline.dispatch(&mut pass, &group, 0, n.div_ceil(WORKGROUP));
        drop(pass);
        let submission = gpu.queue.submit([encoder.finish()]);
        gpu.wait(submission)
    }

    fn part(&self, part: usize) -> Vec<f64> {
        let (n, nv) = (self.store.envs.len(), self.topology.nv());
        let at = |e: usize, i: usize| f64::from(self.state[(part * nv + i) * n + e]);
        let signs = &self.topology.sign;
        (0..n)
            .flat_map(|e| (0..nv).map(move |i| signs[i] * at(e, i)))
            .collect()
    }

    /// Positions, m and rad, `[n, nv]`.
    pub fn qpos(&self) -> Vec<f64> {
        self.part(0)
    }

    /// Velocities, `[n, nv]`.
    pub fn qvel(&self) -> Vec<f64> {
        self.part(1)
    }

    /// Ways along x during the latest steps, m, `[n]`.
    pub fn dx(&self) -> Vec<f64> {
        self.outcome[..self.store.envs.len()]
            .iter()
            .map(|x| f64::from(*x))
            .collect()
    }

    /// Environments in which some acceleration of the latest steps did not converge.
    pub fn unconverged(&self) -> Vec<usize> {
        let n = self.store.envs.len();
        (0..n)
            .filter(|e| self.outcome[n + e].to_bits() != 0)
            .collect()
    }

    /// Rows that one environment had at each evaluation of the latest steps.
    pub fn rows(&self, env: usize) -> Vec<RowSet> {
        let each = self.trace.len() / self.store.envs.len();
        let words = self.trace[env * each..][..each].chunks(TRACED);
        let rows = words.map(|w| RowSet {
            contacts: u64::from(w[0]) | u64::from(w[1]) << 32,
            limits: w[2],
            pairs: w[3],
        });
        rows.collect()
    }
}

/// What `stages.wgsl` puts out, in order: name and numbers an environment.
fn stage_fields(t: &Topology) -> Vec<(&'static str, usize)> {
    let (nb, nv, np, nl) = (t.nb, t.nv(), t.point_body.len(), t.limited.len());
    let entries = t.row[nv - 1] + t.depth[nv - 1] + 1;
    vec![
        ("qfrc_actuator", nv),
        ("sine", nb),
        ("cosine", nb),
        ("rx", nb - 1),
        ("rz", nb - 1),
        ("height", nb),
        ("hx", nb),
        ("hz", nb),
        ("cvel_x", nb),
        ("cvel_z", nb),
        ("cvel_w", nb),
        ("qfrc_smooth", nv),
        ("contact_efc_D", np),
        ("contact_x", np),
        ("contact_z", np),
        ("contact_efc_aref_t", np),
        ("contact_efc_aref_n", np),
        ("roll_efc_aref", np),
        ("limit_efc_D", nl),
        ("limit_efc_J", nl),
        ("limit_efc_aref", nl),
        ("pair_efc_D", t.pairs.len()),
        ("pair_efc_aref", t.pairs.len()),
        ("pair_efc_J", t.pairs.iter().map(|p| p.levers.len()).sum()),
        ("grad", nv),
        ("qM", entries),
        ("qLD", entries),
        ("Mgrad", nv),
        ("qacc", nv),
    ]
}

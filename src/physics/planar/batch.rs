//! Many environments in blocks of lanes, with a parameter row each.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::physics::planar::integrate::{EnvStep, State};
use crate::physics::planar::lanes::counted::Counted;
#[cfg(target_arch = "x86_64")]
use crate::physics::planar::lanes::{F32x8, F32x16};
use crate::physics::planar::real::{Mask, Real};
use crate::physics::planar::tables::Tables;
use crate::physics::planar::topology::{MAX_DOFS, Topology};
use crate::physics::planar::work::Work;
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Bits of an environment's status after an env step.
pub mod status {
    /// A position or velocity is not a number, or beyond 1e10.
    pub const BROKEN: u32 = 1;
    /// The solver stopped before its active set settled (the result is close all the same).
    pub const UNCONVERGED: u32 = 2;
}

/// MuJoCo's `mjMAXVAL`: a state beyond it counts as broken.
const LARGEST: f64 = 1e10;

/// Numbers that the kernel computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// SIMD lanes over environments.
    #[default]
    F32,
    /// The oracle, one environment at a time.
    F64,
}

/// Environments a register for float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Any processor.
    One,
    /// AVX2 and FMA.
    Eight,
    /// AVX-512 F, DQ, VL.
    Sixteen,
}

impl Width {
    /// The widest that this processor has.
    pub fn detect() -> Self {
        [Self::Sixteen, Self::Eight]
            .into_iter()
            .find(|w| w.available())
            .unwrap_or(Self::One)
    }

    /// Does this processor have the instructions?
    pub fn available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            match self {
                Self::One => true,
                Self::Eight => avx2,
                Self::Sixteen => avx2 && avx512,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Self::One
        }
    }
}

/// Parameters of a block.
enum Page<R: Real> {
    /// All lanes have the same row.
    Shared(Box<Tables<R::Scalar>>),
    /// A row a lane.
    Mixed(Box<Tables<R>>),
}

/// Environments on lanes of one type.
pub struct Lanes<R: Real> {
    topology: Topology,
    states: Vec<State<R>>,
    pages: Vec<Page<R>>,
    /// Page of each block.
    page: Vec<usize>,
    num_envs: usize,
    /// One a thread.
    scratch: Vec<Mutex<Box<Work<R>>>>,
}

impl<R: Real> Lanes<R> {
    fn new(topology: &Topology, rows: &[Tables<f64>], num_envs: usize) -> Self {
        let nan = R::splat(f64::NAN);
        let zero = R::splat(0.0);
        let (mut states, mut pages, mut page) = (Vec::new(), Vec::new(), Vec::new());
        let mut known = HashMap::new();
        for first in (0..num_envs).step_by(R::LANES) {
            // Lanes beyond the last environment idle on the first lane's row.
            let idle = R::Mask::from_fn(|lane| first + lane >= num_envs);
            let row_of = |lane| if idle.test(lane) { first } else { first + lane } % rows.len();
            let lanes: Vec<usize> = (0..R::LANES).map(row_of).collect();
            page.push(*known.entry(lanes.clone()).or_insert_with(|| {
                pages.push(if lanes.iter().all(|&r| r == lanes[0]) {
                    Page::Shared(Box::new(rows[lanes[0]].shared::<R>()))
                } else {
                    let lanes: Vec<_> = lanes.iter().map(|&r| &rows[r]).collect();
                    Page::Mixed(Box::new(Tables::mixed::<R>(&lanes)))
                });
                pages.len() - 1
            }));
            states.push(State {
                q: [zero; MAX_DOFS],
                v: [zero; MAX_DOFS],
                x: [zero; MAX_DOFS],
                ctrl: [zero; MAX_DOFS],
                dx: nan,
                idle,
                unconverged: R::Mask::none(),
            });
        }
        let scratch = (0..rayon::current_num_threads()).map(|_| Mutex::new(Work::poisoned()));
        Self {
            topology: topology.clone(),
            states,
            pages,
            page,
            num_envs,
            scratch: scratch.collect(),
        }
    }

    /// The blocks, in order of their environments, for threads to share out.
    pub fn par_blocks(&mut self) -> impl IndexedParallelIterator<Item = Block<'_, R>> {
        let Self {
            topology,
            states,
            pages,
            page,
            num_envs,
            scratch,
        } = self;
        let (topology, pages, num_envs, scratch) = (&*topology, &*pages, *num_envs, &*scratch);
        states
            .par_iter_mut()
            .zip(page.par_iter())
            .enumerate()
            .map(move |(n, (state, page))| Block {
                topology,
                page: &pages[*page],
                state,
                scratch,
                first: n * R::LANES,
                len: R::LANES.min(num_envs - n * R::LANES),
            })
    }

    fn block(&mut self, env: usize) -> Block<'_, R> {
        let n = env / R::LANES;
        Block {
            topology: &self.topology,
            page: &self.pages[self.page[n]],
            state: &mut self.states[n],
            scratch: &self.scratch,
            first: n * R::LANES,
            len: R::LANES.min(self.num_envs - n * R::LANES),
        }
    }
}

/// Environments of one register. Numbers cross this border as float64 and in the model's own
/// coordinates.
pub struct Block<'a, R: Real> {
    topology: &'a Topology,
    page: &'a Page<R>,
    state: &'a mut State<R>,
    scratch: &'a [Mutex<Box<Work<R>>>],
    first: usize,
    len: usize,
}

impl<R: Real> Block<'_, R> {
    /// The environments.
    pub fn envs(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.len
    }

    /// Sets the controls of lane `lane`; they are clamped to the motors' ranges.
    pub fn set_ctrl(&mut self, lane: usize, ctrl: impl Iterator<Item = f64>) {
        for (c, x) in self.state.ctrl.iter_mut().zip(ctrl) {
            c.set(lane, x);
        }
    }

    /// Sets position and velocity of lane `lane`, and forgets its warm start.
    pub fn set_state(&mut self, lane: usize, qpos: &[f64], qvel: &[f64]) {
        for (i, sign) in self
            .topology
            .sign
            .iter()
            .enumerate()
            .take(self.topology.nv())
        {
            self.state.q[i].set(lane, sign * qpos[i]);
            self.state.v[i].set(lane, sign * qvel[i]);
            self.state.x[i].set(lane, 0.0);
        }
    }

    /// Position of degree of freedom `i` of lane `lane`.
    pub fn qpos(&self, lane: usize, i: usize) -> f64 {
        self.topology.sign[i] * self.state.q[i].get(lane)
    }

    /// Velocity of degree of freedom `i` of lane `lane`.
    pub fn qvel(&self, lane: usize, i: usize) -> f64 {
        self.topology.sign[i] * self.state.v[i].get(lane)
    }

    /// Way along x during the latest env step, m.
    pub fn dx(&self, lane: usize) -> f64 {
        self.state.dx.get(lane)
    }

    /// Bits of [`status`].
    pub fn status(&self, lane: usize) -> u32 {
        let nv = self.topology.nv();
        let sound = |x: &R| x.get(lane).abs() <= LARGEST;
        let sound = self.state.q[..nv].iter().all(sound) && self.state.v[..nv].iter().all(sound);
        let unconverged = self.state.unconverged.test(lane);
        u32::from(!sound) * status::BROKEN + u32::from(unconverged) * status::UNCONVERGED
    }

    /// `frames` physics steps with the present controls.
    pub fn step(&mut self, frames: usize) {
        let thread = rayon::current_thread_index().unwrap_or(0) % self.scratch.len();
        let mut work = self.scratch[thread]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (topology, state, work) = (self.topology, &mut *self.state, &mut **work);
        match self.page {
            Page::Shared(tables) => {
                R::vectorize(EnvStep {
                    topology,
                    tables: &**tables,
                    state,
                    work,
                    frames,
                });
            }
            Page::Mixed(tables) => {
                R::vectorize(EnvStep {
                    topology,
                    tables: &**tables,
                    state,
                    work,
                    frames,
                });
            }
        }
    }

    /// Position, velocity and warm start of lane `lane`, exactly.
    fn save(&self, lane: usize, out: &mut Vec<f64>) {
        let nv = self.topology.nv();
        for part in [&self.state.q, &self.state.v, &self.state.x] {
            out.extend(part[..nv].iter().map(|x| x.get(lane)));
        }
    }

    /// Back to what [`save`](Self::save) gave.
    fn load(&mut self, lane: usize, saved: &[f64]) {
        let nv = self.topology.nv();
        let state = &mut *self.state;
        for (part, saved) in [&mut state.q, &mut state.v, &mut state.x]
            .into_iter()
            .zip(saved.chunks(nv))
        {
            for (x, s) in part.iter_mut().zip(saved) {
                x.set(lane, *s);
            }
        }
    }
}

/// A computation over lanes of any type.
pub trait Visitor {
    /// Its result.
    type Output;
    /// Runs it.
    fn visit<R: Real>(self, lanes: &mut Lanes<R>) -> Self::Output;
}

/// Environments of one robot; environment `e` has parameter row `e % rows`.
pub struct Batch {
    topology: Topology,
    num_envs: usize,
    lanes: Typed,
}

enum Typed {
    F64(Lanes<f64>),
    F32(Lanes<f32>),
    #[cfg(target_arch = "x86_64")]
    X8(Lanes<F32x8>),
    #[cfg(target_arch = "x86_64")]
    X16(Lanes<F32x16>),
    Counted(Lanes<Counted<f32>>),
}

impl Batch {
    /// `num_envs` environments whose parameter rows are `models`; all at position and velocity 0.
    ///
    /// # Errors
    /// Where the models' shapes differ or exceed the kernel's limits.
    pub fn new(models: &[Model], num_envs: usize, precision: Precision) -> Result<Self> {
        Self::with_width(models, num_envs, precision, Width::detect())
    }

    /// As [`new`](Self::new) with float32 on `width` lanes.
    ///
    /// # Errors
    /// As [`new`](Self::new), and where the processor lacks the width.
    pub fn with_width(
        models: &[Model],
        num_envs: usize,
        precision: Precision,
        width: Width,
    ) -> Result<Self> {
        if !width.available() {
            return Err(Error::input(
                "planar kernel",
                format!("this processor has no registers of width {width:?}"),
                "leave the width to detection",
            ));
        }
        let (topology, rows) = rows(models, num_envs)?;
        let lanes = match (precision, width) {
            (Precision::F64, _) => Typed::F64(Lanes::new(&topology, &rows, num_envs)),
            (Precision::F32, Width::One) => Typed::F32(Lanes::new(&topology, &rows, num_envs)),
            #[cfg(target_arch = "x86_64")]
            (Precision::F32, Width::Eight) => Typed::X8(Lanes::new(&topology, &rows, num_envs)),
            #[cfg(target_arch = "x86_64")]
            (Precision::F32, Width::Sixteen) => Typed::X16(Lanes::new(&topology, &rows, num_envs)),
            #[cfg(not(target_arch = "x86_64"))]
            (Precision::F32, _) => unreachable!("refused above"),
        };
        Ok(Self {
            topology,
            num_envs,
            lanes,
        })
    }

    /// As [`new`](Self::new) on one float32 lane that counts its operations
    /// (see [`take_flops`](crate::physics::planar::lanes::counted::take_flops)).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn counted(models: &[Model], num_envs: usize) -> Result<Self> {
        let (topology, rows) = rows(models, num_envs)?;
        let lanes = Typed::Counted(Lanes::new(&topology, &rows, num_envs));
        Ok(Self {
            topology,
            num_envs,
            lanes,
        })
    }

    /// Number of environments.
    pub fn num_envs(&self) -> usize {
        self.num_envs
    }

    /// Degrees of freedom.
    pub fn nv(&self) -> usize {
        self.topology.nv()
    }

    /// Environments a register.
    pub fn width(&self) -> usize {
        match &self.lanes {
            Typed::F64(_) | Typed::F32(_) | Typed::Counted(_) => 1,
            #[cfg(target_arch = "x86_64")]
            Typed::X8(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Typed::X16(_) => 16,
        }
    }

    /// Runs `visitor` on the lanes, whatever their type.
    pub fn visit<V: Visitor>(&mut self, visitor: V) -> V::Output {
        match &mut self.lanes {
            Typed::F64(lanes) => visitor.visit(lanes),
            Typed::F32(lanes) => visitor.visit(lanes),
            #[cfg(target_arch = "x86_64")]
            Typed::X8(lanes) => visitor.visit(lanes),
            #[cfg(target_arch = "x86_64")]
            Typed::X16(lanes) => visitor.visit(lanes),
            Typed::Counted(lanes) => visitor.visit(lanes),
        }
    }
}

/// Shape and parameter rows of `models`.
fn rows(models: &[Model], num_envs: usize) -> Result<(Topology, Vec<Tables<f64>>)> {
    let Some(first) = models.first().filter(|_| num_envs > 0) else {
        return Err(Error::input(
            "planar kernel",
            "a batch without environments or without models",
            "ask for at least one environment and give at least one gap",
        ));
    };
    let topology = Topology::new(first)?;
    for model in models {
        if Topology::new(model)? != topology {
            return Err(Error::input(
                &model.name,
                "the robots of a batch differ in shape, not only in numbers",
                "put robots with other bodies, joints, motors or contacts into a batch of their own",
            ));
        }
    }
    let rows = models
        .iter()
        .map(|model| Tables::new(model, &topology))
        .collect();
    Ok((topology, rows))
}

/// A [`Visitor`] for one environment's block.
macro_rules! visitor {
    ($name:ident<$life:lifetime> { $($field:ident: $type:ty),* }, $out:ty, |$self_:ident, $lanes:ident| $body:expr) => {
        struct $name<$life> { $($field: $type),* }
        impl Visitor for $name<'_> {
            type Output = $out;
            fn visit<R: Real>($self_, $lanes: &mut Lanes<R>) -> $out {
                $body
            }
        }
    };
}

visitor!(SetState<'a> { env: usize, qpos: &'a [f64], qvel: &'a [f64] }, (), |self, lanes| {
    let lane = self.env % R::LANES;
    lanes.block(self.env).set_state(lane, self.qpos, self.qvel);
});
visitor!(SetCtrl<'a> { env: usize, ctrl: &'a [f64] }, (), |self, lanes| {
    let lane = self.env % R::LANES;
    lanes.block(self.env).set_ctrl(lane, self.ctrl.iter().copied());
});
visitor!(GetState<'a> { env: usize, qpos: &'a mut [f64], qvel: &'a mut [f64] }, (f64, u32), |self, lanes| {
    let lane = self.env % R::LANES;
    let block = lanes.block(self.env);
    for (i, (q, v)) in self.qpos.iter_mut().zip(self.qvel).enumerate() {
        (*q, *v) = (block.qpos(lane, i), block.qvel(lane, i));
    }
    (block.dx(lane), block.status(lane))
});
visitor!(Advance<'a> { frames: usize, _life: std::marker::PhantomData<&'a ()> }, (), |self, lanes| {
    lanes.par_blocks().for_each(|mut block| block.step(self.frames));
});
visitor!(Save<'a> { out: &'a mut Vec<f64> }, (), |self, lanes| {
    for env in 0..lanes.num_envs {
        lanes.block(env).save(env % R::LANES, self.out);
    }
});
visitor!(Load<'a> { saved: &'a [f64] }, (), |self, lanes| {
    let each = self.saved.len() / lanes.num_envs;
    for (env, saved) in self.saved.chunks(each).enumerate() {
        lanes.block(env).load(env % R::LANES, saved);
    }
});

impl Batch {
    /// Sets position and velocity `[nv]` of one environment, and forgets its warm start.
    pub fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        self.visit(SetState { env, qpos, qvel });
    }

    /// Sets one environment's controls `[nu]`.
    pub fn set_ctrl(&mut self, env: usize, ctrl: &[f64]) {
        self.visit(SetCtrl { env, ctrl });
    }

    /// Copies position and velocity `[nv]` of one environment; returns the way along x during the
    /// latest env step and the bits of [`status`].
    pub fn state(&mut self, env: usize, qpos: &mut [f64], qvel: &mut [f64]) -> (f64, u32) {
        self.visit(GetState { env, qpos, qvel })
    }

    /// `frames` physics steps of all environments.
    pub fn step(&mut self, frames: usize) {
        self.visit(Advance {
            frames,
            _life: std::marker::PhantomData,
        });
    }

    /// All positions, velocities and warm starts, exactly: `[num_envs, 3 nv]`.
    pub fn save(&mut self) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.num_envs * 3 * self.nv());
        self.visit(Save { out: &mut out });
        out
    }

    /// Back to what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// Where the length is another batch's.
    pub fn load(&mut self, saved: &[f64]) -> Result<()> {
        if saved.len() != self.num_envs * 3 * self.nv() {
            return Err(Error::input(
                "snapshot of environments",
                format!(
                    "{} numbers where {} are wanted",
                    saved.len(),
                    self.num_envs * 3 * self.nv()
                ),
                "restore it with the task and the number of environments it was taken with",
            ));
        }
        self.visit(Load { saved });
        Ok(())
    }
}

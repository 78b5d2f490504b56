//! Many environments in blocks of lanes, with a parameter row each.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::physics::planar::integrate::{EnvStep, RowSet, Stage, Staged, State};
use crate::physics::planar::lanes::counted::Counted;
#[cfg(target_arch = "x86_64")]
use crate::physics::planar::lanes::{F32x8, F32x16};
use crate::physics::planar::real::{Mask, Real};
use crate::physics::planar::tables::Tables;
use crate::physics::planar::topology::{MAX_DOFS, Topology};
use crate::physics::planar::work::{Dofs, Work};
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

    /// Refuses a width that this processor lacks.
    fn check(self) -> Result<()> {
        if self.available() {
            return Ok(());
        }
        Err(Error::input(
            "planar kernel",
            format!("this processor has no registers of width {self:?}"),
            "leave the width to detection",
        ))
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
                trace: None,
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

    fn width(&self) -> usize {
        R::LANES
    }

    /// The blocks one after the other, on this thread.
    pub fn blocks(&mut self) -> impl Iterator<Item = Block<'_, R>> {
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
            .iter_mut()
            .zip(page.iter())
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

    /// `f` of every environment's block and lane.
    fn collect(&self, f: impl Fn(&State<R>, usize) -> f64) -> Vec<f64> {
        let one = |env| f(&self.states[env / R::LANES], env % R::LANES);
        (0..self.num_envs).map(one).collect()
    }

    /// A part of the state in the model's own coordinates, `[n, nv]`.
    fn collect_dofs(&self, part: impl Fn(&State<R>) -> &Dofs<R>) -> Vec<f64> {
        let sign = &self.topology.sign[..self.topology.nv()];
        let one = |env: usize| {
            let part = part(&self.states[env / R::LANES]);
            sign.iter()
                .zip(part)
                .map(move |(sign, x)| sign * x.get(env % R::LANES))
        };
        (0..self.num_envs).flat_map(one).collect()
    }

    /// Block and lane of environment `env`.
    fn block(&mut self, env: usize) -> (Block<'_, R>, usize) {
        let n = env / R::LANES;
        let block = Block {
            topology: &self.topology,
            page: &self.pages[self.page[n]],
            state: &mut self.states[n],
            scratch: &self.scratch,
            first: n * R::LANES,
            len: R::LANES.min(self.num_envs - n * R::LANES),
        };
        (block, env % R::LANES)
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
        self.run(EnvStep(frames));
    }

    /// Runs `stage` on this block.
    pub fn run<S: Stage>(&mut self, stage: S) {
        let thread = rayon::current_thread_index().unwrap_or(0) % self.scratch.len();
        let mut work = self.scratch[thread]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (topology, state, work) = (self.topology, &mut *self.state, &mut **work);
        match self.page {
            Page::Shared(tables) => {
                R::vectorize(Staged {
                    stage,
                    topology,
                    tables: &**tables,
                    state,
                    work,
                });
            }
            Page::Mixed(tables) => {
                R::vectorize(Staged {
                    stage,
                    topology,
                    tables: &**tables,
                    state,
                    work,
                });
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
    #[cfg(target_arch = "x86_64")]
    Counted8(Lanes<Counted<F32x8>>),
    #[cfg(target_arch = "x86_64")]
    Counted16(Lanes<Counted<F32x16>>),
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
        width.check()?;
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

    /// As [`with_width`](Self::with_width) in float32, counting operations
    /// (see [`take_flops`](crate::physics::planar::lanes::counted::take_flops)).
    ///
    /// # Errors
    /// As [`with_width`](Self::with_width).
    pub fn counted(models: &[Model], num_envs: usize, width: Width) -> Result<Self> {
        width.check()?;
        let (topology, rows) = rows(models, num_envs)?;
        let lanes = match width {
            Width::One => Typed::Counted(Lanes::new(&topology, &rows, num_envs)),
            #[cfg(target_arch = "x86_64")]
            Width::Eight => Typed::Counted8(Lanes::new(&topology, &rows, num_envs)),
            #[cfg(target_arch = "x86_64")]
            Width::Sixteen => Typed::Counted16(Lanes::new(&topology, &rows, num_envs)),
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("refused by check"),
        };
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

/// Runs `$body` with `$lanes` bound to the batch's lanes, whatever their type.
macro_rules! on_lanes {
    ($typed:expr, $lanes:ident => $body:expr) => {
        match $typed {
            Typed::F64($lanes) => $body,
            Typed::F32($lanes) => $body,
            #[cfg(target_arch = "x86_64")]
            Typed::X8($lanes) => $body,
            #[cfg(target_arch = "x86_64")]
            Typed::X16($lanes) => $body,
            Typed::Counted($lanes) => $body,
            #[cfg(target_arch = "x86_64")]
            Typed::Counted8($lanes) => $body,
            #[cfg(target_arch = "x86_64")]
            Typed::Counted16($lanes) => $body,
        }
    };
}

impl Batch {
    /// Runs `visitor` on the lanes.
    pub fn visit<V: Visitor>(&mut self, visitor: V) -> V::Output {
        on_lanes!(&mut self.lanes, lanes => visitor.visit(lanes))
    }

    /// Environments a register.
    pub fn width(&self) -> usize {
        on_lanes!(&self.lanes, lanes => lanes.width())
    }

    /// Sets position and velocity `[nv]` of one environment, and forgets its warm start.
    pub fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        on_lanes!(&mut self.lanes, lanes => {
            let (mut block, lane) = lanes.block(env);
            block.set_state(lane, qpos, qvel);
        });
    }

    /// Sets one environment's controls `[nu]`.
    pub fn set_ctrl(&mut self, env: usize, ctrl: &[f64]) {
        on_lanes!(&mut self.lanes, lanes => {
            let (mut block, lane) = lanes.block(env);
            block.set_ctrl(lane, ctrl.iter().copied());
        });
    }

    /// `frames` physics steps of all environments.
    pub fn step(&mut self, frames: usize) {
        on_lanes!(&mut self.lanes, lanes => lanes.par_blocks().for_each(|mut b| b.step(frames)));
    }

    /// Ways along x during the latest env step, m, `[n]`.
    pub fn dx(&self) -> Vec<f64> {
        on_lanes!(&self.lanes, lanes => lanes.collect(|s, lane| s.dx.get(lane)))
    }

    /// Positions, m and rad, `[n, nv]`.
    pub fn qpos(&self) -> Vec<f64> {
        on_lanes!(&self.lanes, lanes => lanes.collect_dofs(|s| &s.q))
    }

    /// Velocities, `[n, nv]`.
    pub fn qvel(&self) -> Vec<f64> {
        on_lanes!(&self.lanes, lanes => lanes.collect_dofs(|s| &s.v))
    }

    /// Solver's warm starts, `[n, nv]`: the latest constrained accelerations.
    pub fn warm_start(&self) -> Vec<f64> {
        on_lanes!(&self.lanes, lanes => lanes.collect_dofs(|s| &s.x))
    }

    /// Sets the warm starts, `[n, nv]`.
    pub fn set_warm_start(&mut self, x: &[f64]) {
        let nv = self.nv();
        on_lanes!(&mut self.lanes, lanes => {
            for (env, x) in x.chunks(nv).enumerate() {
                let (block, lane) = lanes.block(env);
                for (i, x) in x.iter().enumerate() {
                    block.state.x[i].set(lane, block.topology.sign[i] * x);
                }
            }
        });
    }

    /// From now on [`rows`](Self::rows) remembers the constraint rows of each env step.
    pub fn trace_rows(&mut self) {
        on_lanes!(&mut self.lanes, lanes => {
            for state in &mut lanes.states {
                state.trace = Some(Vec::new());
            }
        });
    }

    /// Rows that one environment had at each evaluation of the latest env step.
    pub fn rows(&self, env: usize) -> Vec<RowSet> {
        on_lanes!(&self.lanes, lanes => {
            let (block, lane) = (env / lanes.width(), env % lanes.width());
            let trace = lanes.states[block].trace.as_deref().unwrap_or_default();
            trace.iter().map(|rows| rows[lane]).collect()
        })
    }
}

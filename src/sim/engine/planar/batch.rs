//! Many environments in blocks of lanes, with a parameter row each.

use crate::engine::planar::block::Lanes;
use crate::engine::planar::integrate::RowSet;
use crate::engine::planar::lanes::counted::Counted;
#[cfg(target_arch = "x86_64")]
use crate::engine::planar::lanes::{F32x8, F32x16};
use crate::engine::planar::profile::{Stage, StageTimes};
use crate::engine::planar::real::Real;
use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::Topology;
use crate::env::Group;
use crate::error::{Error, Result};
use crate::model::Model;
use rayon::prelude::*;

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

/// What a batch computes with.
#[derive(Clone, Copy, Debug)]
pub struct Arithmetic {
    /// Numbers.
    pub precision: Precision,
    /// Registers for float32.
    pub width: Width,
    /// Whether operations are counted, in float32 on 1 or 16 lanes
    /// (see [`take_flops`](crate::engine::planar::lanes::counted::take_flops)).
    pub counted: bool,
}

impl Default for Arithmetic {
    /// Float32 on the widest registers.
    fn default() -> Self {
        Precision::F32.into()
    }
}

impl From<Precision> for Arithmetic {
    fn from(precision: Precision) -> Self {
        Self {
            precision,
            width: Width::detect(),
            counted: false,
        }
    }
}

impl From<Width> for Arithmetic {
    /// Float32 on these registers.
    fn from(width: Width) -> Self {
        Self {
            precision: Precision::F32,
            width,
            counted: false,
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

/// Environments of one robot with a parameter row each.
pub struct PlanarBatch {
    topology: Topology,
    num_envs: usize,
    with: Arithmetic,
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
    Counted16(Lanes<Counted<F32x16>>),
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
            Typed::Counted16($lanes) => $body,
        }
    };
}

impl PlanarBatch {
    /// `num_envs` environments in turn with the parameter rows `models`; all at position and
    /// velocity 0.
    ///
    /// # Errors
    /// Where the models' shapes differ or exceed the kernel's limits.
    pub fn new(models: &[Model], num_envs: usize, precision: Precision) -> Result<Self> {
        let models: Vec<&Model> = models.iter().collect();
        let assigned: Vec<usize> = (0..num_envs).map(|e| e % models.len().max(1)).collect();
        Self::assigned(&models, &assigned, precision.into())
    }

    /// One environment for each of `rows`, an index into `models`; all at position and velocity 0.
    ///
    /// # Errors
    /// As [`new`](Self::new), and where the processor lacks the registers or operations are not
    /// counted on them.
    pub fn assigned(models: &[&Model], rows: &[usize], with: Arithmetic) -> Result<Self> {
        with.width.check()?;
        let (topology, tables) = tables(models, rows.len())?;
        macro_rules! lanes {
            () => {
                Lanes::new(&topology, tables, rows)
            };
        }
        let lanes = match (with.precision, with.width, with.counted) {
            (Precision::F64, _, false) => Typed::F64(lanes!()),
            (Precision::F32, Width::One, false) => Typed::F32(lanes!()),
            (Precision::F32, Width::One, true) => Typed::Counted(lanes!()),
            #[cfg(target_arch = "x86_64")]
            (Precision::F32, Width::Eight, false) => Typed::X8(lanes!()),
            #[cfg(target_arch = "x86_64")]
            (Precision::F32, Width::Sixteen, false) => Typed::X16(lanes!()),
            #[cfg(target_arch = "x86_64")]
            (Precision::F32, Width::Sixteen, true) => Typed::Counted16(lanes!()),
            _ => {
                return Err(Error::input(
                    "planar kernel",
                    format!("operations are not counted with {with:?}"),
                    "count them in float32 on one lane",
                ));
            }
        };
        Ok(Self {
            topology,
            num_envs: rows.len(),
            with,
            lanes,
        })
    }

    /// Measures the kernel's stages from now on.
    pub fn start_stage_times(&mut self) {
        on_lanes!(&mut self.lanes, lanes => lanes.each_stage_times(|times| *times = StageTimes::running()));
    }

    /// Stops measuring; time of each stage, summed over threads, in ticks of [`ticks`](crate::engine::planar::profile::ticks).
    pub fn take_stage_times(&mut self) -> [u64; Stage::COUNT] {
        let mut sum = [0; Stage::COUNT];
        on_lanes!(&mut self.lanes, lanes => lanes.each_stage_times(|times| {
            sum.iter_mut().zip(times.ticks()).for_each(|(s, t)| *s += t);
            *times = StageTimes::default();
        }));
        sum
    }

    /// What it computes with.
    pub fn arithmetic(&self) -> Arithmetic {
        self.with
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
pub(crate) fn tables(models: &[&Model], num_envs: usize) -> Result<(Topology, Vec<Tables<f64>>)> {
    let Some(first) = models.first().filter(|_| num_envs > 0) else {
        return Err(Error::input(
            "planar kernel",
            "a batch without environments or without models",
            "ask for at least one environment and give at least one gap",
        ));
    };
    let topology = Topology::new(first)?;
    let row = |model: &&Model| {
        if Topology::new(model)? != topology {
            return Err(Error::input(
                &model.name,
                "the robots of a batch differ in shape, not only in numbers",
                "put robots with other bodies, joints, motors or contacts into a batch of their own",
            ));
        }
        Ok(Tables::new(model, &topology))
    };
    let rows = models.par_iter().map(row).collect::<Result<_>>()?;
    Ok((topology, rows))
}

impl PlanarBatch {
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

    /// Gives one environment parameter row `row` from now on.
    pub fn set_param_row(&mut self, env: usize, row: usize) {
        on_lanes!(&mut self.lanes, lanes => {
            let (mut block, lane) = lanes.block(env);
            block.set_param_row(lane, row);
        });
    }

    /// Sets one environment's controls `[nu]`.
    pub fn set_ctrl(&mut self, env: usize, ctrl: &[f64]) {
        on_lanes!(&mut self.lanes, lanes => {
            let (mut block, lane) = lanes.block(env);
            block.set_ctrl(lane, ctrl);
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
        on_lanes!(&self.lanes, lanes => lanes.collect_dofs(|s| &s.qpos))
    }

    /// Velocities, `[n, nv]`.
    pub fn qvel(&self) -> Vec<f64> {
        on_lanes!(&self.lanes, lanes => lanes.collect_dofs(|s| &s.qvel))
    }

    /// Solver's warm starts, `[n, nv]`: the latest constrained accelerations.
    pub fn warm_start(&self) -> Vec<f64> {
        on_lanes!(&self.lanes, lanes => lanes.collect_dofs(|s| &s.qacc))
    }

    /// Sets the warm starts, `[n, nv]`.
    pub fn set_warm_start(&mut self, x: &[f64]) {
        let nv = self.nv();
        on_lanes!(&mut self.lanes, lanes => {
            for (env, x) in x.chunks(nv).enumerate() {
                let (mut block, lane) = lanes.block(env);
                block.set_warm_start(lane, x);
            }
        });
    }

    /// From now on [`rows`](Self::rows) remembers the constraint rows of each env step.
    pub fn trace_rows(&mut self) {
        on_lanes!(&mut self.lanes, lanes => lanes.trace_rows());
    }

    /// Rows that one environment had at each evaluation of the latest env step.
    pub fn rows(&self, env: usize) -> Vec<RowSet> {
        on_lanes!(&self.lanes, lanes => lanes.rows(env))
    }
}

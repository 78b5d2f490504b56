//! What the kernel's time goes into: its stages, and the processor's peak.

use crate::engine::planar::real::{LaneKernel, Real};
use crate::engine::planar::{Lanes, Visitor};
use std::hint::black_box;
use std::time::Instant;

/// A stage of the kernel, under its function's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Angles, offsets, mass moments.
    Kinematics,
    /// Anchor velocities and smooth forces.
    SmoothForce,
    /// Floor contacts and joint limits.
    Rows,
    /// Residuals, active set and gradient of each pass.
    Gradient,
    /// Mass matrix with active rows.
    Inertia,
    /// LᵀDL.
    Factor,
    /// Solve by the factor.
    Solve,
    /// Step length of the rare later passes.
    LineSearch,
    /// Newton's updates, the damped solve, the new state.
    Integrate,
}

impl Stage {
    /// Number of stages.
    pub const COUNT: usize = 9;

    /// All stages in their order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Kinematics,
        Self::SmoothForce,
        Self::Rows,
        Self::Gradient,
        Self::Inertia,
        Self::Factor,
        Self::Solve,
        Self::LineSearch,
        Self::Integrate,
    ];

    /// For tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::Kinematics => "kinematics",
            Self::SmoothForce => "smooth_force",
            Self::Rows => "rows",
            Self::Gradient => "gradient",
            Self::Inertia => "inertia",
            Self::Factor => "factor",
            Self::Solve => "solve",
            Self::LineSearch => "line_search",
            Self::Integrate => "integrate",
        }
    }
}

/// Sums of stage times; off unless asked for, and then only a branch a stage.
#[derive(Clone, Default)]
pub struct StageTimes(Option<Box<Running>>);

#[derive(Clone, Default)]
struct Running {
    last: u64,
    ticks: [u64; Stage::COUNT],
}

impl StageTimes {
    /// All zero, and measuring.
    pub fn running() -> Self {
        Self(Some(Box::default()))
    }

    /// Ticks of each stage so far.
    pub fn ticks(&self) -> [u64; Stage::COUNT] {
        self.0.as_ref().map(|r| r.ticks).unwrap_or_default()
    }

    /// A stage begins.
    #[inline(always)]
    pub fn start(&mut self) {
        if let Some(running) = &mut self.0 {
            running.last = ticks();
        }
    }

    /// `stage` ends, and the next one begins.
    #[inline(always)]
    pub fn end(&mut self, stage: Stage) {
        if let Some(running) = &mut self.0 {
            let now = ticks();
            running.ticks[stage as usize] += now - running.last;
            running.last = now;
        }
    }
}

/// A fine clock whose unit is only good for shares of a whole.
#[cold]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 processor has a time-stamp counter.
        unsafe { std::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        use std::sync::OnceLock;
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }
}

/// Fused multiply-adds on registers, nothing else: the processor's peak for a lane type.
struct Peak<'a, R: Real> {
    rounds: u32,
    out: &'a mut R,
}

/// Independent chains, enough to fill two pipes of latency four and then some.
const CHAINS: usize = 12;

impl<R: Real> LaneKernel for Peak<'_, R> {
    #[inline(always)]
    fn run(self) {
        let (a, b) = (black_box(R::splat(0.999_999)), black_box(R::splat(1e-6)));
        let mut chains = [*self.out; CHAINS];
        for _ in 0..self.rounds {
            for chain in &mut chains {
                *chain = chain.mul_add(a, b);
            }
        }
        for chain in chains {
            *self.out = *self.out + chain;
        }
    }
}

/// Peak operations per second of this thread with the batch's lanes, a fused multiply-add counting
/// as two.
pub struct PeakFlops;

impl Visitor for PeakFlops {
    type Output = f64;
    fn visit<R: Real>(self, _: &mut Lanes<R>) -> f64 {
        let rounds = 200_000;
        let mut best = 0f64;
        for _ in 0..20 {
            let mut out = R::splat(0.5);
            let start = Instant::now();
            R::vectorize(Peak {
                rounds,
                out: &mut out,
            });
            let seconds = start.elapsed().as_secs_f64();
            black_box(out);
            best = best.max(2.0 * (CHAINS * R::LANES) as f64 * f64::from(rounds) / seconds);
        }
        best
    }
}

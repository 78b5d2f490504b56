//! What the kernel's time goes into: each stage by itself, and the processor's peak.

use crate::physics::planar::contact::{contact_rows, limit_rows};
use crate::physics::planar::inertia::{factor, inertia, solve};
use crate::physics::planar::integrate::{Stage, State};
use crate::physics::planar::kinematics::{anchors, kinematics};
use crate::physics::planar::real::{Kernel, Param, Real};
use crate::physics::planar::smooth::smooth_force;
use crate::physics::planar::solver::gradient;
use crate::physics::planar::tables::Tables;
use crate::physics::planar::topology::Topology;
use crate::physics::planar::work::Work;
use crate::physics::planar::{Lanes, Visitor};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A stage of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Angles, offsets, mass moments.
    Kinematics,
    /// Anchor velocities and smooth forces.
    SmoothForce,
    /// Floor contacts and joint limits.
    Rows,
    /// Residuals, active set and gradient of a pass.
    Gradient,
    /// Mass matrix with active rows.
    Inertia,
    /// LᵀDL.
    Factor,
    /// Solve by the factor.
    Solve,
}

impl Name {
    /// All stages in their order.
    pub const ALL: [Self; 7] = [
        Self::Kinematics,
        Self::SmoothForce,
        Self::Rows,
        Self::Gradient,
        Self::Inertia,
        Self::Factor,
        Self::Solve,
    ];

    /// The function's name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Kinematics => "kinematics",
            Self::SmoothForce => "smooth_force",
            Self::Rows => "contact_rows + limit_rows",
            Self::Gradient => "gradient",
            Self::Inertia => "inertia",
            Self::Factor => "factor",
            Self::Solve => "solve",
        }
    }
}

/// One stage, many times over on the same state.
struct Repeat {
    name: Name,
    times: u32,
}

impl Stage for Repeat {
    #[inline(always)]
    fn run<R: Real, X: Param<R>>(
        self,
        t: &Topology,
        m: &Tables<X>,
        s: &mut State<R>,
        k: &mut Work<R>,
    ) {
        // What the stage needs from those before it; once more for the stage itself.
        for i in 0..=self.times {
            let k = black_box(&mut *k);
            let now = |name| i == 0 || name == self.name;
            if now(Name::Kinematics) {
                kinematics(t, m, &s.q, k);
            }
            if now(Name::SmoothForce) {
                anchors(t, &k.rx, &k.rz, &s.v, &mut k.velocity);
                smooth_force(t, m, &s.q, &s.v, k);
            }
            if now(Name::Rows) {
                contact_rows(t, m, k);
                limit_rows(t, m, &s.q, &s.v, k);
            }
            if now(Name::Gradient) {
                black_box(gradient(t, m, &s.x, k));
            }
            if now(Name::Inertia) {
                inertia(t, m, &m.armature, true, k);
            }
            // A factored matrix is factored again: the time does not depend on the numbers.
            if now(Name::Factor) {
                factor(t, &mut k.factor);
            }
            if now(Name::Solve) {
                solve(t, &k.factor, &mut k.step);
            }
        }
    }
}

/// Mean time of `name` per environment and call in ns, over all blocks, on one thread.
pub struct StageTime {
    /// Which stage.
    pub name: Name,
    /// Calls a block.
    pub times: u32,
}

impl Visitor for StageTime {
    type Output = f64;
    fn visit<R: Real>(self, lanes: &mut Lanes<R>) -> f64 {
        let (mut time, mut envs) = (Duration::ZERO, 0);
        for mut block in lanes.blocks() {
            let mut run = |times| {
                let start = Instant::now();
                block.run(Repeat {
                    name: self.name,
                    times,
                });
                start.elapsed()
            };
            let once = run(0);
            time += run(self.times).saturating_sub(once);
            envs += R::LANES as u32;
        }
        time.as_secs_f64() * 1e9 / f64::from(envs * self.times)
    }
}

/// Fused multiply-adds on registers, nothing else: the processor's peak for a lane type.
struct Peak<'a, R: Real> {
    rounds: u32,
    out: &'a mut R,
}

/// Independent chains, enough to fill two pipes of latency four and then some.
const CHAINS: usize = 12;

impl<R: Real> Kernel for Peak<'_, R> {
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

//! Time steps: Euler with implicit damping, Runge–Kutta, and the env step (physics-spec 6).

use crate::physics::planar::inertia::{factor, inertia, solve};
use crate::physics::planar::profile::Lap;
use crate::physics::planar::real::{Kernel, Mask, Param, Real};
use crate::physics::planar::solver::acceleration;
use crate::physics::planar::tables::Tables;
use crate::physics::planar::topology::{MAX_DOFS, Topology};
use crate::physics::planar::work::{Dofs, Work};

/// State of a block of environments, hinges about +y.
#[derive(Clone)]
pub struct State<R: Real> {
    /// Positions, m and rad.
    pub q: Dofs<R>,
    /// Velocities.
    pub v: Dofs<R>,
    /// Warm start: the latest constrained acceleration.
    pub x: Dofs<R>,
    /// Controls by motor.
    pub ctrl: Dofs<R>,
    /// Way along x since the env step began, m: summed apart from x, whose float32 is too coarse
    /// for a velocity once it is large (physics-spec 9.3).
    pub dx: R,
    /// Lanes without an environment.
    pub idle: R::Mask,
    /// Lanes in which some acceleration of this env step did not converge.
    pub unconverged: R::Mask,
    /// Constraint rows at each evaluation of this env step, lane by lane, where they are asked for.
    pub trace: Option<Vec<Vec<RowSet>>>,
}

/// Constraint rows of one environment at one evaluation, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowSet {
    /// End spheres that touch the floor, sorted by body.
    pub contacts: u64,
    /// Degrees of freedom beyond their range.
    pub limits: u32,
    /// Pairs of limbs that touch, in the model's order.
    pub pairs: u32,
}

/// Remembers the rows of the evaluation just made.
#[cold]
fn record<R: Real>(trace: &mut Vec<Vec<RowSet>>, k: &Work<R>) {
    let row_set = |lane| {
        let mut rows = RowSet::default();
        for n in 0..k.contacts.len {
            rows.contacts |= u64::from(k.contacts.weight[n].get(lane) > 0.0) << k.contacts.point[n];
        }
        for n in 0..k.limits.len {
            rows.limits |= u32::from(k.limits.weight[n].get(lane) > 0.0) << k.limits.dof[n];
        }
        for n in 0..k.pairs.len {
            rows.pairs |= u32::from(k.pairs.weight[n].get(lane) > 0.0) << k.pairs.pair[n];
        }
        rows
    };
    trace.push((0..R::LANES).map(row_set).collect());
}

/// An env step of a block: `frames` physics steps with constant controls. `LIMBS`: some limbs may
/// touch each other.
pub struct EnvStep<'a, R: Real, X, const LIMBS: bool> {
    /// Shape.
    pub topology: &'a Topology,
    /// Parameters.
    pub tables: &'a Tables<X>,
    /// What is advanced.
    pub state: &'a mut State<R>,
    /// Scratch.
    pub work: &'a mut Work<R>,
    /// Physics steps.
    pub frames: usize,
}

impl<R: Real, X: Param<R>, const LIMBS: bool> Kernel for EnvStep<'_, R, X, LIMBS> {
    #[inline(always)]
    fn run(self) {
        let Self {
            topology: t,
            tables: m,
            state: s,
            work: k,
            frames,
        } = self;
        k.laps.start();
        let zero = R::splat(0.0);
        k.torque = [zero; MAX_DOFS];
        for (n, &i) in t.motor_dof.iter().enumerate() {
            let ctrl = s.ctrl[n]
                .max(m.ctrl_lower[n].lanes())
                .min(m.ctrl_upper[n].lanes());
            k.torque[i] = m.gear[n].lanes().mul_add(ctrl, k.torque[i]);
        }
        s.dx = zero;
        s.unconverged = R::Mask::none();
        if let Some(trace) = &mut s.trace {
            trace.clear();
        }
        for _ in 0..frames {
            physics_step::<LIMBS, R, X>(t, m, s, k);
        }
    }
}

/// One physics step: an evaluation of the acceleration for Euler, four for Runge–Kutta.
#[inline(always)]
fn physics_step<const LIMBS: bool, R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    s: &mut State<R>,
    k: &mut Work<R>,
) {
    let h: R = m.timestep[0].lanes();
    let (half, third, sixth) = (R::splat(0.5) * h, h / R::splat(3.0), h / R::splat(6.0));
    // The classic tableau: weight of a stage in the sums, and how far from the start the next lies.
    let tableau = [(sixth, half), (third, half), (third, h), (sixth, h)];
    let (mut q, mut v) = (s.q, s.v);
    let (mut sum_v, mut sum_a) = (s.v, s.v);
    let stages = if t.rk4 { 4 } else { 1 };
    for (n, (weight, reach)) in tableau.into_iter().take(stages).enumerate() {
        // Each evaluation starts from the previous one's acceleration.
        let failed = acceleration::<LIMBS, R, X>(t, m, &q, &v, &mut s.x, s.idle, k);
        s.unconverged = s.unconverged | failed;
        if let Some(trace) = &mut s.trace {
            record(trace, k);
        }
        if !t.rk4 {
            return euler::<LIMBS, R, X>(t, m, s, k);
        }
        for i in 0..t.nv() {
            let (dv, da) = (weight * v[i], weight * s.x[i]);
            sum_v[i] = if n == 0 { dv } else { sum_v[i] + dv };
            sum_a[i] = if n == 0 { da } else { sum_a[i] + da };
            q[i] = reach.mul_add(v[i], s.q[i]);
            v[i] = reach.mul_add(s.x[i], s.v[i]);
        }
    }
    for i in 0..t.nv() {
        s.q[i] = s.q[i] + sum_v[i];
        s.v[i] = s.v[i] + sum_a[i];
    }
    s.dx = s.dx + sum_v[0];
    k.laps.lap(Lap::Integrate);
}

/// Semi-implicit Euler from the acceleration `s.x`; joint damping is implicit, in the velocity
/// update alone.
#[inline(always)]
fn euler<const LIMBS: bool, R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    s: &mut State<R>,
    k: &mut Work<R>,
) {
    inertia::<LIMBS, _, _, _>(t, m, &m.damped_armature, false, k);
    factor(t, &mut k.factor);
    let h: R = m.timestep[0].lanes();
    for i in 0..t.nv() {
        k.step[i] = h * m.damping[i].lanes() * s.x[i];
    }
    solve(t, &k.factor, &mut k.step);
    for i in 0..t.nv() {
        s.v[i] = h.mul_add(s.x[i] - k.step[i], s.v[i]);
        s.q[i] = h.mul_add(s.v[i], s.q[i]);
    }
    s.dx = h.mul_add(s.v[0], s.dx);
    k.laps.lap(Lap::Integrate);
}

//! Time steps: Euler with implicit damping, Runge–Kutta, and the env step (DYNAMICS.md 6).

use crate::engine::planar::inertia::{factor, inertia, solve};
use crate::engine::planar::profile::Stage;
use crate::engine::planar::real::{LaneKernel, Mask, Param, Real};
use crate::engine::planar::solver::acceleration;
use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::{MAX_DOFS, Topology};
use crate::engine::planar::work::{Dofs, Work};

/// State of a block of environments, hinges about +y.
#[derive(Clone)]
pub struct State<R: Real> {
    /// Positions, m and rad.
    pub qpos: Dofs<R>,
    /// Velocities.
    pub qvel: Dofs<R>,
    /// Warm start: the latest constrained acceleration.
    pub qacc: Dofs<R>,
    /// Controls by motor.
    pub ctrl: Dofs<R>,
    /// Way along x since the env step began, m: summed apart from x, whose float32 is too coarse
    /// for a velocity once it is large (DYNAMICS.md 9.3).
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
            rows.contacts |= u64::from(k.contacts.efc_D[n].get(lane) > 0.0) << k.contacts.point[n];
        }
        for n in 0..k.limits.len {
            rows.limits |= u32::from(k.limits.efc_D[n].get(lane) > 0.0) << k.limits.dof[n];
        }
        for n in 0..k.pairs.len {
            rows.pairs |= u32::from(k.pairs.efc_D[n].get(lane) > 0.0) << k.pairs.pair[n];
        }
        rows
    };
    trace.push((0..R::LANES).map(row_set).collect());
}

/// An env step of a block: `frames` physics steps with constant controls. `MORE`: some limbs may
/// touch each other, or some contact has rows of rolling.
pub struct EnvStep<'a, R: Real, X, const MORE: bool> {
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

impl<R: Real, X: Param<R>, const MORE: bool> LaneKernel for EnvStep<'_, R, X, MORE> {
    #[inline(always)]
    fn run(self) {
        let Self {
            topology: t,
            tables: m,
            state: s,
            work: k,
            frames,
        } = self;
        k.stage_times.start();
        let zero = R::splat(0.0);
        k.qfrc_actuator = [zero; MAX_DOFS];
        for (n, &i) in t.motor_dof.iter().enumerate() {
            let ctrl = s.ctrl[n]
                .max(m.ctrl_lower[n].lanes())
                .min(m.ctrl_upper[n].lanes());
            k.qfrc_actuator[i] = m.gear[n].lanes().mul_add(ctrl, k.qfrc_actuator[i]);
        }
        s.dx = zero;
        s.unconverged = R::Mask::none();
        if let Some(trace) = &mut s.trace {
            trace.clear();
        }
        for _ in 0..frames {
            physics_step::<MORE, R, X>(t, m, s, k);
        }
    }
}

/// One physics step: an evaluation of the acceleration for Euler, four for Runge–Kutta.
#[inline(always)]
fn physics_step<const MORE: bool, R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    s: &mut State<R>,
    k: &mut Work<R>,
) {
    let h: R = m.timestep[0].lanes();
    let (half, third, sixth) = (R::splat(0.5) * h, h / R::splat(3.0), h / R::splat(6.0));
    // The classic tableau: weight of a stage in the sums, and how far from the start the next lies.
    let tableau = [(sixth, half), (third, half), (third, h), (sixth, h)];
    let (mut qpos, mut qvel) = (s.qpos, s.qvel);
    let (mut sum_qvel, mut sum_qacc) = (s.qvel, s.qvel);
    let stages = if t.rk4 { 4 } else { 1 };
    for (n, (weight, reach)) in tableau.into_iter().take(stages).enumerate() {
        // Each evaluation starts from the previous one's acceleration.
        let failed = acceleration::<MORE, R, X>(t, m, &qpos, &qvel, &mut s.qacc, s.idle, k);
        s.unconverged = s.unconverged | failed;
        if let Some(trace) = &mut s.trace {
            record(trace, k);
        }
        if !t.rk4 {
            return euler::<MORE, R, X>(t, m, s, k);
        }
        for i in 0..t.nv() {
            let (dqpos, dqvel) = (weight * qvel[i], weight * s.qacc[i]);
            sum_qvel[i] = if n == 0 { dqpos } else { sum_qvel[i] + dqpos };
            sum_qacc[i] = if n == 0 { dqvel } else { sum_qacc[i] + dqvel };
            qpos[i] = reach.mul_add(qvel[i], s.qpos[i]);
            qvel[i] = reach.mul_add(s.qacc[i], s.qvel[i]);
        }
    }
    for i in 0..t.nv() {
        s.qpos[i] = s.qpos[i] + sum_qvel[i];
        s.qvel[i] = s.qvel[i] + sum_qacc[i];
    }
    s.dx = s.dx + sum_qvel[0];
    k.stage_times.end(Stage::Integrate);
}

/// Semi-implicit Euler from the acceleration `s.qacc`; joint damping is implicit, in the velocity
/// update alone.
#[inline(always)]
fn euler<const MORE: bool, R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    s: &mut State<R>,
    k: &mut Work<R>,
) {
    inertia::<MORE, _, _, _>(t, m, &m.damped_armature, false, k);
    factor(t, &mut k.qLD);
    // `grad` is free between two evaluations.
    let h: R = m.timestep[0].lanes();
    for i in 0..t.nv() {
        k.grad[i] = h * m.damping[i].lanes() * s.qacc[i];
    }
    solve(t, &k.qLD, &mut k.grad);
    for i in 0..t.nv() {
        s.qvel[i] = h.mul_add(s.qacc[i] - k.grad[i], s.qvel[i]);
        s.qpos[i] = h.mul_add(s.qvel[i], s.qpos[i]);
    }
    s.dx = h.mul_add(s.qvel[0], s.dx);
    k.stage_times.end(Stage::Integrate);
}

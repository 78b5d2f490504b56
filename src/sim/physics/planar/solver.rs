//! The constrained acceleration: Newton on the active set of rows (physics-spec 5).

use crate::physics::planar::contact::{contact_rows, limit_rows};
use crate::physics::planar::inertia::{factor, inertia, solve};
use crate::physics::planar::kinematics::{anchors, kinematics, project};
use crate::physics::planar::line_search::line_search;
use crate::physics::planar::pair::{pair_gradient, pair_rows};
use crate::physics::planar::profile::Lap;
use crate::physics::planar::real::{Mask, Param, Real};
use crate::physics::planar::smooth::smooth_force;
use crate::physics::planar::tables::Tables;
use crate::physics::planar::topology::Topology;
use crate::physics::planar::work::{Dofs, Work};

/// Full steps are taken before this pass; from it on a line search keeps the set from cycling.
const LINE_SEARCH_FROM: usize = 4;
/// Passes after which a lane is left as it is.
const MOST_PASSES: usize = 16;

/// Replaces the warm start `x` by the constrained acceleration at (q, v). Lanes in `idle` may keep
/// any value. Returns the lanes that did not converge.
#[inline(always)]
pub fn acceleration<const LIMBS: bool, R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    q: &Dofs<R>,
    v: &Dofs<R>,
    x: &mut Dofs<R>,
    idle: R::Mask,
    k: &mut Work<R>,
) -> R::Mask {
    kinematics(t, m, q, k);
    k.laps.lap(Lap::Kinematics);
    anchors(t, &k.rx, &k.rz, v, &mut k.velocity);
    smooth_force(t, m, q, v, k);
    k.laps.lap(Lap::SmoothForce);
    contact_rows(t, m, k);
    limit_rows(t, m, q, v, k);
    if LIMBS {
        pair_rows(t, m, v, k);
    }
    k.laps.lap(Lap::Rows);

    let one = R::splat(1.0);
    let mut done = idle;
    let mut full = R::Mask::none();
    for pass in 0..MOST_PASSES {
        let changed = gradient::<LIMBS, R, X>(t, m, x, k);
        k.laps.lap(Lap::Gradient);
        // Nothing changed since the last full step: the factor still holds, this step is the last.
        let last = full & !changed;
        let searching = !(done | last);
        if searching.any() {
            // Lanes that only polish get the factor they had: their active set is the same.
            inertia::<LIMBS, _, _, _>(t, m, &m.armature, true, k);
            k.laps.lap(Lap::Inertia);
            factor(t, &mut k.factor);
            k.laps.lap(Lap::Factor);
        }
        solve(t, &k.factor, &mut k.step);
        k.laps.lap(Lap::Solve);
        let mut length = one;
        if pass >= LINE_SEARCH_FROM && searching.any() {
            length = R::select(searching, line_search::<LIMBS, R, X>(t, m, x, k), one);
            k.laps.lap(Lap::LineSearch);
        }
        for i in 0..t.nv() {
            x[i] = R::select(done, x[i], length.mul_sub_from(k.step[i], x[i]));
        }
        done = done | last;
        if pass >= 1 && R::STEP_TOLERANCE > 0.0 {
            done = done | negligible(t, x, &k.step);
        }
        if !(!done).any() {
            break;
        }
        full = !length.lt(one);
    }
    k.laps.lap(Lap::Integrate);
    !done
}

/// Gradient of the objective at `x` into `k.step`, from unassembled bodies and rows (float32 would
/// lose digits in M x). Returns the lanes whose active set differs from the previous pass's.
#[inline(always)]
pub(super) fn gradient<const LIMBS: bool, R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    x: &Dofs<R>,
    k: &mut Work<R>,
) -> R::Mask {
    let zero = R::splat(0.0);
    let mut changed = R::Mask::none();
    // The velocities are spent once the rows are made.
    anchors(t, &k.rx, &k.rz, x, &mut k.velocity);
    let (o, f) = (&k.velocity, &mut k.wrench);
    for b in 0..t.nv() - 2 {
        let mass: R = m.mass[b].lanes();
        f.x[b] = mass.mul_add(o.x[b], k.hz[b] * o.w[b]);
        f.z[b] = k.hx[b].mul_sub_from(o.w[b], mass * o.z[b]);
        let spin = m.inertia[b].lanes() * o.w[b];
        f.w[b] = k.hx[b].mul_sub_from(o.z[b], k.hz[b].mul_add(o.x[b], spin));
    }
    let c = &mut k.contacts;
    for n in 0..c.len {
        let b = c.body[n];
        let (px, pz, mu, weight) = (c.x[n], c.z[n], c.friction[n], c.weight[n]);
        let normal = o.w[b].mul_sub_from(px, o.z[b]) - c.reference_n[n];
        let tangent = mu * (o.w[b].mul_add(pz, o.x[b]) - c.reference_t[n]);
        let (plus, minus) = (normal + tangent, normal - tangent);
        let active = [plus.lt(zero), minus.lt(zero), normal.lt(zero)];
        for (now, before) in active.iter().zip(&c.active[n]) {
            changed = changed | (*now ^ *before);
        }
        c.active[n] = active;
        (c.residual_n[n], c.residual_t[n]) = (normal, tangent);
        let (plus, minus, normal) = (plus.min(zero), minus.min(zero), normal.min(zero));
        let up = weight * R::splat(2.0).mul_add(normal, plus + minus);
        let along = weight * mu * (plus - minus);
        f.x[b] = f.x[b] + along;
        f.z[b] = f.z[b] + up;
        f.w[b] = px.mul_sub_from(up, pz.mul_add(along, f.w[b]));
    }
    project(t, &k.rx, &k.rz, &mut k.wrench, &mut k.step);
    for i in 0..t.nv() {
        k.step[i] = m.armature[i].lanes().mul_add(x[i], k.step[i]) - k.smooth[i];
    }
    let l = &mut k.limits;
    for n in 0..l.len {
        let i = l.dof[n];
        let residual = l.jacobian[n].mul_add(x[i], -l.reference[n]);
        let active = residual.lt(zero);
        changed = changed | (active ^ l.active[n]);
        l.active[n] = active;
        l.residual[n] = residual;
        k.step[i] = (l.weight[n] * residual.min(zero)).mul_add(l.jacobian[n], k.step[i]);
    }
    if LIMBS {
        changed = changed | pair_gradient(t, x, k);
    }
    changed
}

/// Lanes in which max|step| ≤ tolerance × max(1, max|x|).
#[inline(always)]
fn negligible<R: Real>(t: &Topology, x: &Dofs<R>, step: &Dofs<R>) -> R::Mask {
    let (mut largest, mut size) = (R::splat(0.0), R::splat(1.0));
    for i in 0..t.nv() {
        largest = largest.max(step[i].abs());
        size = size.max(x[i].abs());
    }
    !(R::splat(R::STEP_TOLERANCE) * size).lt(largest)
}

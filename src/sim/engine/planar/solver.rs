//! The constrained acceleration: Newton on the active set of rows (DYNAMICS.md 5).

use crate::engine::planar::contact::{contact_rows, limit_rows};
use crate::engine::planar::inertia::{factor, inertia, solve};
use crate::engine::planar::kinematics::{anchors, kinematics, project};
use crate::engine::planar::line_search::line_search;
use crate::engine::planar::pair::{pair_gradient, pair_rows};
use crate::engine::planar::profile::Stage;
use crate::engine::planar::real::{Mask, Param, Real};
use crate::engine::planar::roll::{roll_gradient, roll_rows};
use crate::engine::planar::smooth::smooth_force;
use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::Topology;
use crate::engine::planar::work::{Dofs, Work};

/// Full steps are taken before this pass; from it on a line search keeps the set from cycling.
const LINE_SEARCH_FROM: usize = 4;
/// Passes after which a lane is left as it is.
const MOST_PASSES: usize = 16;

/// Replaces the warm start `qacc` by the constrained acceleration at (qpos, qvel). Lanes in `idle` may keep
/// any value. Returns the lanes that did not converge.
#[inline(always)]
pub fn acceleration<const MORE: bool, R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    qpos: &Dofs<R>,
    qvel: &Dofs<R>,
    qacc: &mut Dofs<R>,
    idle: R::Mask,
    k: &mut Work<R>,
) -> R::Mask {
    kinematics(t, m, qpos, k);
    k.stage_times.end(Stage::Kinematics);
    anchors(t, &k.rx, &k.rz, qvel, &mut k.cvel);
    smooth_force(t, m, qpos, qvel, k);
    k.stage_times.end(Stage::SmoothForce);
    contact_rows(t, m, k);
    limit_rows(t, m, qpos, qvel, k);
    if MORE {
        if t.rolls {
            roll_rows(m, k);
        }
        pair_rows(t, m, qvel, k);
    }
    k.stage_times.end(Stage::Rows);

    let one = R::splat(1.0);
    let mut done = idle;
    let mut full = R::Mask::none();
    for pass in 0..MOST_PASSES {
        let changed = gradient::<MORE, R, X>(t, m, qacc, k);
        k.stage_times.end(Stage::Gradient);
        // Nothing changed since the last full step: the factor still holds, this step is the last.
        let last = full & !changed;
        let searching = !(done | last);
        if searching.any() {
            // Lanes that only polish get the factor they had: their active set is the same.
            inertia::<MORE, _, _, _>(t, m, &m.armature, true, k);
            k.stage_times.end(Stage::Inertia);
            factor(t, &mut k.qLD);
            k.stage_times.end(Stage::Factor);
        }
        solve(t, &k.qLD, &mut k.grad);
        k.stage_times.end(Stage::Solve);
        let mut length = one;
        if pass >= LINE_SEARCH_FROM && searching.any() {
            length = R::select(searching, line_search::<MORE, R, X>(t, m, qacc, k), one);
            k.stage_times.end(Stage::LineSearch);
        }
        for i in 0..t.nv() {
            qacc[i] = R::select(done, qacc[i], length.mul_sub_from(k.grad[i], qacc[i]));
        }
        done = done | last;
        if pass >= 1 && R::STEP_TOLERANCE > 0.0 {
            done = done | negligible(t, qacc, &k.grad);
        }
        if !(!done).any() {
            break;
        }
        full = !length.lt(one);
    }
    k.stage_times.end(Stage::Integrate);
    !done
}

/// Gradient of the objective at `qacc` into `k.grad`, from unassembled bodies and rows (float32 would
/// lose digits in qM qacc). Returns the lanes whose active set differs from the previous pass's.
#[inline(always)]
pub(super) fn gradient<const MORE: bool, R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    qacc: &Dofs<R>,
    k: &mut Work<R>,
) -> R::Mask {
    let zero = R::splat(0.0);
    let mut changed = R::Mask::none();
    // The velocities are spent once the rows are made.
    anchors(t, &k.rx, &k.rz, qacc, &mut k.cvel);
    let (o, f) = (&k.cvel, &mut k.cfrc_int);
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
        let (px, pz, mu, efc_D) = (c.x[n], c.z[n], c.friction[n], c.efc_D[n]);
        let normal = o.w[b].mul_sub_from(px, o.z[b]) - c.efc_aref_n[n];
        let tangent = mu * (o.w[b].mul_add(pz, o.x[b]) - c.efc_aref_t[n]);
        let (plus, minus) = (normal + tangent, normal - tangent);
        let active = [plus.lt(zero), minus.lt(zero), normal.lt(zero)];
        for (now, before) in active.iter().zip(&c.active[n]) {
            changed = changed | (*now ^ *before);
        }
        c.active[n] = active;
        (c.efc_Jaref_n[n], c.efc_Jaref_t[n]) = (normal, tangent);
        let (plus, minus, normal) = (plus.min(zero), minus.min(zero), normal.min(zero));
        let up = efc_D * R::splat(2.0).mul_add(normal, plus + minus);
        let along = efc_D * mu * (plus - minus);
        f.x[b] = f.x[b] + along;
        f.z[b] = f.z[b] + up;
        f.w[b] = px.mul_sub_from(up, pz.mul_add(along, f.w[b]));
    }
    if MORE && t.rolls {
        changed = changed | roll_gradient(t, k);
    }
    project(t, &k.rx, &k.rz, &mut k.cfrc_int, &mut k.grad);
    for i in 0..t.nv() {
        k.grad[i] = m.armature[i].lanes().mul_add(qacc[i], k.grad[i]) - k.qfrc_smooth[i];
    }
    let l = &mut k.limits;
    for n in 0..l.len {
        let i = l.dof[n];
        let efc_Jaref = l.efc_J[n].mul_add(qacc[i], -l.efc_aref[n]);
        let active = efc_Jaref.lt(zero);
        changed = changed | (active ^ l.active[n]);
        l.active[n] = active;
        l.efc_Jaref[n] = efc_Jaref;
        k.grad[i] = (l.efc_D[n] * efc_Jaref.min(zero)).mul_add(l.efc_J[n], k.grad[i]);
    }
    if MORE {
        changed = changed | pair_gradient(t, qacc, k);
    }
    changed
}

/// Lanes in which max|step| ≤ tolerance × max(1, max|qacc|).
#[inline(always)]
fn negligible<R: Real>(t: &Topology, qacc: &Dofs<R>, step: &Dofs<R>) -> R::Mask {
    let (mut largest, mut size) = (R::splat(0.0), R::splat(1.0));
    for i in 0..t.nv() {
        largest = largest.max(step[i].abs());
        size = size.max(qacc[i].abs());
    }
    !(R::splat(R::STEP_TOLERANCE) * size).lt(largest)
}

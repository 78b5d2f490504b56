//! Constraint rows: impedance, floor contacts and joint limits (DYNAMICS.md 4).

use crate::engine::planar::kinematics::rotate;
use crate::engine::planar::real::{Mask, Param, Real};
use crate::engine::planar::tables::{CONTACT, LIMIT, Tables};
use crate::engine::planar::topology::Topology;
use crate::engine::planar::work::{Dofs, Work};

/// Reference acceleration of a row that a lane does not have: its `efc_Jaref` is then positive
/// whatever the acceleration, so the row is never active there.
pub const NEVER: f64 = -1e30;

/// Impedance d(y) of rows of `kind`; y = efc_pos − margin < 0.
#[inline(always)]
pub fn impedance<R: Real, X: Param<R>>(m: &Tables<X>, kind: usize, y: R) -> R {
    let one = R::splat(1.0);
    let y = y.abs() * m.inv_width[kind].lanes();
    let rest = one - y;
    let (low, high) = if m.quadratic {
        (y * y, rest * rest)
    } else {
        let p = m.power[kind].lanes();
        (power(y, p), power(rest.max(R::splat(0.0)), p))
    };
    let beyond = m.midpoint[kind].lanes().lt(y);
    let s = R::select(
        beyond,
        m.beyond[kind].lanes().mul_sub_from(high, one),
        m.below[kind].lanes() * low,
    );
    let d = s.mul_add(m.drange[kind].lanes(), m.dmin[kind].lanes());
    R::select(y.lt(one), d, m.dmax[kind].lanes())
}

/// x to the power `p`, with the bits of x² where p = 2, so that a lane does not depend on the
/// curves of its neighbours.
#[inline(always)]
fn power<R: Real>(x: R, p: R) -> R {
    let two = R::splat(2.0);
    R::select(p.lt(two) | two.lt(p), x.powf(p), x * x)
}

/// D = d / ((1 − d) rk): how hard a violated row pushes.
#[inline(always)]
pub fn efc_D<R: Real>(d: R, inv_scale: R) -> R {
    d * inv_scale / (R::splat(1.0) - d)
}

/// End spheres below the floor's margin, into `k.contacts`. A point is entered if any lane touches.
#[inline(always)]
pub fn contact_rows<R: Real, X: Param<R>>(t: &Topology, m: &Tables<X>, k: &mut Work<R>) {
    let zero = R::splat(0.0);
    let mut n = 0;
    for (i, &b) in t.point_body.iter().enumerate() {
        let (ux, uz): (R, R) = (m.point_x[i].lanes(), m.point_z[i].lanes());
        let ez = k.sine[b].mul_sub_from(ux, k.cosine[b] * uz);
        let efc_pos = k.height[b] + ez - m.radius[i].lanes();
        let y = efc_pos - m.margin[CONTACT].lanes();
        let touches = y.lt(zero);
        if !touches.any() {
            continue;
        }
        let (ex, _) = rotate(k, b, ux, uz);
        let d = impedance(m, CONTACT, y);
        let spring = d * m.spring[CONTACT].lanes() * y;
        let c = &mut k.contacts;
        let o = &k.cvel;
        (c.point[n], c.body[n]) = (i, b);
        c.x[n] = ex;
        // The contact point lies half-way into the penetration.
        c.z[n] = R::splat(0.5).mul_add(efc_pos, -k.height[b]);
        let efc_vel_t = o.w[b].mul_add(c.z[n], o.x[b]);
        let efc_vel_n = o.w[b].mul_sub_from(ex, o.z[b]);
        let damper: R = m.damper[CONTACT].lanes();
        let mu: R = m.friction[i].lanes();
        c.friction[n] = mu;
        c.efc_D[n] = R::select(touches, efc_D(d, m.point_inv_scale[i].lanes()), zero);
        c.efc_aref_t[n] = R::select(touches, -(damper * efc_vel_t), zero);
        c.efc_aref_n[n] = R::select(touches, -damper.mul_add(efc_vel_n, spring), R::splat(NEVER));
        n += 1;
    }
    k.contacts.len = n;
}

/// Exceeded joint limits, into `k.limits`. At most one side can be exceeded.
#[inline(always)]
pub fn limit_rows<R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    qpos: &Dofs<R>,
    qvel: &Dofs<R>,
    k: &mut Work<R>,
) {
    let zero = R::splat(0.0);
    let one = R::splat(1.0);
    let mut n = 0;
    for &i in &t.limited {
        let low = qpos[i] - m.lower[i].lanes();
        let high = m.upper[i].lanes() - qpos[i];
        let efc_pos = low.min(high);
        let exceeded = efc_pos.lt(zero);
        if !exceeded.any() {
            continue;
        }
        let d = impedance(m, LIMIT, efc_pos);
        let spring = d * m.spring[LIMIT].lanes() * efc_pos;
        let l = &mut k.limits;
        let efc_J = R::select(low.lt(high), one, -one);
        let damper: R = m.damper[LIMIT].lanes();
        l.dof[n] = i;
        l.efc_J[n] = efc_J;
        l.efc_D[n] = R::select(exceeded, efc_D(d, m.limit_inv_scale[i].lanes()), zero);
        l.efc_aref[n] = R::select(
            exceeded,
            -damper.mul_add(efc_J * qvel[i], spring),
            R::splat(NEVER),
        );
        n += 1;
    }
    k.limits.len = n;
}

//! Floor contacts of more than three dimensions, condim 4 and 6: the rows that they have beside those of sliding
//! (DYNAMICS.md 4.6).
//!
//! In the plane there is one way to roll, about y. Spin, and rolling about x, are of motions that a planar robot has
//! none of: their rows are along the normal alone, and only their number counts.
//!
//! Robots without such contacts have a kernel of their own (`MORE` is false there).

use crate::engine::planar::real::{Mask, Param, Real};
use crate::engine::planar::tables::{CONTACT, Tables};
use crate::engine::planar::topology::Topology;
use crate::engine::planar::work::Work;

/// Reference accelerations of rolling of the contacts that are there; needs the velocities in `k.cvel`.
#[inline(always)]
pub fn roll_rows<R: Real, X: Param<R>>(m: &Tables<X>, k: &mut Work<R>) {
    let damper: R = m.damper[CONTACT].lanes();
    for n in 0..k.contacts.len {
        k.rolls.friction[n] = m.rolling_friction[k.contacts.point[n]].lanes();
        k.rolls.efc_aref[n] = -(damper * k.cvel.w[k.contacts.body[n]]);
    }
}

/// Residuals and active rows at the accelerations in `k.cvel`, after those of sliding; adds the rows' part to the
/// wrenches. Returns the lanes whose active set differs from the previous pass's.
#[inline(always)]
pub fn roll_gradient<R: Real>(t: &Topology, k: &mut Work<R>) -> R::Mask {
    let zero = R::splat(0.0);
    let mut changed = R::Mask::none();
    let (c, r, o, f) = (&k.contacts, &mut k.rolls, &k.cvel, &mut k.cfrc_int);
    for n in 0..c.len {
        let b = c.body[n];
        let Some(spare) = t.spare_normals[c.point[n]] else {
            continue;
        };
        let mu = r.friction[n];
        let normal = c.efc_Jaref_n[n];
        let roll = mu * (o.w[b] - r.efc_aref[n]);
        let (plus, minus) = (normal + roll, normal - roll);
        let active = [plus.lt(zero), minus.lt(zero)];
        for (now, before) in active.iter().zip(&r.active[n]) {
            changed = changed | (*now ^ *before);
        }
        (r.active[n], r.efc_Jaref[n]) = (active, roll);
        let (plus, minus, normal) = (plus.min(zero), minus.min(zero), normal.min(zero));
        let up = c.efc_D[n] * R::splat(spare).mul_add(normal, plus + minus);
        let about = c.efc_D[n] * mu * (plus - minus);
        f.z[b] = f.z[b] + up;
        f.w[b] = c.x[n].mul_sub_from(up, f.w[b] + about);
    }
    changed
}

/// Adds the stiffness of the active rows, moved to the anchor, to their bodies' inertia.
#[inline(always)]
pub fn roll_stiffness<R: Real>(t: &Topology, k: &mut Work<R>) {
    let zero = R::splat(0.0);
    let (c, r) = (&k.contacts, &k.rolls);
    for n in 0..c.len {
        let Some(spare) = t.spare_normals[c.point[n]] else {
            continue;
        };
        let mu = r.friction[n];
        let [d1, d2] = r.active[n].map(|a| R::select(a, c.efc_D[n], zero));
        let d3 = R::select(c.active[n][2], c.efc_D[n], zero);
        let (sum, skew) = (d1 + d2, mu * (d1 - d2));
        let zz = R::splat(spare).mul_add(d3, sum);
        let zw = zz.mul_sub_from(c.x[n], skew);
        let ww = c.x[n].mul_sub_from(zw + skew, mu * mu * sum);
        let inertia = &mut k.crb[c.body[n]];
        for (entry, v) in [(2, zz), (4, zw), (5, ww)] {
            inertia[entry] = inertia[entry] + v;
        }
    }
}

/// Each row of entry `n` of the contacts: its residual, its change where the contact's normal changes by `dn` and the
/// body turns by `dw`, and how often it counts. Nothing where the contact has no such rows.
#[inline(always)]
pub fn roll_lines<R: Real>(
    t: &Topology,
    k: &Work<R>,
    n: usize,
    dn: R,
    dw: R,
) -> Option<[(R, R, R); 3]> {
    let spare = t.spare_normals[k.contacts.point[n]]?;
    let (rn, rr) = (k.contacts.efc_Jaref_n[n], k.rolls.efc_Jaref[n]);
    let dr = k.rolls.friction[n] * dw;
    let one = R::splat(1.0);
    Some([
        (rn + rr, dn + dr, one),
        (rn - rr, dn - dr, one),
        (rn, dn, R::splat(spare)),
    ])
}

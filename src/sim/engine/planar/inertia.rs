//! The mass matrix with the stiffness of active rows, and its LᵀDL factor (DYNAMICS.md 5).

use crate::engine::planar::pair::pair_stiffness;
use crate::engine::planar::real::{Param, Real};
use crate::engine::planar::roll::roll_stiffness;
use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::Topology;
use crate::engine::planar::work::{Dofs, Work};

/// Lower triangle of `qM` + diag(`diagonal`) into `k.qLD`, by composite inertias. With `rows` the
/// active contacts add to their bodies' inertia, the active limits to the diagonal, and the contacts
/// between limbs to the hinges between them.
#[inline(always)]
pub fn inertia<const MORE: bool, R: Real, X: Param<R>, D: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    diagonal: &[D],
    rows: bool,
    k: &mut Work<R>,
) {
    let zero = R::splat(0.0);
    let nb = t.nv() - 2;
    for b in 0..nb {
        let mass = m.mass[b].lanes();
        // Its own `cinert` to begin with.
        k.crb[b] = [mass, zero, mass, k.hz[b], -k.hx[b], m.inertia[b].lanes()];
    }
    if rows {
        contact_stiffness(k);
        if MORE && t.rolls {
            roll_stiffness(t, k);
        }
    }
    for b in (0..nb).rev() {
        let [xx, xz, zz, xw, zw, ww] = k.crb[b];
        if b > 0 {
            // Moved to the parent's anchor.
            let (x, z) = (k.rx[b], k.rz[b]);
            let xv = x.mul_sub_from(xz, xx.mul_add(z, xw));
            let zv = x.mul_sub_from(zz, xz.mul_add(z, zw));
            let wv = x.mul_sub_from(zw + zv, z.mul_add(xw + xv, ww));
            let c = &mut k.crb[t.parent[b]];
            for (c, v) in c.iter_mut().zip([xx, xz, zz, xv, zv, wv]) {
                *c = *c + v;
            }
        }
        column::<MORE, R>(t, k, b, xw, zw, ww);
    }
    let [xx, xz, zz, ..] = k.crb[0];
    (k.qLD[0], k.qLD[1], k.qLD[2]) = (xx, xz, zz);
    for i in 0..t.nv() {
        let d = t.row[i] + t.depth[i];
        k.qLD[d] = k.qLD[d] + diagonal[i].lanes();
    }
    if rows {
        for n in 0..k.limits.len {
            let i = k.limits.dof[n];
            let d = t.row[i] + t.depth[i];
            k.qLD[d] = k.qLD[d] + R::select(k.limits.active[n], k.limits.efc_D[n], zero);
        }
        if MORE {
            pair_stiffness(t, k);
        }
    }
}

/// The row of body `b`'s hinge: its unit force carried from anchor to anchor up to the root.
#[inline(always)]
fn column<const MORE: bool, R: Real>(
    t: &Topology,
    k: &mut Work<R>,
    b: usize,
    fx: R,
    fz: R,
    mut torque: R,
) {
    let (row, depth) = (t.row[b + 2], t.depth[b + 2]);
    if MORE && t.fill {
        k.qLD[row..row + depth].fill(R::splat(0.0));
    }
    k.qLD[row + depth] = torque;
    let mut n = b;
    while n > 0 {
        torque = k.rx[n].mul_sub_from(fz, k.rz[n].mul_add(fx, torque));
        n = t.parent[n];
        k.qLD[row + t.depth[n + 2]] = torque;
    }
    (k.qLD[row], k.qLD[row + 1]) = (fx, fz);
}

/// Adds each contact's 2×2 stiffness, moved to the anchor, to its body's inertia.
#[inline(always)]
fn contact_stiffness<R: Real>(k: &mut Work<R>) {
    let zero = R::splat(0.0);
    for n in 0..k.contacts.len {
        let c = &k.contacts;
        let (x, z, mu, efc_D) = (c.x[n], c.z[n], c.friction[n], c.efc_D[n]);
        let [d1, d2, d3] = c.active[n].map(|a| R::select(a, efc_D, zero));
        let sum = d1 + d2;
        let xx = mu * mu * sum;
        let xz = mu * (d1 - d2);
        let zz = R::splat(2.0).mul_add(d3, sum);
        let xw = xz.mul_sub_from(x, xx * z);
        let zw = zz.mul_sub_from(x, xz * z);
        let ww = zw.mul_sub_from(x, xw * z);
        let inertia = &mut k.crb[k.contacts.body[n]];
        for (i, v) in inertia.iter_mut().zip([xx, xz, zz, xw, zw, ww]) {
            *i = *i + v;
        }
    }
}

/// H = LᵀDL in place, leaves first; ancestors only, so there is no fill-in. The diagonal holds 1/D.
#[inline(always)]
pub fn factor<R: Real>(t: &Topology, h: &mut [R]) {
    for r in (0..t.nv()).rev() {
        let (row, depth) = (t.row[r], t.depth[r]);
        let inverse = R::splat(1.0) / h[row + depth];
        let mut i = r;
        for e in (0..depth).rev() {
            i = t.above[i];
            let a = h[row + e] * inverse;
            let ancestor = t.row[i];
            for j in 0..=e {
                h[ancestor + j] = a.mul_sub_from(h[row + j], h[ancestor + j]);
            }
            h[row + e] = a;
        }
        h[row + depth] = inverse;
    }
}

/// x ← H⁻¹ x by the factor `l`.
#[inline(always)]
pub fn solve<R: Real>(t: &Topology, l: &[R], x: &mut Dofs<R>) {
    for r in (0..t.nv()).rev() {
        let mut i = r;
        for e in (0..t.depth[r]).rev() {
            i = t.above[i];
            x[i] = l[t.row[r] + e].mul_sub_from(x[r], x[i]);
        }
    }
    for r in 0..t.nv() {
        let (row, depth) = (t.row[r], t.depth[r]);
        let mut y = x[r] * l[row + depth];
        let mut i = r;
        for e in (0..depth).rev() {
            i = t.above[i];
            y = l[row + e].mul_sub_from(x[i], y);
        }
        x[r] = y;
    }
}

//! Where the bodies are, how anchors move, and how wrenches become generalised forces
//! (DYNAMICS.md 3). World x of the root never enters: all offsets are between anchors.

use crate::engine::planar::real::{Param, Real};
use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::Topology;
use crate::engine::planar::work::{Dofs, Spatial, Work};

/// Rotations, offsets between anchors, anchor heights and first mass moments at `qpos`.
#[inline(always)]
pub fn kinematics<R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    qpos: &Dofs<R>,
    k: &mut Work<R>,
) {
    // The bodies' angles are needed only here; `cfrc_int` is free until the pass.
    for b in 0..t.nv() - 2 {
        let p = t.parent[b];
        let angle = if b == 0 {
            qpos[2]
        } else {
            k.cfrc_int.w[p] + qpos[b + 2]
        };
        k.cfrc_int.w[b] = angle;
        let (sin, cos) = angle.sin_cos();
        (k.sine[b], k.cosine[b]) = (sin, cos);
        if b == 0 {
            k.height[0] = qpos[1] + m.z0[0].lanes();
        } else {
            (k.rx[b], k.rz[b]) = rotate(k, p, m.offset_x[b].lanes(), m.offset_z[b].lanes());
            k.height[b] = k.height[p] + k.rz[b];
        }
        (k.hx[b], k.hz[b]) = rotate(k, b, m.moment_x[b].lanes(), m.moment_z[b].lanes());
    }
}

/// A vector (x, z) of body `b`'s frame in world axes.
#[inline(always)]
pub fn rotate<R: Real>(k: &Work<R>, b: usize, x: R, z: R) -> (R, R) {
    let (c, s) = (k.cosine[b], k.sine[b]);
    (c.mul_add(x, s * z), s.mul_sub_from(x, c * z))
}

/// J u for the anchors of all bodies (velocities if `u` is a velocity).
#[inline(always)]
pub fn anchors<R: Real>(t: &Topology, rx: &[R], rz: &[R], u: &Dofs<R>, o: &mut Spatial<R>) {
    (o.x[0], o.z[0], o.w[0]) = (u[0], u[1], u[2]);
    for b in 1..t.nv() - 2 {
        let p = t.parent[b];
        let w = o.w[p];
        o.x[b] = w.mul_add(rz[b], o.x[p]);
        o.z[b] = w.mul_sub_from(rx[b], o.z[p]);
        o.w[b] = w + u[b + 2];
    }
}

/// Jᵀ of the wrenches at the anchors, which it sums towards the root.
#[inline(always)]
pub fn project<R: Real>(t: &Topology, rx: &[R], rz: &[R], f: &mut Spatial<R>, g: &mut Dofs<R>) {
    for b in (1..t.nv() - 2).rev() {
        let p = t.parent[b];
        let (x, z, w) = (f.x[b], f.z[b], f.w[b]);
        g[b + 2] = w;
        f.x[p] = f.x[p] + x;
        f.z[p] = f.z[p] + z;
        f.w[p] = rx[b].mul_sub_from(z, rz[b].mul_add(x, f.w[p] + w));
    }
    (g[0], g[1], g[2]) = (f.x[0], f.z[0], f.w[0]);
}

//! Forces that do not come from constraints (physics-spec 3).

use crate::physics::planar::kinematics::project;
use crate::physics::planar::real::{Param, Real};
use crate::physics::planar::tables::Tables;
use crate::physics::planar::topology::Topology;
use crate::physics::planar::work::{Dofs, Work};

/// `qfrc_smooth` = motors + passive − bias, into `k.smooth`; needs `k.torque` and `k.velocity`.
#[inline(always)]
pub fn smooth_force<R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    q: &Dofs<R>,
    v: &Dofs<R>,
    k: &mut Work<R>,
) {
    let a = &mut k.bias;
    (a.x[0], a.z[0]) = (R::splat(0.0), m.gravity[0].lanes());
    for b in 0..t.nv() - 2 {
        if b > 0 {
            let p = t.parent[b];
            let w2 = k.velocity.w[p] * k.velocity.w[p];
            a.x[b] = w2.mul_sub_from(k.rx[b], a.x[p]);
            a.z[b] = w2.mul_sub_from(k.rz[b], a.z[p]);
        }
        let w2 = k.velocity.w[b] * k.velocity.w[b];
        let mass: R = m.mass[b].lanes();
        k.wrench.x[b] = w2.mul_sub_from(k.hx[b], mass * a.x[b]);
        k.wrench.z[b] = w2.mul_sub_from(k.hz[b], mass * a.z[b]);
        // The terms in ω² cancel in the torque.
        k.wrench.w[b] = k.hx[b].mul_sub_from(a.z[b], k.hz[b] * a.x[b]);
    }
    project(t, &k.rx, &k.rz, &mut k.wrench, &mut k.smooth);
    for i in 0..t.nv() {
        let f = k.torque[i] - k.smooth[i];
        let f = m.damping[i].lanes().mul_sub_from(v[i], f);
        k.smooth[i] = m.stiffness[i]
            .lanes()
            .mul_sub_from(q[i] - m.springref[i].lanes(), f);
    }
}

//! Forces that do not come from constraints (DYNAMICS.md 3).

use crate::engine::planar::kinematics::project;
use crate::engine::planar::real::{Param, Real};
use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::Topology;
use crate::engine::planar::work::{Dofs, Work};

/// qfrc_smooth = qfrc_actuator + qfrc_passive − qfrc_bias; needs `k.qfrc_actuator` and `k.cvel`.
#[inline(always)]
pub fn smooth_force<R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    qpos: &Dofs<R>,
    qvel: &Dofs<R>,
    k: &mut Work<R>,
) {
    let a = &mut k.cacc;
    (a.x[0], a.z[0]) = (R::splat(0.0), m.gravity[0].lanes());
    for b in 0..t.nv() - 2 {
        if b > 0 {
            let p = t.parent[b];
            let w2 = k.cvel.w[p] * k.cvel.w[p];
            a.x[b] = w2.mul_sub_from(k.rx[b], a.x[p]);
            a.z[b] = w2.mul_sub_from(k.rz[b], a.z[p]);
        }
        let w2 = k.cvel.w[b] * k.cvel.w[b];
        let mass: R = m.mass[b].lanes();
        k.cfrc_int.x[b] = w2.mul_sub_from(k.hx[b], mass * a.x[b]);
        k.cfrc_int.z[b] = w2.mul_sub_from(k.hz[b], mass * a.z[b]);
        // The terms in ω² cancel in the torque.
        k.cfrc_int.w[b] = k.hx[b].mul_sub_from(a.z[b], k.hz[b] * a.x[b]);
    }
    project(t, &k.rx, &k.rz, &mut k.cfrc_int, &mut k.qfrc_smooth);
    for i in 0..t.nv() {
        let qfrc_bias = k.qfrc_smooth[i];
        let f = k.qfrc_actuator[i] - qfrc_bias;
        // `qfrc_passive`, term by term: damper, then spring.
        let f = m.damping[i].lanes().mul_sub_from(qvel[i], f);
        k.qfrc_smooth[i] = m.stiffness[i]
            .lanes()
            .mul_sub_from(qpos[i] - m.springref[i].lanes(), f);
    }
}

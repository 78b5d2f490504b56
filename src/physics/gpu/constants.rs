//! A robot's shape as WGSL constants.

use crate::gpu::constants::Constants;
use crate::physics::planar::topology::Topology;

/// The module `shared::topology` of a robot. `frames`: physics steps an env step.
pub fn topology(t: &Topology, qpos0: &[f64], frames: usize) -> Constants {
    let nv = t.nv();
    let entries = t.row[nv - 1] + t.depth[nv - 1] + 1;
    // Degree of freedom that each entry of a row belongs to: the ancestors, then itself.
    let mut column = vec![0; entries];
    for i in 0..nv {
        let mut at = i;
        for entry in (0..=t.depth[i]).rev() {
            column[t.row[i] + entry] = at;
            at = t.above[at];
        }
    }
    // Bodies' first end spheres; the spheres are sorted by body.
    let first = |b: usize| t.point_body.partition_point(|&body| body < b);
    let mut c = Constants::new("topology");
    c.number("NB", t.nb);
    c.number("NV", nv);
    c.number("NU", t.motor_dof.len());
    c.number("NP", t.point_body.len());
    c.number("NL", t.limited.len());
    c.number("ENTRIES", entries);
    c.number("FRAMES", frames);
    c.number("EVALUATIONS", if t.rk4 { 4 } else { 1 });
    c.numbers("PARENT", t.parent[..t.nb].iter().copied());
    c.numbers("DEPTH", t.depth[..nv].iter().copied());
    c.numbers("ROW", t.row[..nv].iter().copied());
    c.numbers("COLUMN", column.into_iter());
    c.numbers("POINT_BODY", t.point_body.iter().copied());
    c.numbers("POINT_FIRST", (0..=t.nb).map(first));
    c.numbers("MOTOR_DOF", t.motor_dof.iter().copied());
    c.numbers("LIMITED", t.limited.iter().copied());
    c.reals("SIGN", t.sign[..nv].iter().copied());
    c.reals("QPOS", qpos0.iter().copied());
    c.flag("RK4", t.rk4);
    c
}

// Forces that do not come from constraints (DYNAMICS.md 3).
#define_import_path shared::smooth
#import shared::topology::{NB, NV, PARENT}
#import shared::parameters::{parameter, GRAVITY, MASS, DAMPING, STIFFNESS, SPRINGREF}
#import shared::kinematics::project
#import shared::work::{qpos, qvel, qfrc_actuator, qfrc_smooth, rx, rz, hx, hz}
#import shared::work::{cvel_w, cfrc_int_x, cfrc_int_z, cfrc_int_w}

// qfrc_smooth = qfrc_actuator + qfrc_passive - qfrc_bias; needs `qfrc_actuator` and `cvel`.
fn smooth_force() {
    // Anchor accelerations at zero joint acceleration, gravity included.
    var cacc_x: array<f32, NB>;
    var cacc_z: array<f32, NB>;
    cacc_x[0] = 0.0;
    cacc_z[0] = parameter(GRAVITY);
    for (var b = 1u; b < NB; b++) {
        let p = PARENT[b];
        let square = cvel_w[p] * cvel_w[p];
        cacc_x[b] = fma(-square, rx[b], cacc_x[p]);
        cacc_z[b] = fma(-square, rz[b], cacc_z[p]);
    }
    for (var b = 0u; b < NB; b++) {
        let square = cvel_w[b] * cvel_w[b];
        let mass = parameter(MASS + b);
        cfrc_int_x[b] = fma(-square, hx[b], mass * cacc_x[b]);
        cfrc_int_z[b] = fma(-square, hz[b], mass * cacc_z[b]);
        // The terms in the square cancel in the torque.
        cfrc_int_w[b] = fma(-hx[b], cacc_z[b], hz[b] * cacc_x[b]);
    }
    project(&qfrc_smooth);
    for (var i = 0u; i < NV; i++) {
        let qfrc_bias = qfrc_smooth[i];
        // `qfrc_passive`, term by term: damper, then spring.
        let f = fma(-parameter(DAMPING + i), qvel[i], qfrc_actuator[i] - qfrc_bias);
        qfrc_smooth[i] = fma(-parameter(STIFFNESS + i), qpos[i] - parameter(SPRINGREF + i), f);
    }
}

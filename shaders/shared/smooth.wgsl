// Forces that do not come from constraints (physics-spec 3).
#define_import_path shared::smooth
#import shared::topology::{NB, NV, PARENT}
#import shared::parameters::{parameter, GRAVITY, MASS, DAMPING, STIFFNESS, SPRINGREF}
#import shared::kinematics::project
#import shared::work::{q, v, torque, smooth_part, rx, rz, hx, hz}
#import shared::work::{anchor_w, wrench_x, wrench_z, wrench_w}

// `qfrc_smooth` = motors + passive - bias, into `smooth_part`; needs `torque` and the anchors' velocities.
fn smooth_force() {
    // Anchor accelerations at zero joint acceleration, gravity included.
    var ax: array<f32, NB>;
    var az: array<f32, NB>;
    ax[0] = 0.0;
    az[0] = parameter(GRAVITY);
    for (var b = 1u; b < NB; b++) {
        let p = PARENT[b];
        let square = anchor_w[p] * anchor_w[p];
        ax[b] = fma(-square, rx[b], ax[p]);
        az[b] = fma(-square, rz[b], az[p]);
    }
    for (var b = 0u; b < NB; b++) {
        let square = anchor_w[b] * anchor_w[b];
        let mass = parameter(MASS + b);
        wrench_x[b] = fma(-square, hx[b], mass * ax[b]);
        wrench_z[b] = fma(-square, hz[b], mass * az[b]);
        // The terms in the square cancel in the torque.
        wrench_w[b] = fma(-hx[b], az[b], hz[b] * ax[b]);
    }
    project(&smooth_part);
    for (var i = 0u; i < NV; i++) {
        let f = fma(-parameter(DAMPING + i), v[i], torque[i] - smooth_part[i]);
        smooth_part[i] = fma(-parameter(STIFFNESS + i), q[i] - parameter(SPRINGREF + i), f);
    }
}

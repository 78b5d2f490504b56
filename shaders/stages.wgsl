// The result of every stage at the state of each environment, `[fields, n]` in the order in which
// `physics::planar::probe` lists those of the CPU twins.
#import shared::topology::{NB, NV, NU, NP, NL, ENTRIES, LIMITED, PAIRS, LEVERS}
#import shared::parameters::ARMATURE
#import shared::integrate::{ctrl, motors}
#import shared::solver::{prepare, gradient, remember_active, acceleration}
#import shared::inertia::{inertia, factor, solve}
#import shared::state::{dispatch, load, actions, outcome}
#import shared::work::{x, torque, sine, cosine, rx, rz, height, hx, hz, anchor_x, anchor_z, anchor_w}
#import shared::work::{smooth_part, slope, direction, hessian}
#import shared::work::{contact_x, contact_z, contact_weight, reference_t, reference_n}
#import shared::work::{limit_side, limit_weight, limit_reference, pair_weight, pair_reference, pair_jacobian}

var<private> at: u32;

fn put(value: f32) {
    outcome[at] = bitcast<u32>(value);
    at += dispatch.num_envs;
}

@compute @workgroup_size(#{WORKGROUP})
fn stages(@builtin(global_invocation_id) id: vec3<u32>) {
    let env = id.x;
    if (env >= dispatch.num_envs) {
        return;
    }
    at = env;
    load(env);
    for (var n = 0u; n < NU; n++) {
        ctrl[n] = actions[env * NU + n];
    }
    motors();
    for (var i = 0u; i < NV; i++) { put(torque[i]); }
    prepare();
    for (var b = 0u; b < NB; b++) { put(sine[b]); }
    for (var b = 0u; b < NB; b++) { put(cosine[b]); }
    for (var b = 1u; b < NB; b++) { put(rx[b]); }
    for (var b = 1u; b < NB; b++) { put(rz[b]); }
    for (var b = 0u; b < NB; b++) { put(height[b]); }
    for (var b = 0u; b < NB; b++) { put(hx[b]); }
    for (var b = 0u; b < NB; b++) { put(hz[b]); }
    for (var b = 0u; b < NB; b++) { put(anchor_x[b]); }
    for (var b = 0u; b < NB; b++) { put(anchor_z[b]); }
    for (var b = 0u; b < NB; b++) { put(anchor_w[b]); }
    for (var i = 0u; i < NV; i++) { put(smooth_part[i]); }
    // Of rows that are not there, nothing but that they weigh nothing.
    for (var i = 0u; i < NP; i++) { put(contact_weight[i]); }
    for (var i = 0u; i < NP; i++) { put(select(0.0, contact_x[i], contact_weight[i] > 0.0)); }
    for (var i = 0u; i < NP; i++) { put(select(0.0, contact_z[i], contact_weight[i] > 0.0)); }
    for (var i = 0u; i < NP; i++) { put(select(0.0, reference_t[i], contact_weight[i] > 0.0)); }
    for (var i = 0u; i < NP; i++) { put(select(0.0, reference_n[i], contact_weight[i] > 0.0)); }
    for (var n = 0u; n < NL; n++) {
        let i = LIMITED[n];
        put(limit_weight[i]);
    }
    for (var n = 0u; n < NL; n++) {
        let i = LIMITED[n];
        put(select(0.0, limit_side[i], limit_weight[i] > 0.0));
    }
    for (var n = 0u; n < NL; n++) {
        let i = LIMITED[n];
        put(select(0.0, limit_reference[i], limit_weight[i] > 0.0));
    }
    for (var i = 0u; i < PAIRS; i++) { put(pair_weight[i]); }
    for (var i = 0u; i < PAIRS; i++) { put(select(0.0, pair_reference[i], pair_weight[i] > 0.0)); }
    for (var l = 0u; l < LEVERS; l++) { put(pair_jacobian[l]); }
    let changed = gradient();
    for (var i = 0u; i < NV; i++) { put(slope[i]); }
    remember_active();
    inertia(ARMATURE, true);
    for (var i = 0u; i < ENTRIES; i++) { put(hessian[i]); }
    factor();
    for (var i = 0u; i < ENTRIES; i++) { put(hessian[i]); }
    direction = slope;
    let form = solve(&direction);
    for (var i = 0u; i < NV; i++) { put(direction[i]); }
    let converged = acceleration();
    for (var i = 0u; i < NV; i++) { put(x[i]); }
}

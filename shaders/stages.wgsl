// The result of every stage at the state of each environment, `[fields, n]` in the order in which
// `engine::planar::probe` lists those of the CPU twins.
#import shared::topology::{NB, NV, NU, NP, NL, ENTRIES, LIMITED, PAIRS, LEVERS}
#import shared::parameters::ARMATURE
#import shared::integrate::{ctrl, motors}
#import shared::solver::{prepare, gradient, remember_active, acceleration}
#import shared::inertia::{inertia, factor, solve}
#import shared::state::{dispatch, load, actions, outcome}
#import shared::work::{qacc, qfrc_actuator, sine, cosine, rx, rz, height, hx, hz, cvel_x, cvel_z, cvel_w}
#import shared::work::{qfrc_smooth, grad, Mgrad, qLD}
#import shared::work::{contact_x, contact_z, contact_efc_D, contact_efc_aref_t, contact_efc_aref_n, roll_efc_aref}
#import shared::work::{limit_efc_J, limit_efc_D, limit_efc_aref, pair_efc_D, pair_efc_aref, pair_efc_J}

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
    for (var i = 0u; i < NV; i++) { put(qfrc_actuator[i]); }
    prepare();
    for (var b = 0u; b < NB; b++) { put(sine[b]); }
    for (var b = 0u; b < NB; b++) { put(cosine[b]); }
    for (var b = 1u; b < NB; b++) { put(rx[b]); }
    for (var b = 1u; b < NB; b++) { put(rz[b]); }
    for (var b = 0u; b < NB; b++) { put(height[b]); }
    for (var b = 0u; b < NB; b++) { put(hx[b]); }
    for (var b = 0u; b < NB; b++) { put(hz[b]); }
    for (var b = 0u; b < NB; b++) { put(cvel_x[b]); }
    for (var b = 0u; b < NB; b++) { put(cvel_z[b]); }
    for (var b = 0u; b < NB; b++) { put(cvel_w[b]); }
    for (var i = 0u; i < NV; i++) { put(qfrc_smooth[i]); }
    // Of rows that are not there, nothing but that they weigh nothing.
    for (var i = 0u; i < NP; i++) { put(contact_efc_D[i]); }
    for (var i = 0u; i < NP; i++) { put(select(0.0, contact_x[i], contact_efc_D[i] > 0.0)); }
    for (var i = 0u; i < NP; i++) { put(select(0.0, contact_z[i], contact_efc_D[i] > 0.0)); }
    for (var i = 0u; i < NP; i++) { put(select(0.0, contact_efc_aref_t[i], contact_efc_D[i] > 0.0)); }
    for (var i = 0u; i < NP; i++) { put(select(0.0, contact_efc_aref_n[i], contact_efc_D[i] > 0.0)); }
    for (var i = 0u; i < NP; i++) { put(select(0.0, roll_efc_aref[i], contact_efc_D[i] > 0.0)); }
    for (var n = 0u; n < NL; n++) {
        let i = LIMITED[n];
        put(limit_efc_D[i]);
    }
    for (var n = 0u; n < NL; n++) {
        let i = LIMITED[n];
        put(select(0.0, limit_efc_J[i], limit_efc_D[i] > 0.0));
    }
    for (var n = 0u; n < NL; n++) {
        let i = LIMITED[n];
        put(select(0.0, limit_efc_aref[i], limit_efc_D[i] > 0.0));
    }
    for (var i = 0u; i < PAIRS; i++) { put(pair_efc_D[i]); }
    for (var i = 0u; i < PAIRS; i++) { put(select(0.0, pair_efc_aref[i], pair_efc_D[i] > 0.0)); }
    for (var l = 0u; l < LEVERS; l++) { put(pair_efc_J[l]); }
    let changed = gradient();
    for (var i = 0u; i < NV; i++) { put(grad[i]); }
    remember_active();
    inertia(ARMATURE, true);
    for (var i = 0u; i < ENTRIES; i++) { put(qLD[i]); }
    factor();
    for (var i = 0u; i < ENTRIES; i++) { put(qLD[i]); }
    Mgrad = grad;
    let form = solve(&Mgrad);
    for (var i = 0u; i < NV; i++) { put(Mgrad[i]); }
    let converged = acceleration();
    for (var i = 0u; i < NV; i++) { put(qacc[i]); }
}

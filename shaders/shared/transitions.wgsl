// Transitions of a resident rollout: rows `[obs, action, next_obs, reward, terminated]`,
// `[members, slots, per_member, ROW]`, and how each step ended, `[members, slots, per_member]`.
#define_import_path shared::transitions
#import shared::topology::NU
#import shared::task::OBS
#import shared::state::{dispatch, actions, outcome}

const ROW = 2u * OBS + NU + 2u;

@group(0) @binding(6) var<storage, read_write> transitions: array<u32>;
@group(0) @binding(7) var<storage, read_write> endings: array<u32>;

// Which row the present step of `env` is.
fn row_of(env: u32) -> u32 {
    let member = env / dispatch.per_member;
    return (member * dispatch.slots + dispatch.slot) * dispatch.per_member + env % dispatch.per_member;
}

// What `env` saw and did.
fn record_action(env: u32) {
    let at = row_of(env) * ROW;
    for (var i = 0u; i < OBS; i++) {
        transitions[at + i] = outcome[env * OBS + i];
    }
    for (var i = 0u; i < NU; i++) {
        transitions[at + OBS + i] = bitcast<u32>(actions[env * NU + i]);
    }
}

// What came of it.
fn record_outcome(env: u32) {
    let n = dispatch.num_envs;
    let at = row_of(env) * ROW + OBS + NU;
    let ending = outcome[2u * n * OBS + n + env];
    for (var i = 0u; i < OBS; i++) {
        transitions[at + i] = outcome[(n + env) * OBS + i];
    }
    transitions[at + OBS] = outcome[2u * n * OBS + env];
    transitions[at + OBS + 1u] = bitcast<u32>(f32(ending & 1u));
    endings[row_of(env)] = ending;
}

// `frames` physics steps of every environment, nothing else: the twin of `EnvStep` on the CPU.
#import shared::topology::{NU, EVALUATIONS}
#import shared::integrate::{advance, ctrl, dx, converged}
#import shared::state::{dispatch, load, store, actions, outcome}
#ifdef TRACE_ROWS
#import shared::trace::trace_at
#endif

@compute @workgroup_size(#{WORKGROUP})
fn physics_step(@builtin(global_invocation_id) id: vec3<u32>) {
    let env = id.x;
    if (env >= dispatch.num_envs) {
        return;
    }
    load(env);
    for (var n = 0u; n < NU; n++) {
        ctrl[n] = actions[env * NU + n];
    }
#ifdef TRACE_ROWS
    trace_at = env * dispatch.frames * EVALUATIONS * 4u;
#endif
    advance(dispatch.frames);
    outcome[env] = bitcast<u32>(dx);
    outcome[dispatch.num_envs + env] = select(1u, 0u, converged);
    store(env);
}

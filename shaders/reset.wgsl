// Starts a new episode in every environment that is asked to.
#import shared::task::OBS
#import shared::state::{dispatch, load, store, episode, outcome, STEPS, OVER, ASKED, ROW_FROM}
#import shared::parameters::row
#import shared::rules::{show, restart}

@compute @workgroup_size(#{WORKGROUP})
fn reset(@builtin(global_invocation_id) id: vec3<u32>) {
    let env = id.x;
    let n = dispatch.num_envs;
    if (env >= n || episode[ASKED * n + env] == 0u) {
        return;
    }
    load(env);
    restart(env);
    show(env, env * OBS, true);
    outcome[2u * n * OBS + n + env] = row << ROW_FROM;
    episode[STEPS * n + env] = 0u;
    episode[OVER * n + env] = 0u;
    store(env);
}

// One env step of every environment: channel, physics, reward, autoreset, observation.
#import shared::topology::{NV, NU, FRAMES}
#import shared::task::{OBS, MAX_EPISODE_STEPS}
#import shared::work::{qpos, qvel, qacc}
#import shared::integrate::advance
#import shared::state::{dispatch, load, store, episode, outcome, STEPS, TERMINATED, TRUNCATED, STATUS_FROM, ROW_FROM}
#import shared::parameters::row
#import shared::channel::act
#import shared::rules::{show, status, is_healthy, reward, restart, BROKEN}
#ifdef TRANSITIONS
#import shared::transitions::record_outcome
#endif

@compute @workgroup_size(#{WORKGROUP})
fn env_step(@builtin(global_invocation_id) id: vec3<u32>) {
    let env = id.x;
    let n = dispatch.num_envs;
    if (env >= n) {
        return;
    }
    load(env);
    let cost = act(env);
    advance(FRAMES);

    let bits = status();
    let broken = (bits & BROKEN) != 0u;
    let healthy = is_healthy();
    let steps = episode[STEPS * n + env] + 1u;
    let terminated = !broken && !healthy;
    let truncated = (steps >= MAX_EPISODE_STEPS || broken) && !terminated;
    let over = terminated || truncated;
    let earned = select(reward(healthy, cost), 0.0, broken);
    let next_at = (n + env) * OBS;
    show(env, next_at, false);
    if (over) {
        restart(env);
    }
    show(env, env * OBS, over);
    if (broken) {
        show(env, next_at, true);
    }
    let ending = select(0u, TERMINATED, terminated) | select(0u, TRUNCATED, truncated) | (bits << STATUS_FROM) | (row << ROW_FROM);
    outcome[2u * n * OBS + env] = bitcast<u32>(earned);
    outcome[2u * n * OBS + n + env] = ending;
    episode[STEPS * n + env] = select(steps, 0u, over);
    store(env);
#ifdef TRANSITIONS
    record_outcome(env);
#endif
}

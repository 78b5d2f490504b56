// One env step of every environment: channel, physics, reward, autoreset, observation.
#import shared::topology::{NV, NU, FRAMES}
#import shared::task::{OBS, MAX_EPISODE_STEPS}
#import shared::work::{qpos, qvel, qacc}
#import shared::integrate::advance
#import shared::state::{dispatch, load, store, episode, outcome, STEPS, OVER, SAME_STEP, NEXT_STEP}
#import shared::state::{TERMINATED, TRUNCATED, STATUS_FROM, ROW_FROM}
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
    // Whether this step is the reset of an episode that ended in the one before.
    let due = dispatch.autoreset == NEXT_STEP && episode[OVER * n + env] != 0u;
    var cost = 0.0;
    if (!due) {
        cost = act(env);
        advance(FRAMES);
    }

    let bits = select(status(), 0u, due);
    let broken = (bits & BROKEN) != 0u;
    let healthy = is_healthy();
    let steps = episode[STEPS * n + env] + 1u;
    let terminated = !broken && !healthy && !due;
    let truncated = (steps >= MAX_EPISODE_STEPS || broken) && !terminated && !due;
    let over = terminated || truncated;
    let waits = over && dispatch.autoreset != SAME_STEP;
    // A broken state is never shown: its robot starts anew at once, whenever the next episode may count from.
    let anew = broken || due || (over && !waits);
    let earned = select(reward(healthy, cost), 0.0, broken || due);
    let next_at = (n + env) * OBS;
    show(env, next_at, false);
    if (anew) {
        restart(env);
    }
    show(env, env * OBS, anew);
    if (broken || due) {
        show(env, next_at, true);
    }
    let ending = select(0u, TERMINATED, terminated) | select(0u, TRUNCATED, truncated) | (bits << STATUS_FROM) | (row << ROW_FROM);
    outcome[2u * n * OBS + env] = bitcast<u32>(earned);
    outcome[2u * n * OBS + n + env] = ending;
    episode[STEPS * n + env] = select(steps, 0u, anew);
    episode[OVER * n + env] = select(0u, 1u, waits);
    store(env);
#ifdef TRANSITIONS
    record_outcome(env);
#endif
}

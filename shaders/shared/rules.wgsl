// Observation, reward, termination, reset: as `rules.rs`, specialised to the task.
#define_import_path shared::rules
#import shared::topology::{NV, NU, SIGN}
#import shared::task::{OBS, QVEL_CLIP, FORWARD_RATE, HEALTHY_REWARD}
#import shared::task::{STATE_FROM, STATE_LOW, STATE_HIGH, HEALTHY, HEALTHY_QPOS, HEALTHY_LOW, HEALTHY_HIGH, QPOS_SCALE, QPOS_SHIFT, QVEL_SCALE, QVEL_SHIFT}
#import shared::task::{SEEN_QPOS, SEEN_QPOS_AT, SEEN_QPOS_OF, SEEN_QVEL, SEEN_QVEL_AT, SEEN_QVEL_OF}
#ifdef STATE_COSTS
#import shared::task::{QPOS_COSTS, QPOS_COST_OF, QPOS_COST, QPOS_TARGET, QVEL_COSTS, QVEL_COST_OF, QVEL_COST, QVEL_TARGET}
#endif
#import shared::task::{STREAM_RESET, STREAM_GAP, LARGEST}
#import shared::parameters::{parameter, row, QPOS}
#import shared::philox::{philox, units, normals, high}
#import shared::work::{qpos, qvel, qacc}
#import shared::channel::{forget, sense}
#import shared::integrate::{dx, converged}
#import shared::state::{dispatch, episode, outcome, tick_of, KEY_LOW, KEY_HIGH, KEY_ENV, POOL_FROM, POOL_LEN}

const BROKEN = 1u;
const UNCONVERGED = 2u;

// Writes the observation of (qpos, qvel) at `to` of `outcome`.
fn observe(to: u32) {
    for (var k = 0u; k < SEEN_QPOS; k++) {
        let i = SEEN_QPOS_OF[k];
        outcome[to + SEEN_QPOS_AT[k]] = bitcast<u32>(SIGN[i] * qpos[i]);
    }
    for (var k = 0u; k < SEEN_QVEL; k++) {
        let i = SEEN_QVEL_OF[k];
        outcome[to + SEEN_QVEL_AT[k]] = bitcast<u32>(clamp(SIGN[i] * qvel[i], -QVEL_CLIP, QVEL_CLIP));
    }
}

// What the sensors show at `to` of `outcome`, with a draw of its own for the `first` of an episode.
fn show(env: u32, to: u32, first: bool) {
    observe(to);
    sense(env, to, first);
}

// NaN, infinite or beyond 1e10. By its bits: shaders may take it that there is no NaN.
fn unsound(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > LARGEST;
}

// Bits of `env::status`.
fn status() -> u32 {
    var broken = false;
    for (var i = 0u; i < NV; i++) {
        broken = broken || unsound(qpos[i]) || unsound(qvel[i]);
    }
    return select(0u, BROKEN, broken) | select(UNCONVERGED, 0u, converged);
}

fn is_healthy() -> bool {
    var healthy = true;
    for (var n = 0u; n < HEALTHY; n++) {
        let i = HEALTHY_QPOS[n];
        let at = SIGN[i] * qpos[i];
        healthy = healthy && HEALTHY_LOW[n] < at && at < HEALTHY_HIGH[n];
    }
#ifdef HEALTHY_STATE
    for (var i = 0u; i < NV; i++) {
        let at = SIGN[i] * qpos[i];
        let rate = SIGN[i] * qvel[i];
        healthy = healthy && (i < STATE_FROM || (STATE_LOW < at && at < STATE_HIGH));
        healthy = healthy && STATE_LOW < rate && rate < STATE_HIGH;
    }
#endif
    return healthy;
}

#ifdef STATE_COSTS
// What the state costs at the end of an env step.
fn state_cost() -> f32 {
    var cost = 0.0;
    for (var k = 0u; k < QPOS_COSTS; k++) {
        let i = QPOS_COST_OF[k];
        let off = SIGN[i] * qpos[i] - QPOS_TARGET[k];
        cost = fma(QPOS_COST[k] * off, off, cost);
    }
    for (var k = 0u; k < QVEL_COSTS; k++) {
        let i = QVEL_COST_OF[k];
        let off = SIGN[i] * qvel[i] - QVEL_TARGET[k];
        cost = fma(QVEL_COST[k] * off, off, cost);
    }
    return cost;
}
#endif

// Reward of an env step that cost `cost` and ended at qpos.
fn reward(healthy: bool, cost: f32) -> f32 {
#ifdef HEALTHY_ON_FALL
    let alive = HEALTHY_REWARD;
#else
    let alive = select(0.0, HEALTHY_REWARD, healthy);
#endif
#ifdef STATE_COSTS
    return fma(FORWARD_RATE, dx, alive - cost - state_cost());
#else
    return fma(FORWARD_RATE, dx, alive - cost);
#endif
}

// Draws a new initial state, and where asked for a new parameter row.
fn restart(env: u32) {
    forget(env);
    let n = dispatch.num_envs;
    let seed = vec2(episode[KEY_LOW * n + env], episode[KEY_HIGH * n + env]);
    let key = episode[KEY_ENV * n + env];
    let tick = tick_of(env);
#ifdef REDRAWN
    // The word as a fraction of 2^32, times the number of rows.
    let word = philox(seed, vec4(key, tick, STREAM_GAP, 0u)).x;
    row = episode[POOL_FROM * n + env] + high(word, episode[POOL_LEN * n + env]);
#endif
    for (var block = 0u; block < (NV + 3u) / 4u; block++) {
        let words = philox(seed, vec4(key, tick, STREAM_RESET, block));
        // Velocities begin at a Philox block of their own, so that the two never share a word.
        let second = philox(seed, vec4(key, tick, STREAM_RESET, (NV + 3u) / 4u + block));
#ifdef NORMAL_QPOS
        let positions = normals(words);
#else
        let positions = units(words);
#endif
#ifdef NORMAL_QVEL
        let velocities = normals(second);
#else
        let velocities = units(second);
#endif
        for (var i = 4u * block; i < min(4u * block + 4u, NV); i++) {
            let noise = fma(QPOS_SCALE, positions[i - 4u * block], QPOS_SHIFT);
            qpos[i] = SIGN[i] * (noise + parameter(QPOS + i));
            qvel[i] = SIGN[i] * fma(QVEL_SCALE, velocities[i - 4u * block], QVEL_SHIFT);
            qacc[i] = 0.0;
        }
    }
}

// Observation, reward, termination, reset: as `rules.rs`, specialised to the task.
#define_import_path shared::rules
#import shared::topology::{NV, NU, SIGN}
#import shared::task::{OBS, QVEL_CLIP, FORWARD_RATE, CONTROL_COST, HEALTHY_REWARD, ACTION_MIDDLE, ACTION_HALF}
#import shared::task::{STATE_FROM, STATE_LOW, STATE_HIGH, HEALTHY, HEALTHY_QPOS, HEALTHY_LOW, HEALTHY_HIGH, QPOS_SCALE, QPOS_SHIFT, QVEL_SCALE, QVEL_SHIFT}
#import shared::task::{SEEN_QPOS, SEEN_QPOS_AT, SEEN_QPOS_OF, SEEN_QVEL, SEEN_QVEL_AT, SEEN_QVEL_OF}
#ifdef STATE_COSTS
#import shared::task::{QPOS_COSTS, QPOS_COST_OF, QPOS_COST, QPOS_TARGET, QVEL_COSTS, QVEL_COST_OF, QVEL_COST, QVEL_TARGET}
#endif
#import shared::task::{STREAM_RESET, STREAM_NOISE, STREAM_GAP, STREAM_SENSOR, LARGEST}
#import shared::parameters::{parameter, row, NOISE, DELAY, DEAD_ZONE, MOST_LATE, SENSOR_NOISE, SENSOR_BIAS, QPOS, CTRL_LOWER, CTRL_UPPER}
#import shared::philox::{philox, units, normals, high}
#import shared::work::{qpos, qvel, qacc}
#import shared::integrate::{ctrl, dx, converged}
#import shared::state::{dispatch, state, episode, actions, outcome, KEY_LOW, KEY_HIGH, KEY_ENV, POOL_FROM, POOL_LEN}

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
#ifdef SENSORS_BIASED
    for (var i = 0u; i < OBS; i++) {
        let seen = bitcast<f32>(outcome[to + i]);
        let biased = seen + parameter(SENSOR_BIAS + i);
        // A sensor without an error keeps its bits.
        outcome[to + i] = bitcast<u32>(select(seen, biased, parameter(SENSOR_BIAS + i) != 0.0));
    }
#endif
#ifdef SENSORS_NOISY
    let n = dispatch.num_envs;
    let seed = vec2(episode[KEY_LOW * n + env], episode[KEY_HIGH * n + env]);
    let key = episode[KEY_ENV * n + env];
    // First observations begin at a Philox block of their own, so that the two never share a word.
    let skipped = select(0u, (OBS + 3u) / 4u, first);
    for (var block = 0u; block < (OBS + 3u) / 4u; block++) {
        let draws = normals(philox(seed, vec4(key, dispatch.tick, STREAM_SENSOR, skipped + block)));
        for (var i = 4u * block; i < min(4u * block + 4u, OBS); i++) {
            let seen = bitcast<f32>(outcome[to + i]);
            let noisy = fma(parameter(SENSOR_NOISE + i), draws[i - 4u * block], seen);
            outcome[to + i] = bitcast<u32>(select(seen, noisy, parameter(SENSOR_NOISE + i) != 0.0));
        }
    }
#endif
}

// Puts the controls of `delay` steps ago in the place of this step's.
#ifdef LATE
fn wait(env: u32) {
    let n = dispatch.num_envs;
    let delay = u32(parameter(DELAY));
    for (var i = 0u; i < NU; i++) {
        var newer = ctrl[i];
        for (var age = 0u; age < MOST_LATE; age++) {
            let at = (3u * NV + age * NU + i) * n + env;
            let older = state[at];
            state[at] = newer;
            newer = older;
            ctrl[i] = select(ctrl[i], older, age + 1u == delay);
        }
    }
}
#endif

// The controls that reach the robot through its gap's channel; returns the cost of those that were asked for,
// with noise, clipped to the motors' ranges.
fn act(env: u32) -> f32 {
    for (var n = 0u; n < NU; n++) {
#ifdef SCALED
        ctrl[n] = fma(ACTION_HALF[n], actions[env * NU + n], ACTION_MIDDLE[n]);
#else
        ctrl[n] = actions[env * NU + n];
#endif
    }
#ifdef NOISY
    let n = dispatch.num_envs;
    let seed = vec2(episode[KEY_LOW * n + env], episode[KEY_HIGH * n + env]);
    let key = episode[KEY_ENV * n + env];
    for (var block = 0u; block < (NU + 3u) / 4u; block++) {
        let draws = normals(philox(seed, vec4(key, dispatch.tick, STREAM_NOISE, block)));
        for (var i = 4u * block; i < min(4u * block + 4u, NU); i++) {
            let asked = fma(parameter(NOISE), draws[i - 4u * block], ctrl[i]);
            let held = min(max(asked, parameter(CTRL_LOWER + i)), parameter(CTRL_UPPER + i));
            // A row without noise keeps what was asked for.
            ctrl[i] = select(ctrl[i], held, parameter(NOISE) != 0.0);
        }
    }
#endif
    var cost = 0.0;
    for (var n = 0u; n < NU; n++) {
        cost = fma(ctrl[n], ctrl[n], cost);
    }
#ifdef LATE
    wait(env);
#endif
#ifdef DEAD
    for (var n = 0u; n < NU; n++) {
        let lower = parameter(CTRL_LOWER + n);
        let upper = parameter(CTRL_UPPER + n);
        let middle = 0.5 * lower + 0.5 * upper;
        let asked = min(max(ctrl[n], lower), upper) - middle;
        let left = max(abs(asked) - parameter(DEAD_ZONE) * (0.5 * upper - 0.5 * lower), 0.0);
        ctrl[n] = select(ctrl[n], fma(sign(asked), left, middle), parameter(DEAD_ZONE) != 0.0);
    }
#endif
    return CONTROL_COST * cost;
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
    let n = dispatch.num_envs;
#ifdef LATE
    for (var age = 0u; age < MOST_LATE; age++) {
        for (var i = 0u; i < NU; i++) {
            state[(3u * NV + age * NU + i) * n + env] = ACTION_MIDDLE[i];
        }
    }
#endif
    let seed = vec2(episode[KEY_LOW * n + env], episode[KEY_HIGH * n + env]);
    let key = episode[KEY_ENV * n + env];
#ifdef REDRAWN
    // The word as a fraction of 2^32, times the number of rows.
    let word = philox(seed, vec4(key, dispatch.tick, STREAM_GAP, 0u)).x;
    row = episode[POOL_FROM * n + env] + high(word, episode[POOL_LEN * n + env]);
#endif
    for (var block = 0u; block < (NV + 3u) / 4u; block++) {
        let words = philox(seed, vec4(key, dispatch.tick, STREAM_RESET, block));
        // Velocities begin at a Philox block of their own, so that the two never share a word.
        let second = philox(seed, vec4(key, dispatch.tick, STREAM_RESET, (NV + 3u) / 4u + block));
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

// The way of a control to its motor and of a state to the observation: as `channel.rs`.
#define_import_path shared::channel
#import shared::topology::{NV, NU}
#import shared::task::{OBS, CONTROL_COST, ACTION_MIDDLE, ACTION_HALF, STREAM_NOISE, STREAM_SENSOR}
#import shared::parameters::{parameter, NOISE, DELAY, DEAD_ZONE, MOST_LATE, SENSOR_NOISE, SENSOR_BIAS, CTRL_LOWER, CTRL_UPPER}
#import shared::philox::{philox, normals}
#import shared::integrate::ctrl
#import shared::state::{dispatch, state, episode, actions, outcome, tick_of, KEY_LOW, KEY_HIGH, KEY_ENV}

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
    let tick = tick_of(env);
    for (var block = 0u; block < (NU + 3u) / 4u; block++) {
        let draws = normals(philox(seed, vec4(key, tick, STREAM_NOISE, block)));
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

// Before the first control of an episode there is that of action 0.
fn forget(env: u32) {
#ifdef LATE
    for (var age = 0u; age < MOST_LATE; age++) {
        for (var i = 0u; i < NU; i++) {
            state[(3u * NV + age * NU + i) * dispatch.num_envs + env] = ACTION_MIDDLE[i];
        }
    }
#endif
}

// What the sensors make of the observation at `to` of `outcome`, with a draw of its own for the `first` of an episode.
fn sense(env: u32, to: u32, first: bool) {
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
    let tick = tick_of(env);
    // First observations begin at a Philox block of their own, so that the two never share a word.
    let skipped = select(0u, (OBS + 3u) / 4u, first);
    for (var block = 0u; block < (OBS + 3u) / 4u; block++) {
        let draws = normals(philox(seed, vec4(key, tick, STREAM_SENSOR, skipped + block)));
        for (var i = 4u * block; i < min(4u * block + 4u, OBS); i++) {
            let seen = bitcast<f32>(outcome[to + i]);
            let noisy = fma(parameter(SENSOR_NOISE + i), draws[i - 4u * block], seen);
            outcome[to + i] = bitcast<u32>(select(seen, noisy, parameter(SENSOR_NOISE + i) != 0.0));
        }
    }
#endif
}

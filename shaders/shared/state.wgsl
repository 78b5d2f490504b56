// The buffers of a vector of environments. A field of all environments lies together
// (`field * num_envs + env`), so that neighbouring invocations read neighbouring words; what goes up
// and down lies environment by environment, as the host has it.
#define_import_path shared::state
#import shared::topology::NV
#import shared::work::{qpos, qvel, qacc}
#import shared::parameters::row

// What changes from dispatch to dispatch; `Dispatch` in Rust.
struct Dispatch {
    // Environments of this chunk.
    num_envs: u32,
    // Step part of every draw's counter.
    tick: u32,
    // Physics steps (`physics_step` alone; an env step's are constant).
    frames: u32,
    // Step part of the policy's draws.
    policy_step: u32,
    // Resident rollouts: which step of how many this is.
    slot: u32,
    slots: u32,
    // First member of the chunk, and environments a member in it.
    first_member: u32,
    per_member: u32,
    // When a new episode follows one that has ended: SAME_STEP and its kin.
    autoreset: u32,
    // What the policy's draws are keyed by: OWN and its kin; and the seed of SEEDED.
    samples: u32,
    seed_low: u32,
    seed_high: u32,
}

// `[qpos, qvel, qacc][NV, n]`, then the controls on their way to the motors, newest first, `[MOST_LATE, NU, n]`.
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
// `[seed low, seed high, key, row, steps, pool from, pool length, since, over, asked][n]`: what the draws are keyed by,
// the parameter row, the env steps of the running episode, the rows that a reset may draw, the tick that draws count
// from, whether the episode has ended and the next one has not begun, and whether the kernel `reset` is to begin one.
@group(0) @binding(2) var<storage, read_write> episode: array<u32>;
// `[n, NU]`.
@group(0) @binding(3) var<storage, read_write> actions: array<f32>;
// `[obs [n, OBS], next_obs [n, OBS], reward [n], ending [n]]`, floats as their bits.
@group(0) @binding(4) var<storage, read_write> outcome: array<u32>;
@group(0) @binding(5) var<uniform> dispatch: Dispatch;

const KEY_LOW = 0u;
const KEY_HIGH = 1u;
const KEY_ENV = 2u;
const ROW_OF = 3u;
const STEPS = 4u;
const POOL_FROM = 5u;
const POOL_LEN = 6u;
const SINCE = 7u;
const OVER = 8u;
const ASKED = 9u;

// Values of `dispatch.autoreset`.
const SAME_STEP = 0u;
const NEXT_STEP = 1u;
const DISABLED = 2u;

// Values of `dispatch.samples`: draws keyed as the environment's own, or by a seed of the policy's; or no draws.
const OWN = 0u;
const SEEDED = 1u;
const MEANS = 2u;

// Bits of an ending; the parameter row from then on lies above them.
const TERMINATED = 1u;
const TRUNCATED = 2u;
const STATUS_FROM = 2u;
const ROW_FROM = 8u;

// The step part of the counter of every draw of `env`.
fn tick_of(env: u32) -> u32 {
    return dispatch.tick - episode[SINCE * dispatch.num_envs + env];
}

fn load(env: u32) {
    let n = dispatch.num_envs;
    for (var i = 0u; i < NV; i++) {
        qpos[i] = state[i * n + env];
        qvel[i] = state[(NV + i) * n + env];
        qacc[i] = state[(2u * NV + i) * n + env];
    }
    row = episode[ROW_OF * n + env];
}

fn store(env: u32) {
    let n = dispatch.num_envs;
    for (var i = 0u; i < NV; i++) {
        state[i * n + env] = qpos[i];
        state[(NV + i) * n + env] = qvel[i];
        state[(2u * NV + i) * n + env] = qacc[i];
    }
    episode[ROW_OF * n + env] = row;
}

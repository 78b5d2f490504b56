// Actions of every environment: each member's ReLU network and its head. A workgroup takes
// a tile of one member's environments; an invocation computes one output of a layer for all of them.
#import shared::topology::NU
#import shared::task::{OBS, STREAM_POLICY}
#import shared::network::{TILE, QUADS, WIDTH, LAYERS, INPUTS, OUTPUTS, WEIGHT, BIAS, MEMBER}
#import shared::philox::{philox, normals}
#import shared::head::sample
#import shared::state::{dispatch, episode, actions, outcome, KEY_LOW, KEY_HIGH, KEY_ENV, SEEDED, MEANS}
#import shared::transitions::record_action

const THREADS = 256u;

// `[member, layer, [inputs, outputs] then [outputs]]`.
@group(0) @binding(8) var<storage, read> weights: array<f32>;

// Activations before and after a layer: `[2, WIDTH, TILE]`, four environments a vector.
var<workgroup> tile: array<vec4<f32>, 2u * WIDTH * QUADS>;

@compute @workgroup_size(256)
fn policy(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let tiles = (dispatch.per_member + TILE - 1u) / TILE;
    let member = group.x / tiles;
    let first = (group.x % tiles) * TILE;
    let len = min(TILE, dispatch.per_member - first);
    let base = member * dispatch.per_member + first;

    var k = thread;
    while (k < OBS * QUADS) {
        let i = k / QUADS;
        let e = 4u * (k % QUADS);
        var four = vec4(0.0);
        for (var lane = 0u; lane < 4u; lane++) {
            if (e + lane < len) {
                four[lane] = bitcast<f32>(outcome[(base + e + lane) * OBS + i]);
            }
        }
        tile[k] = four;
        k += THREADS;
    }
    workgroupBarrier();

    for (var layer = 0u; layer < LAYERS; layer++) {
        let before = (layer % 2u) * WIDTH * QUADS;
        let after = WIDTH * QUADS - before;
        let at = dispatch.first_member * MEMBER + member * MEMBER;
        var j = thread;
        while (j < OUTPUTS[layer]) {
            var sum: array<vec4<f32>, QUADS>;
            for (var quad = 0u; quad < QUADS; quad++) {
                sum[quad] = vec4(weights[at + BIAS[layer] + j]);
            }
            var i = 0u;
            while (i < INPUTS[layer]) {
                let w = weights[at + WEIGHT[layer] + i * OUTPUTS[layer] + j];
                for (var quad = 0u; quad < QUADS; quad++) {
                    sum[quad] = fma(vec4(w), tile[before + i * QUADS + quad], sum[quad]);
                }
                i++;
            }
            for (var quad = 0u; quad < QUADS; quad++) {
                tile[after + j * QUADS + quad] = select(sum[quad], max(sum[quad], vec4(0.0)), layer + 1u < LAYERS);
            }
            j += THREADS;
        }
        workgroupBarrier();
    }

    if (thread < len) {
        let env = base + thread;
        let n = dispatch.num_envs;
        let own = vec2(episode[KEY_LOW * n + env], episode[KEY_HIGH * n + env]);
        let seed = select(own, vec2(dispatch.seed_low, dispatch.seed_high), dispatch.samples == SEEDED);
        let raw = (LAYERS % 2u) * WIDTH * QUADS + thread / 4u;
        let lane = thread % 4u;
        for (var block = 0u; block < (NU + 3u) / 4u; block++) {
            let words = philox(seed, vec4(episode[KEY_ENV * n + env], dispatch.policy_step, STREAM_POLICY, block));
            let draws = select(normals(words), vec4(0.0), dispatch.samples == MEANS);
            for (var a = 4u * block; a < min(4u * block + 4u, NU); a++) {
                let mean = tile[raw + a * QUADS][lane];
                let log_std = tile[raw + (NU + a) * QUADS][lane];
                actions[env * NU + a] = sample(mean, log_std, draws[a - 4u * block]);
            }
        }
        record_action(env);
    }
}

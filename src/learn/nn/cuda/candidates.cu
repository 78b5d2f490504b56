// A warp a state and action; a state's actions: the data's, uniform ones, the policy's at s and at s'.
extern "C" __global__ void candidates(float* actions, float* density, const float* raw, const float* parameters,
                                      const float* uniforms, const float* normals, const float* batch,
                                      const CandidatesArgs* args) {
    unsigned member = blockIdx.y, lane = threadIdx.x % 32, each = args->each, a_dim = args->act_dim;
    unsigned count = 1 + 3 * each, n = global_thread() / 32 / count, k = global_thread() / 32 % count;
    if (n >= args->states) return;
    size_t state = (size_t)member * args->states + n;
    float* action = actions + (state * count + k) * a_dim;
    float log_p = 0;
    if (k <= each) {
        const float* from = k == 0 ? batch + state * args->row[0] + args->row[1]
                                   : uniforms + (state * each + k - 1) * a_dim;
        for (unsigned j = lane; j < a_dim; j += 32) action[j] = from[j];
        log_p = a_dim * -LN_2;
    } else {
        unsigned half = (k - 1) / each - 1, draw = (k - 1) % each;
        const float* affine = parameters + (size_t)member * args->param_stride + args->affine;
        const float* mean = raw + (size_t)member * args->raw_stride + args->raw[half] + 2 * a_dim * n;
        const float* eps = normals + (((2 * (size_t)member + half) * args->states + n) * each + draw) * a_dim;
        log_p = sample_action(action, mean, affine, eps, a_dim, lane);
    }
    if (k > 0 && lane == 0) density[state * (count - 1) + k - 1] = log_p;
}

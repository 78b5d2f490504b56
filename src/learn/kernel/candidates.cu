// A warp a state and action; a state's actions: the data's, uniform ones, the policy's at s and at s'.
__device__ inline void candidates_body(const Candidates& k) {
    unsigned lane = threadIdx.x % 32, draws = k.args.draws, a_dim = k.args.row.act_dim, states = k.args.states;
    unsigned count = 1 + 3 * draws, n = global_thread() / 32 / count, i = global_thread() / 32 % count;
    if (n >= states) return;
    float* action = k.actions + ((size_t)n * count + i) * a_dim;
    float log_p = 0;
    if (i <= draws) {
        const float* from = i == 0 ? k.batch + (size_t)n * k.args.row.len + k.args.row.action()
                                   : k.uniforms + ((size_t)n * draws + i - 1) * a_dim;
        for (unsigned j = lane; j < a_dim; j += 32) action[j] = from[j];
        log_p = a_dim * -LN_2;
    } else {
        unsigned half = (i - 1) / draws - 1, draw = (i - 1) % draws;
        const float* mean = k.acts + k.args.raw[half] + 2 * a_dim * n;
        const float* eps = k.normals + (((size_t)half * states + n) * draws + draw) * a_dim;
        log_p = sample_action(action, mean, k.theta + k.args.affine, eps, a_dim, lane);
    }
    if (i > 0 && lane == 0) k.density[(size_t)n * (count - 1) + i - 1] = log_p;
}

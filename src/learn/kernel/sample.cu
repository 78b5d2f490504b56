// A warp a row.
__device__ inline void sample_body(const Sample& k) {
    unsigned n = global_thread() / 32, lane = threadIdx.x % 32;
    if (n >= k.args.rows) return;
    unsigned a_dim = k.args.row.act_dim, s_dim = k.args.row.obs_dim, row = n % k.args.batch, part = n / k.args.batch;
    const float* state = k.batch_rows + (size_t)row * k.args.row.len + (part == 0 ? 0 : k.args.row.next_obs());
    const float* mean = k.acts + k.args.raw[part] + 2 * a_dim * row;
    float* to = k.fresh + (size_t)n * (s_dim + a_dim);
    for (unsigned i = lane; i < s_dim; i += 32) to[i] = state[i];
    float log_p = sample_action(to + s_dim, mean, k.theta + k.args.affine, k.noise + a_dim * n, a_dim, lane);
    if (lane == 0) k.log_pi[n] = log_p;
}

// One block a member.
__device__ inline void td3bc_loss_body(const Td3BcLoss& k) {
    unsigned rows = k.args.rows, a_dim = k.args.row.act_dim;
    const float* q = k.acts + k.args.q;
    float size = 0, value = 0, square = 0;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        size += fabsf(q[n]);
        value += q[n];
        const float* a = k.batch + (size_t)n * k.args.row.len + k.args.row.action();
        for (unsigned j = 0; j < a_dim; ++j) {
            float off = tanhf(k.acts[k.args.raw + a_dim * n + j]) - a[j];
            square += off * off;
        }
    }
    size = block_sum(size) / rows;
    value = block_sum(value) / rows;
    float cloning = block_sum(square) / rows / a_dim, lambda = k.each.bc_alpha / size;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) k.act_grads[k.args.q + n] = -lambda / rows;
    if (threadIdx.x == 0) {
        k.stats[k.args.stats_at] = cloning - lambda * value;
        k.stats[k.args.stats_at + 1] = cloning;
    }
}

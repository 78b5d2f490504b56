// A block a critic (blockIdx.x), a thread a state. Adds to dQ at the data's action, the first of a state.
__device__ inline void cql_loss_body(const CqlLoss& k) {
    unsigned count = k.args.actions, first = k.args.importance;
    float t = k.each.temperature, scale = k.each.weight / k.args.states, sum = 0;
    for (unsigned n = threadIdx.x; n < k.args.states; n += blockDim.x) {
        const float* q = k.acts + k.args.q[blockIdx.x] + (size_t)n * count;
        float* d = k.act_grads + k.args.q[blockIdx.x] + (size_t)n * count;
        // Index a - 1 is read for a > 0 only: the data's action has no density.
        const float* log_p = k.density + (size_t)n * (count - 1);
        float largest = LOWEST, total = 0, data = d[0] - scale;
        for (unsigned a = first; a < count; ++a) {
            largest = fmaxf(largest, (first ? q[a] - log_p[a - 1] : q[a]) / t);
        }
        for (unsigned a = first; a < count; ++a) {
            d[a] = expf((first ? q[a] - log_p[a - 1] : q[a]) / t - largest);
            total += d[a];
        }
        for (unsigned a = first; a < count; ++a) d[a] *= scale / total;
        d[0] = first ? data : data + d[0];
        sum += scale * (t * (largest + logf(total)) - q[0]);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) k.stats[k.args.stats_at + blockIdx.x] = sum;
}

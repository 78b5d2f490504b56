// One block a member. Adds to dQ.
__device__ inline void h2o_loss_body(const H2oLoss& k) {
    unsigned real = k.args.real, sim = k.args.sim;
    float w = k.each.weight, t = k.each.temperature, share = w / real;
    const float* omega = k.log_omega;
    for (int i = 0; i < 2; ++i) {
        const float* q = k.acts + k.args.q[i];
        float* d = k.act_grads + k.args.q[i];
        float largest = LOWEST, total = 0, values = 0;
        for (unsigned n = threadIdx.x; n < sim; n += blockDim.x) largest = fmaxf(largest, (q[real + n] + omega[n]) / t);
        largest = block_max(largest);
        for (unsigned n = threadIdx.x; n < sim; n += blockDim.x) total += expf((q[real + n] + omega[n]) / t - largest);
        total = block_sum(total);
        for (unsigned n = threadIdx.x; n < sim; n += blockDim.x) {
            d[real + n] += w * expf((q[real + n] + omega[n]) / t - largest) / total;
        }
        for (unsigned n = threadIdx.x; n < real; n += blockDim.x) {
            d[n] -= share;
            values += q[n];
        }
        values = block_sum(values);
        if (threadIdx.x == 0) {
            k.stats[k.args.stats_at + i] = w * t * (largest + logf(total)) - share * values;
        }
    }
}

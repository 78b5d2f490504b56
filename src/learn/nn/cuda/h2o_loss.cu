// One block a member; the tail is w and T. Adds to dQ.
extern "C" __global__ void h2o_loss(float* delta, float* stats, const float* out, const float* omega,
                                    const H2oLossArgs* args) {
    unsigned member = blockIdx.x, real = args->real_rows, sim = args->sim_rows;
    const float* numbers = tail<float>(args) + 2 * member;
    float w = numbers[0], t = numbers[1], share = w / real;
    omega += (size_t)member * sim;
    for (int i = 0; i < 2; ++i) {
        const float* q = out + (size_t)member * args->stride + args->q[i];
        float* d = delta + (size_t)member * args->stride + args->q[i];
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
            stats[member * args->stats[1] + args->stats[0] + i] = w * t * (largest + logf(total)) - share * values;
        }
    }
}

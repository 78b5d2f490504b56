// One block a member; the tail is tau.
extern "C" __global__ void value_loss(float* delta, float* stats, const float* out, const ValueLossArgs* args) {
    unsigned member = blockIdx.x, rows = args->rows;
    size_t base = (size_t)member * args->stride;
    float tau = tail<float>(args)[member], inverse = 1.0f / rows, sum = 0, values = 0;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        float v = out[base + args->v + n];
        float error = fminf(out[base + args->q[0] + n], out[base + args->q[1] + n]) - v;
        float weight = error < 0.0f ? 1.0f - tau : tau;
        delta[base + args->v + n] = -2.0f * weight * error * inverse;
        sum += weight * error * error * inverse;
        values += v * inverse;
    }
    sum = block_sum(sum);
    values = block_sum(values);
    if (threadIdx.x == 0) {
        float* to = stats + member * args->stats[1] + args->stats[0];
        to[0] = sum;
        to[1] = values;
    }
}

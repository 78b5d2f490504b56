// One block a member; the tail is the rows of each half.
extern "C" __global__ void td_loss(float* delta, float* stats, const float* out, const float* y, const float* w,
                                   const TdLossArgs* args) {
    unsigned member = blockIdx.x, rows = args->rows;
    const unsigned* halves = tail<unsigned>(args);
    size_t base = (size_t)member * args->stride, line = (size_t)member * args->row_stride;
    float loss[2] = {0, 0}, values[2] = {0, 0}, targets = 0;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        unsigned half = 0;
        for (unsigned end = halves[0]; n >= end; end += halves[++half]) {}
        float inverse = 1.0f / halves[half], weight = w[line + n], target = y[line + n];
        for (int i = 0; i < 2; ++i) {
            size_t at = base + args->q[i] + n * args->step;
            float error = out[at] - target;
            delta[at] = 2.0f * weight * error * inverse;
            loss[i] += weight * error * error * inverse;
            values[i] += out[at];
        }
        targets += target;
    }
    float sums[5] = {loss[0], loss[1], values[0] / rows, values[1] / rows, targets / rows};
    for (int i = 0; i < 5; ++i) {
        float sum = block_sum(sums[i]);
        if (threadIdx.x == 0) stats[member * args->stats[1] + args->stats[0] + i] = sum;
    }
}

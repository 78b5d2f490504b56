// A block for each number of an action (blockIdx.x) of a member (blockIdx.y); the tail is beta of the weights and the
// largest weight. The first block of a member also sums the others' part of the loss.
extern "C" __global__ void gaussian_awr(float* delta, float* grad, float* stats, const float* out,
                                        const float* parameters, const float* batch, const GaussianAwrArgs* args) {
    unsigned member = blockIdx.y, rows = args->rows, a_dim = args->act_dim;
    const float* numbers = tail<float>(args) + 2 * member;
    const float* log_stds = parameters + (size_t)member * args->param_stride + args->log_std;
    out += (size_t)member * args->raw_stride;
    delta += (size_t)member * args->raw_stride + args->raw;
    float loss = 0, d_log_std = 0;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        float advantage = fminf(out[args->q[0] + n], out[args->q[1] + n]) - out[args->v + n];
        float weight = fminf(expf(numbers[0] * advantage), numbers[1]) / rows;
        const float* action = batch + ((size_t)member * args->batch + n) * args->row[0] + args->row[1];
        for (unsigned j = 0; j < a_dim; ++j) {
            if (blockIdx.x > 0 && j != blockIdx.x) continue;
            float mean = tanhf(out[args->raw + a_dim * n + j]);
            float log_std = clamp(log_stds[j], LOG_STD_LOW, LOG_STD_HIGH), precision = expf(-2.0f * log_std);
            float off = action[j] - mean, square = off * off * precision;
            loss += weight * (0.5f * square + log_std + HALF_LOG_TAU);
            if (j != blockIdx.x) continue;
            delta[a_dim * n + j] = -weight * off * precision * (1.0f - mean * mean);
            d_log_std -= weight * (square - 1.0f);
        }
    }
    loss = block_sum(loss);
    d_log_std = block_sum(d_log_std);
    if (threadIdx.x > 0) return;
    float free = log_stds[blockIdx.x];
    bool inside = LOG_STD_LOW <= free && free <= LOG_STD_HIGH;
    grad[(size_t)member * args->param_stride + args->log_std + blockIdx.x] = inside ? d_log_std : 0.0f;
    if (blockIdx.x == 0) stats[member * args->stats[1] + args->stats[0]] = loss;
}

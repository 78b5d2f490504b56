// A block a member (blockIdx.y); for a clipped Gaussian one for each number of an action (blockIdx.x), the first of
// which also sums the others' part of the loss. The tail is beta of the weights and the largest weight.

// What is one member's: the policy's outputs, their gradient, and the data's actions.
struct AwrRows {
    const AwrLossArgs* args;
    const float *numbers, *out, *raw, *actions;
    float* d_raw;

    __device__ float weight(unsigned n) const {
        float advantage = fminf(out[args->q[0] + n], out[args->q[1] + n]) - out[args->v + n];
        return fminf(expf(numbers[0] * advantage), numbers[1]) / args->rows;
    }
    __device__ const float* action(unsigned n) const { return actions + (size_t)n * args->row[0]; }
};

__device__ inline bool log_std_inside(float free) { return LOG_STD_LOW <= free && free <= LOG_STD_HIGH; }

// The tanh-Gaussian's loss; its own parameters are m, o.
__device__ inline float awr_affine(const float* own, float* d_own, const AwrRows rows) {
    const float edge = 1e-6f; // actions are held this far inside +-1 before their inverse tanh is taken
    unsigned a_dim = rows.args->act_dim;
    float m = own[0], o = own[1];
    float loss = 0, d_m = 0, d_o = 0;
    for (unsigned at = threadIdx.x; at < rows.args->rows * a_dim; at += blockDim.x) {
        unsigned n = at / a_dim, j = at % a_dim;
        float weight = rows.weight(n), a = rows.action(n)[j];
        const float* raw = rows.raw + 2 * a_dim * n;
        float rho = raw[a_dim + j], u = atanhf(clamp(a, edge - 1.0f, 1.0f - edge)), free = m * rho + o;
        float log_std = clamp(free, LOG_STD_LOW, LOG_STD_HIGH), precision = expf(-2.0f * log_std);
        float off = u - raw[j], square = off * off * precision;
        loss -= weight * (-0.5f * square - log_std - HALF_LOG_TAU - 2.0f * (LN_2 - u - softplus(-2.0f * u)));
        float d_log_std = log_std_inside(free) ? -weight * (square - 1.0f) : 0.0f;
        float* d_raw = rows.d_raw + 2 * a_dim * n;
        d_raw[j] = -weight * off * precision;
        d_raw[a_dim + j] = m * d_log_std;
        d_m += d_log_std * rho;
        d_o += d_log_std;
    }
    loss = block_sum(loss);
    d_m = block_sum(d_m);
    d_o = block_sum(d_o);
    if (threadIdx.x == 0) {
        d_own[0] = d_m;
        d_own[1] = d_o;
    }
    return loss;
}

// The clipped Gaussian's loss; its own parameters are log sigma.
__device__ inline float awr_constant(const float* own, float* d_own, const AwrRows rows) {
    unsigned a_dim = rows.args->act_dim;
    float loss = 0, d_log_std = 0;
    for (unsigned n = threadIdx.x; n < rows.args->rows; n += blockDim.x) {
        float weight = rows.weight(n);
        for (unsigned j = 0; j < a_dim; ++j) {
            if (blockIdx.x > 0 && j != blockIdx.x) continue;
            float mean = tanhf(rows.raw[a_dim * n + j]);
            float log_std = clamp(own[j], LOG_STD_LOW, LOG_STD_HIGH), precision = expf(-2.0f * log_std);
            float off = rows.action(n)[j] - mean, square = off * off * precision;
            loss += weight * (0.5f * square + log_std + HALF_LOG_TAU);
            if (j != blockIdx.x) continue;
            rows.d_raw[a_dim * n + j] = -weight * off * precision * (1.0f - mean * mean);
            d_log_std -= weight * (square - 1.0f);
        }
    }
    loss = block_sum(loss);
    d_log_std = block_sum(d_log_std);
    if (threadIdx.x == 0) d_own[blockIdx.x] = log_std_inside(own[blockIdx.x]) ? d_log_std : 0.0f;
    return loss;
}

extern "C" __global__ void awr_loss(float* delta, float* grad, float* stats, const float* out, const float* parameters,
                                    const float* batch, const AwrLossArgs* args) {
    unsigned member = blockIdx.y;
    size_t own = (size_t)member * args->param_stride + args->own, raw = (size_t)member * args->stride + args->raw;
    AwrRows rows = {args, tail<float>(args) + 2 * member, out + (size_t)member * args->stride, out + raw,
                    batch + (size_t)member * args->batch * args->row[0] + args->row[1], delta + raw};
    float loss = args->constant ? awr_constant(parameters + own, grad + own, rows)
                                : awr_affine(parameters + own, grad + own, rows);
    if (threadIdx.x == 0 && blockIdx.x == 0) stats[member * args->stats[1] + args->stats[0]] = loss;
}

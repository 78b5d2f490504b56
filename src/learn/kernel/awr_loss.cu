// A block a member; for a clipped Gaussian one for each number of an action (blockIdx.x), the first of which also sums
// the others' part of the loss.

__device__ inline float awr_weight(const AwrLoss& k, unsigned n) {
    float advantage = fminf(k.acts[k.args.q[0] + n], k.acts[k.args.q[1] + n]) - k.acts[k.args.v + n];
    return fminf(expf(k.each.beta * advantage), k.each.clip) / k.args.rows;
}

__device__ inline const float* awr_action(const AwrLoss& k, unsigned n) {
    return k.batch + (size_t)n * k.args.row.len + k.args.row.action();
}

__device__ inline bool log_std_inside(float free) { return LOG_STD_LOW <= free && free <= LOG_STD_HIGH; }

// The tanh-Gaussian's loss; its own parameters are m, o.
__device__ inline float awr_affine(const float* own, float* d_own, const AwrLoss& k) {
    const float edge = 1e-6f; // actions are held this far inside +-1 before their inverse tanh is taken
    unsigned a_dim = k.args.row.act_dim;
    float m = own[0], o = own[1];
    float loss = 0, d_m = 0, d_o = 0;
    for (unsigned at = threadIdx.x; at < k.args.rows * a_dim; at += blockDim.x) {
        unsigned n = at / a_dim, j = at % a_dim;
        float weight = awr_weight(k, n), a = awr_action(k, n)[j];
        const float* raw = k.acts + k.args.raw + 2 * a_dim * n;
        float rho = raw[a_dim + j], u = atanhf(clamp(a, edge - 1.0f, 1.0f - edge)), free = m * rho + o;
        float log_std = clamp(free, LOG_STD_LOW, LOG_STD_HIGH), precision = expf(-2.0f * log_std);
        float off = u - raw[j], square = off * off * precision;
        loss -= weight * (-0.5f * square - log_std - HALF_LOG_TAU - 2.0f * (LN_2 - u - softplus(-2.0f * u)));
        float d_log_std = log_std_inside(free) ? -weight * (square - 1.0f) : 0.0f;
        float* d_raw = k.act_grads + k.args.raw + 2 * a_dim * n;
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
__device__ inline float awr_constant(const float* own, float* d_own, const AwrLoss& k) {
    unsigned a_dim = k.args.row.act_dim;
    float loss = 0, d_log_std = 0;
    for (unsigned n = threadIdx.x; n < k.args.rows; n += blockDim.x) {
        float weight = awr_weight(k, n);
        for (unsigned j = 0; j < a_dim; ++j) {
            if (blockIdx.x > 0 && j != blockIdx.x) continue;
            float mean = tanhf(k.acts[k.args.raw + a_dim * n + j]);
            float log_std = clamp(own[j], LOG_STD_LOW, LOG_STD_HIGH), precision = expf(-2.0f * log_std);
            float off = awr_action(k, n)[j] - mean, square = off * off * precision;
            loss += weight * (0.5f * square + log_std + HALF_LOG_TAU);
            if (j != blockIdx.x) continue;
            k.act_grads[k.args.raw + a_dim * n + j] = -weight * off * precision * (1.0f - mean * mean);
            d_log_std -= weight * (square - 1.0f);
        }
    }
    loss = block_sum(loss);
    d_log_std = block_sum(d_log_std);
    if (threadIdx.x == 0) d_own[blockIdx.x] = log_std_inside(own[blockIdx.x]) ? d_log_std : 0.0f;
    return loss;
}

__device__ inline void awr_loss_body(const AwrLoss& k) {
    const float* own = k.theta + k.args.spread.own;
    float* d_own = k.grad + k.args.spread.own;
    float loss = k.args.spread.constant ? awr_constant(own, d_own, k) : awr_affine(own, d_own, k);
    if (threadIdx.x == 0 && blockIdx.x == 0) k.stats[k.args.stats_at] = loss;
}

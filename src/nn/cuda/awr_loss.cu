// One block a member; the tail is beta of the weights and the largest weight.
extern "C" __global__ void awr_loss(float* delta, float* grad, float* stats, const float* out, const float* parameters,
                                    const float* batch, const AwrLossArgs* args) {
    const float edge = 1e-6f; // actions are held this far inside +-1 before their inverse tanh is taken
    unsigned member = blockIdx.x, rows = args->rows, a_dim = args->act_dim;
    const float* numbers = tail<float>(args) + 2 * member;
    const float* mine = out + (size_t)member * args->stride;
    size_t affine = (size_t)member * args->param_stride + args->affine;
    float m = parameters[affine], o = parameters[affine + 1];
    float loss = 0, d_m = 0, d_o = 0;
    for (unsigned at = threadIdx.x; at < rows * a_dim; at += blockDim.x) {
        unsigned n = at / a_dim, j = at % a_dim;
        float advantage = fminf(mine[args->q[0] + n], mine[args->q[1] + n]) - mine[args->v + n];
        float weight = fminf(expf(numbers[0] * advantage), numbers[1]) / rows;
        const float* raw = mine + args->raw + 2 * a_dim * n;
        float a = batch[((size_t)member * args->batch + n) * args->row[0] + args->row[1] + j];
        float rho = raw[a_dim + j], u = atanhf(clamp(a, edge - 1.0f, 1.0f - edge)), free = m * rho + o;
        float log_std = clamp(free, LOG_STD_LOW, LOG_STD_HIGH), precision = expf(-2.0f * log_std);
        float off = u - raw[j], square = off * off * precision;
        loss -= weight * (-0.5f * square - log_std - HALF_LOG_TAU - 2.0f * (LN_2 - u - softplus(-2.0f * u)));
        bool inside = LOG_STD_LOW <= free && free <= LOG_STD_HIGH;
        float d_log_std = inside ? -weight * (square - 1.0f) : 0.0f;
        float* d_raw = delta + (size_t)member * args->stride + args->raw + 2 * a_dim * n;
        d_raw[j] = -weight * off * precision;
        d_raw[a_dim + j] = m * d_log_std;
        d_m += d_log_std * rho;
        d_o += d_log_std;
    }
    loss = block_sum(loss);
    d_m = block_sum(d_m);
    d_o = block_sum(d_o);
    if (threadIdx.x == 0) {
        grad[affine] = d_m;
        grad[affine + 1] = d_o;
        stats[member * args->stats[1] + args->stats[0]] = loss;
    }
}

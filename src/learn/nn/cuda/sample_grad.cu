// One block a member.
extern "C" __global__ void sample_grad(float* act_grads, float* grad, const float* raw, const float* parameters,
                                       const float* noise, const SampleGradArgs* args) {
    unsigned member = blockIdx.x, rows = args->rows, a_dim = args->act_dim;
    const float* p = parameters + (size_t)member * args->param_stride;
    const float* eps = noise + (size_t)member * args->noise_stride + args->noise;
    size_t base = (size_t)member * args->raw_stride;
    float m = p[args->affine], o = p[args->affine + 1], weight = expf(p[args->log_alpha]) / rows;
    float d_m = 0, d_o = 0;
    for (unsigned at = threadIdx.x; at < rows * a_dim; at += blockDim.x) {
        unsigned n = at / a_dim, j = at % a_dim;
        size_t pair = base + args->raw + 2 * a_dim * n + j;
        float rho = raw[pair + a_dim], free = m * rho + o;
        float spread = expf(clamp(free, LOG_STD_LOW, LOG_STD_HIGH)) * eps[at];
        float a = tanhf(raw[pair] + spread);
        // d log pi / du = 2 tanh(u); epsilon is held, so its square has no gradient.
        float d_action = act_grads[base + args->d_action[0] + at] + act_grads[base + args->d_action[1] + at];
        float du = d_action * (1.0f - a * a) + weight * 2.0f * a;
        bool inside = LOG_STD_LOW <= free && free <= LOG_STD_HIGH;
        float d_log_std = inside ? du * spread - weight : 0.0f;
        act_grads[pair] = du;
        act_grads[pair + a_dim] = m * d_log_std;
        d_m += d_log_std * rho;
        d_o += d_log_std;
    }
    d_m = block_sum(d_m);
    d_o = block_sum(d_o);
    if (threadIdx.x == 0) {
        float* to = grad + (size_t)member * args->param_stride + args->affine;
        to[0] = d_m;
        to[1] = d_o;
    }
}

// One block a member.
__device__ inline void sample_grad_body(const SampleGrad& k) {
    unsigned rows = k.args.rows, a_dim = k.args.act_dim;
    const float* affine = k.theta + k.args.affine;
    float m = affine[0], o = affine[1], weight = expf(k.theta[k.args.log_alpha]) / rows;
    float d_m = 0, d_o = 0;
    for (unsigned at = threadIdx.x; at < rows * a_dim; at += blockDim.x) {
        unsigned n = at / a_dim, j = at % a_dim, pair = k.args.raw + 2 * a_dim * n + j;
        float rho = k.acts[pair + a_dim], free = m * rho + o;
        float spread = expf(clamp(free, LOG_STD_LOW, LOG_STD_HIGH)) * k.noise[at];
        float a = tanhf(k.acts[pair] + spread);
        // d log pi / du = 2 tanh(u); epsilon is held, so its square has no gradient.
        float d_action = k.deltas[k.args.d_action[0] + at] + k.deltas[k.args.d_action[1] + at];
        float du = d_action * (1.0f - a * a) + weight * 2.0f * a;
        bool inside = LOG_STD_LOW <= free && free <= LOG_STD_HIGH;
        float d_log_std = inside ? du * spread - weight : 0.0f;
        k.deltas[pair] = du;
        k.deltas[pair + a_dim] = m * d_log_std;
        d_m += d_log_std * rho;
        d_o += d_log_std;
    }
    d_m = block_sum(d_m);
    d_o = block_sum(d_o);
    if (threadIdx.x == 0) {
        k.grad[k.args.affine] = d_m;
        k.grad[k.args.affine + 1] = d_o;
    }
}

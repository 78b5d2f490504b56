// One block a member.
__device__ inline void clone_grad_body(const CloneGrad& k) {
    unsigned rows = k.args.rows, real = k.args.real, a_dim = k.args.row.act_dim;
    const float *first_q = k.acts + k.args.q[0], *second_q = k.acts + k.args.q[1];
    float size = 0;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) size += fabsf(fminf(first_q[n], second_q[n]));
    float lambda = k.each.weight * rows / block_sum(size), inverse = 1.0f / (real * a_dim);
    const float* affine = k.theta + k.args.affine;
    float m = affine[0], o = affine[1], loss = 0, d_m = 0, d_o = 0;
    for (unsigned at = threadIdx.x; at < rows * a_dim; at += blockDim.x) {
        unsigned n = at / a_dim, j = at % a_dim, pair = k.args.raw + 2 * a_dim * n + j;
        float d_mean = lambda * k.deltas[pair], d_rho = lambda * k.deltas[pair + a_dim];
        if (n < real) {
            float rho = k.acts[pair + a_dim], free = m * rho + o;
            float spread = expf(clamp(free, LOG_STD_LOW, LOG_STD_HIGH)) * k.noise[at];
            float sampled = tanhf(k.acts[pair] + spread);
            float off = sampled - k.batch[(size_t)n * k.args.row.len + k.args.row.action() + j];
            loss += off * off * inverse;
            float du = 2.0f * off * inverse * (1.0f - sampled * sampled);
            float d_log_std = LOG_STD_LOW <= free && free <= LOG_STD_HIGH ? du * spread : 0.0f;
            d_mean += du;
            d_rho += m * d_log_std;
            d_m += d_log_std * rho;
            d_o += d_log_std;
        }
        k.deltas[pair] = d_mean;
        k.deltas[pair + a_dim] = d_rho;
    }
    loss = block_sum(loss);
    d_m = block_sum(d_m);
    d_o = block_sum(d_o);
    if (threadIdx.x == 0) {
        k.grad[k.args.affine] = lambda * k.grad[k.args.affine] + d_m;
        k.grad[k.args.affine + 1] = lambda * k.grad[k.args.affine + 1] + d_o;
        k.stats[k.args.stats_at] = loss;
        k.stats[k.args.stats_at + 1] = lambda;
    }
}

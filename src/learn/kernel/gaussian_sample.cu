// A thread a float.
__device__ inline void gaussian_sample_body(const GaussianSample& k) {
    unsigned n = global_thread();
    if (n >= k.args.rows * k.args.act_dim) return;
    float mean = tanhf(k.acts[k.args.raw + n]), free = k.theta[k.args.log_std + n % k.args.act_dim];
    k.actions[n] = clamp(mean + expf(clamp(free, LOG_STD_LOW, LOG_STD_HIGH)) * k.noise[n], -1.0f, 1.0f);
}

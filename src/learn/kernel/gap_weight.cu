// One block a member.
__device__ inline void gap_weight_body(const GapWeight& k) {
    unsigned sim = k.args.sim, samples = k.args.samples;
    const float* raw = k.acts + k.args.raw;
    float total = 0;
    for (unsigned n = threadIdx.x; n < sim; n += blockDim.x) {
        float sum = 0;
        for (unsigned i = 0; i < samples; ++i) sum -= log_ratio(raw + 2 * (n * samples + i));
        float u = clamp(sum / samples, k.each.clip[0], k.each.clip[1]);
        k.log_omega[n] = u;
        total += u;
    }
    total = block_sum(total);
    // Logarithms apart: u / total may be too small for a float.
    for (unsigned n = threadIdx.x; n < sim; n += blockDim.x) k.log_omega[n] = logf(k.log_omega[n]) - logf(total);
    if (threadIdx.x == 0) k.stats[k.args.stats_at] = total / sim;
}

// One block a member.
__device__ inline void ratio_weight_body(const RatioWeight& k) {
    unsigned real = k.args.real, sim = k.args.sim;
    const float* raw = k.acts + k.args.raw.at;
    float sum = 0;
    for (unsigned n = threadIdx.x; n < real + sim; n += blockDim.x) {
        float weight = 1;
        if (k.args.raw.there && n >= real) {
            weight = clamp(expf(log_ratio(raw + 2 * (n - real))), k.each.clip[0], k.each.clip[1]);
        }
        k.w[n] = weight;
        if (n >= real) sum += weight;
    }
    float mean = block_sum(sum) / (sim > 0 ? sim : 1);
    if (threadIdx.x == 0) k.stats[k.args.stats_at] = mean;
    if (!k.args.normalise) return;
    // A thread divides what it has written.
    for (unsigned n = threadIdx.x; n < real + sim; n += blockDim.x) {
        if (n >= real) k.w[n] /= mean;
    }
}

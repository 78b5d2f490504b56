// One block a member.
__device__ inline void ratio_reward_body(const RatioReward& k) {
    unsigned rows = k.args.rows.len;
    float sum = 0;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        float ratio = log_ratio(k.acts + k.args.raw + 2 * n);
        float correction = k.each.eta * clamp(ratio, -k.each.clip, k.each.clip);
        k.batch[(size_t)(k.args.rows.start + n) * k.args.row.len + k.args.row.reward()] += correction;
        sum += correction;
    }
    sum = block_sum(sum) / rows;
    if (threadIdx.x == 0) k.stats[k.args.stats_at] = sum;
}

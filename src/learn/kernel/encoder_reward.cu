// One block a member, a warp a row.
__device__ inline void encoder_reward_body(const EncoderReward& k) {
    unsigned lane = threadIdx.x % 32, width = k.args.width, rows = k.args.rows.len;
    float sum = 0;
    for (unsigned n = threadIdx.x / 32; n < rows; n += blockDim.x / 32) {
        const float *g = k.acts + k.args.g + (size_t)n * width, *z = k.acts + k.args.next + (size_t)n * width;
        float inverse = 1.0f / fmaxf(magnitude(z, width, lane), LEAST_MAGNITUDE), square = 0;
        for (unsigned j = lane; j < width; j += 32) {
            float off = g[j] - z[j] * inverse;
            square += off * off;
        }
        float correction = -k.each.beta * (warp_sum(square) / width);
        if (lane == 0) {
            k.batch[(size_t)(k.args.rows.start + n) * k.args.row.len + k.args.row.reward()] += correction;
            sum += correction;
        }
    }
    sum = block_sum(sum) / rows;
    if (threadIdx.x == 0) k.stats[k.args.stats_at] = sum;
}

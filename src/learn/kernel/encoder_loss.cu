// One block a member, a warp a row.
__device__ inline void encoder_loss_body(const EncoderLoss& k) {
    unsigned lane = threadIdx.x % 32, width = k.args.width, rows = k.args.rows;
    float sum = 0;
    for (unsigned n = threadIdx.x / 32; n < rows; n += blockDim.x / 32) {
        size_t at = (size_t)n * width;
        const float *g = k.acts + k.args.g + at, *z = k.acts + k.args.next + at;
        float inverse = 1.0f / fmaxf(magnitude(z, width, lane), LEAST_MAGNITUDE);
        for (unsigned j = lane; j < width; j += 32) {
            float off = g[j] - z[j] * inverse;
            k.deltas[k.args.g + at + j] = 2.0f * off / (rows * width);
            sum += off * off;
        }
    }
    sum = block_sum(sum) / width / rows;
    if (threadIdx.x == 0) k.stats[k.args.stats_at] = sum;
}

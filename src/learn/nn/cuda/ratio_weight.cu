// One block a member; the tail is both bounds of the ratio.
extern "C" __global__ void ratio_weight(float* w, float* stats, const float* out, const RatioWeightArgs* args) {
    unsigned member = blockIdx.x, rows = args->real_rows + args->sim_rows;
    const float* bounds = tail<float>(args) + 2 * member;
    const float* raw = out + (size_t)member * args->stride + args->raw;
    float sum = 0;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        float weight = 1;
        if (args->weigh && n >= args->real_rows) {
            weight = clamp(expf(log_ratio(raw + 2 * (n - args->real_rows))), bounds[0], bounds[1]);
        }
        w[(size_t)member * rows + n] = weight;
        if (n >= args->real_rows) sum += weight;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        stats[member * args->stats[1] + args->stats[0]] = sum / (args->sim_rows > 0 ? args->sim_rows : 1);
    }
}

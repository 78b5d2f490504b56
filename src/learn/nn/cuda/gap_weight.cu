// One block a member; the tail is both bounds of u.
extern "C" __global__ void gap_weight(float* omega, float* stats, const float* out, const GapWeightArgs* args) {
    unsigned member = blockIdx.x, sim = args->sim_rows, samples = args->samples;
    const float* bounds = tail<float>(args) + 2 * member;
    const float* raw = out + (size_t)member * args->stride + args->raw;
    omega += (size_t)member * sim;
    float total = 0;
    for (unsigned n = threadIdx.x; n < sim; n += blockDim.x) {
        float sum = 0;
        for (unsigned k = 0; k < samples; ++k) sum -= log_ratio(raw + 2 * (n * samples + k));
        float u = clamp(sum / samples, bounds[0], bounds[1]);
        omega[n] = u;
        total += u;
    }
    total = block_sum(total);
    // Logarithms apart: u / total may be too small for a float.
    for (unsigned n = threadIdx.x; n < sim; n += blockDim.x) omega[n] = logf(omega[n]) - logf(total);
    if (threadIdx.x == 0) stats[member * args->stats[1] + args->stats[0]] = total / sim;
}

// Four floats a thread.
__device__ inline void polyak_body(const Polyak& k) {
    if (k.health[FROZEN] != 0.0f) return;
    unsigned first = blockIdx.x * blockDim.x * 4 + threadIdx.x, len = k.args.range.len;
    const float* theta = k.theta + k.args.range.start;
    for (unsigned n = first; n < len && n < first + 4 * blockDim.x; n += blockDim.x) {
        k.smoothed[n] = (1.0f - k.each.rate) * k.smoothed[n] + k.each.rate * theta[n];
    }
}

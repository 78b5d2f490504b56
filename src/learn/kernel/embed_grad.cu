// A warp a row.
__device__ inline void embed_grad_body(const EmbedGrad& k) {
    unsigned n = global_thread() / 32, lane = threadIdx.x % 32, width = k.args.width;
    if (n >= k.args.rows) return;
    const float* z = k.acts + k.args.z + (size_t)n * width;
    const float* d = k.deltas + k.args.d_unit + (size_t)n * width;
    float size = magnitude(z, width, lane), inverse = 1.0f / fmaxf(size, LEAST_MAGNITUDE), along = 0;
    for (unsigned j = lane; j < width; j += 32) along += d[j] * z[j] * inverse;
    along = warp_sum(along);
    // Below the least magnitude the divisor is a constant.
    float shrink = size > LEAST_MAGNITUDE ? along / width : 0.0f;
    float* to = k.deltas + k.args.z + (size_t)n * width;
    for (unsigned j = lane; j < width; j += 32) {
        float sign = z[j] == 0.0f ? 0.0f : copysignf(1.0f, z[j]);
        to[j] = (d[j] - sign * shrink) * inverse;
    }
}

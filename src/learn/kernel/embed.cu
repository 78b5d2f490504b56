// The mean magnitude of a representation, a warp together.
__device__ inline float magnitude(const float* z, unsigned width, unsigned lane) {
    float sum = 0;
    for (unsigned k = lane; k < width; k += 32) sum += fabsf(z[k]);
    return warp_sum(sum) / width;
}

// A warp a row.
__device__ inline void embed_body(const Embed& k) {
    unsigned n = global_thread() / 32, lane = threadIdx.x % 32, width = k.args.width, a_dim = k.args.row.act_dim;
    if (n >= k.args.rows) return;
    const float* z = k.acts + k.args.z + (size_t)n * width;
    float inverse = 1.0f / fmaxf(magnitude(z, width, lane), LEAST_MAGNITUDE);
    float* to = k.embedded + (size_t)n * (width + a_dim);
    const float* a = k.batch + (size_t)(k.args.actions[0] + n) * k.args.actions[1] + k.args.row.action();
    for (unsigned j = lane; j < width; j += 32) to[j] = z[j] * inverse;
    for (unsigned j = lane; j < a_dim; j += 32) to[width + j] = a[j];
}

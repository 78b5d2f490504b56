// A warp a row.
__device__ inline void gather_body(const Gather& k) {
    unsigned n = global_thread() / 32, lane = threadIdx.x % 32, width = k.args.width;
    if (n >= k.args.rows) return;
    Words words = philox(k.each.seed.word, k.args.lane, k.args.update, k.args.stream, n / 4);
    size_t index = k.each.span.start + (((unsigned long long)words.at[n % 4] * k.each.span.len) >> 32);
    const float* from = k.replay + index * k.args.row;
    float* to = k.batch + (size_t)(k.args.first + n) * width;
    for (unsigned i = lane; i < width; i += 32) to[i] = from[i];
}

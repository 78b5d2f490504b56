// Four numbers a thread.
__device__ inline void noise_body(const Noise& k) {
    unsigned block = global_thread(), len = k.args.len;
    if (4 * block >= len) return;
    Words words = philox(k.each.seed.word, k.args.draw, k.args.update, k.args.stream, block);
    float x[4];
    if (k.args.draw == NORMAL) {
        normal_pair(words.at[0], words.at[1], x);
        normal_pair(words.at[2], words.at[3], x + 2);
    } else {
        for (unsigned i = 0; i < 4; ++i) x[i] = 2.0f * unit(words.at[i]) - 1.0f;
    }
    float* out = k.drawn + 4 * (size_t)block;
    for (unsigned i = 0; i < 4 && 4 * block + i < len; ++i) out[i] = x[i];
}

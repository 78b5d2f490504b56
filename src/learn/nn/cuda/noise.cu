// Four numbers a thread; the tail is the seeds.
extern "C" __global__ void noise(float* out, const NoiseArgs* args) {
    unsigned member = blockIdx.y, block = global_thread();
    if (4 * block >= args->len) return;
    Words words = philox(tail<unsigned>(args) + 2 * member, args->draw, args->update, args->stream, block);
    float x[4];
    if (args->draw == NORMAL) {
        normal_pair(words.at[0], words.at[1], x);
        normal_pair(words.at[2], words.at[3], x + 2);
    } else {
        for (unsigned i = 0; i < 4; ++i) x[i] = 2.0f * unit(words.at[i]) - 1.0f;
    }
    out += (size_t)member * args->len + 4 * block;
    for (unsigned i = 0; i < 4 && 4 * block + i < args->len; ++i) out[i] = x[i];
}

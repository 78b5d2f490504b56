// Four uniforms on [-1, 1) a thread; the tail is the seeds.
extern "C" __global__ void uniforms(float* noise, const UniformsArgs* args) {
    unsigned member = blockIdx.y, block = global_thread();
    if (4 * block >= args->len) return;
    Words words = philox(tail<unsigned>(args) + 2 * member, 1, args->update, args->stream, block);
    float* to = noise + (size_t)member * args->len + 4 * block;
    for (unsigned i = 0; i < 4 && 4 * block + i < args->len; ++i) to[i] = 2.0f * unit(words.at[i]) - 1.0f;
}

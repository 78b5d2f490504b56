// Four normals a thread; the tail is the seeds.
extern "C" __global__ void normals(float* noise, const NormalsArgs* args) {
    unsigned member = blockIdx.y, block = global_thread();
    if (4 * block >= args->len) return;
    Words words = philox(tail<unsigned>(args) + 2 * member, 0, args->update, args->stream, block);
    float x[4];
    normal_pair(words.at[0], words.at[1], x);
    normal_pair(words.at[2], words.at[3], x + 2);
    float* to = noise + (size_t)member * args->len + 4 * block;
    for (unsigned i = 0; i < 4 && 4 * block + i < args->len; ++i) to[i] = x[i];
}

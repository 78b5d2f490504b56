// A warp a row; the tail is the seeds.
extern "C" __global__ void gather(float* batch, const float* replay, const GatherArgs* args) {
    unsigned member = blockIdx.y, n = global_thread() / 32, lane = threadIdx.x % 32;
    if (n >= args->rows) return;
    const unsigned* seed = tail<unsigned>(args) + 2 * member;
    unsigned word = philox(seed, args->lane, args->update, args->stream, n / 4).at[n % 4];
    size_t index = ((unsigned long long)word * args->len) >> 32;
    const float* from = replay + ((size_t)(member % args->groups) * args->capacity + index) * args->row;
    float* to = batch + ((size_t)member * args->batch_rows + args->first + n) * args->width;
    for (unsigned i = lane; i < args->width; i += 32) to[i] = from[i];
}

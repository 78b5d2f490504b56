// A warp a row, blockIdx.y the member; the tail is the seeds, then the span (first row, rows) of each member.
extern "C" __global__ void gather(float* batch, const float* replay, const GatherArgs* args) {
    unsigned member = blockIdx.y, n = global_thread() / 32, lane = threadIdx.x % 32;
    if (n >= args->rows) return;
    const unsigned* seed = tail<unsigned>(args) + 2 * member;
    const unsigned* span = tail<unsigned>(args) + 2 * gridDim.y + 2 * member;
    unsigned word = philox(seed, args->lane, args->update, args->stream, n / 4).at[n % 4];
    size_t index = span[0] + (((unsigned long long)word * span[1]) >> 32);
    const float* from = replay + index * args->row;
    float* to = batch + ((size_t)member * args->batch_rows + args->first + n) * args->width;
    for (unsigned i = lane; i < args->width; i += 32) to[i] = from[i];
}

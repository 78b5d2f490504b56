// A warp a row.
extern "C" __global__ void standardise(float* batch, const float* scale, const StandardiseArgs* args) {
    unsigned member = blockIdx.y, n = global_thread() / 32, lane = threadIdx.x % 32, s_dim = args->obs_dim;
    if (n >= args->rows) return;
    const float* mean = scale + (size_t)member * 2 * s_dim;
    float* row = batch + ((size_t)member * args->batch_rows + args->first + n) * args->row;
    for (int part = 0; part < 2; ++part) {
        float* s = row + args->columns[part];
        for (unsigned i = lane; i < s_dim; i += 32) s[i] = (s[i] - mean[i]) * mean[s_dim + i];
    }
}

// A thread a float.
extern "C" __global__ void scale_columns(float* x, const float* std, const ScaleColumnsArgs* args) {
    unsigned member = blockIdx.y, n = global_thread();
    if (n < args->len) x[(size_t)member * args->len + n] *= std[member * args->columns + n % args->columns];
}

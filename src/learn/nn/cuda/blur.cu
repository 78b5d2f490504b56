// A thread a float; the tail is sigma.
extern "C" __global__ void blur(float* x, const float* noise, const BlurArgs* args) {
    unsigned member = blockIdx.y, n = global_thread();
    if (n >= args->len) return;
    float sigma = tail<float>(args)[member];
    x[(size_t)member * args->len + n] += sigma * noise[(size_t)member * args->noise[1] + args->noise[0] + n];
}

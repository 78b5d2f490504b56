// A thread a float.
extern "C" __global__ void gaussian_sample(float* actions, const float* raw, const float* parameters,
                                           const float* noise, const GaussianSampleArgs* args) {
    unsigned member = blockIdx.y, n = global_thread();
    if (n >= args->len) return;
    size_t at = (size_t)member * args->len + n;
    float mean = tanhf(raw[(size_t)member * args->raw_stride + args->raw + n]);
    float free = parameters[(size_t)member * args->param_stride + args->log_std + n % args->act_dim];
    actions[at] = clamp(mean + expf(clamp(free, LOG_STD_LOW, LOG_STD_HIGH)) * noise[at], -1.0f, 1.0f);
}

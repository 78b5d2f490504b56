// A thread a row; the tail is lambda, discount, factor of the reward.
extern "C" __global__ void target(float* y, const float* out, const float* log_pi, const float* parameters,
                                  const float* batch, const TargetArgs* args) {
    unsigned member = blockIdx.y, n = global_thread();
    if (n >= args->rows) return;
    const float* numbers = tail<float>(args) + 3 * member;
    float lambda = numbers[0], discount = numbers[1], reward_scale = numbers[2];
    size_t base = (size_t)member * args->stride, line = (size_t)member * args->row_stride + n;
    float explore = 0;
    if (args->entropy) {
        float alpha = expf(parameters[(size_t)member * args->param_stride + args->log_alpha]);
        explore = -alpha * log_pi[member * args->log_pi[1] + args->log_pi[0] + n];
    }
    float next = fminf(out[base + args->q[0] + n], out[base + args->q[1] + n]) + explore;
    if (args->with_value) next = lambda * out[base + args->value + n] + (1.0f - lambda) * next;
    const float* end = batch + (line + 1) * args->row;
    y[line] = reward_scale * end[-2] + discount * (1.0f - end[-1]) * next;
}

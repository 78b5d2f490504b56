// A thread a row; the tail is lambda, discount, factor of the reward, kappa.
extern "C" __global__ void target(float* y, const float* out, const float* log_pi, const float* parameters,
                                  const float* batch, const TargetArgs* args) {
    unsigned member = blockIdx.y, n = global_thread();
    if (n >= args->rows) return;
    const float* numbers = tail<float>(args) + 4 * member;
    float lambda = numbers[0], discount = numbers[1], reward_scale = numbers[2], kappa = numbers[3];
    size_t line = (size_t)member * args->row_stride + n;
    out += (size_t)member * args->stride;
    float q0 = out[args->q[0] + n], q1 = out[args->q[1] + n], next = fminf(q0, q1);
    if (args->exploration == ENTROPY) {
        float alpha = expf(parameters[(size_t)member * args->param_stride + args->log_alpha]);
        next -= alpha * log_pi[(size_t)member * args->log_pi[1] + args->log_pi[0] + n];
    } else if (args->exploration == OPTIMISM) {
        next += 0.5f * kappa * fabsf(q0 - q1);
    }
    if (args->with_value) next = lambda * out[args->value + n] + (1.0f - lambda) * next;
    const float* end = batch + (line + 1) * args->row;
    float reward = end[-2];
    if (args->with_ratio) reward += log_ratio(out + args->ratio + 2 * n);
    y[line] = reward_scale * reward + discount * (1.0f - end[-1]) * next;
}

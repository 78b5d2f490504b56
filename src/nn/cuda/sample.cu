// A warp a row.
extern "C" __global__ void sample(float* fresh, float* log_pi, const float* raw, const float* parameters,
                                  const float* noise, const float* batch, const SampleArgs* args) {
    unsigned member = blockIdx.y, n = global_thread() / 32, lane = threadIdx.x % 32;
    if (n >= args->rows) return;
    unsigned a_dim = args->act_dim, s_dim = args->obs_dim, row = n % args->batch, part = n / args->batch;
    const float* affine = parameters + (size_t)member * args->param_stride + args->affine;
    const float* state = batch + ((size_t)member * args->batch + row) * args->row + args->columns[part];
    const float* mean = raw + (size_t)member * args->raw_stride + args->raw[part] + 2 * a_dim * row;
    const float* eps = noise + (size_t)member * args->noise_stride + args->noise + a_dim * n;
    size_t line = (size_t)member * args->rows + n;
    float* to = fresh + line * (s_dim + a_dim);
    for (unsigned i = lane; i < s_dim; i += 32) to[i] = state[i];
    float sum = 0;
    for (unsigned j = lane; j < a_dim; j += 32) {
        float log_std = clamp(affine[0] * mean[a_dim + j] + affine[1], LOG_STD_LOW, LOG_STD_HIGH);
        float u = mean[j] + expf(log_std) * eps[j];
        to[s_dim + j] = tanhf(u);
        sum += -0.5f * eps[j] * eps[j] - log_std - HALF_LOG_TAU - 2.0f * (LN_2 - u - softplus(-2.0f * u));
    }
    sum = warp_sum(sum);
    if (lane == 0) log_pi[line] = sum;
}

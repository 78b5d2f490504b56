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
    float log_p = sample_action(to + s_dim, mean, affine, eps, a_dim, lane);
    if (lane == 0) log_pi[line] = log_p;
}

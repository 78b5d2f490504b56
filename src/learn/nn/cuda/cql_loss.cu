// One block for a member (blockIdx.x) and critic (blockIdx.y), a thread a state; the tail is w and T. Adds to dQ at the
// data's action, the first of a state.
extern "C" __global__ void cql_loss(float* delta, float* stats, const float* out, const float* density,
                                    const CqlLossArgs* args) {
    unsigned member = blockIdx.x, count = args->actions, first = args->importance;
    const float* numbers = tail<float>(args) + 2 * member;
    float t = numbers[1], scale = numbers[0] / args->states, sum = 0;
    for (unsigned n = threadIdx.x; n < args->states; n += blockDim.x) {
        size_t at = (size_t)member * args->stride + args->q[blockIdx.y] + n * count;
        const float* q = out + at;
        float* d = delta + at;
        // Index k - 1 is read for k > 0 only: the data's action has no density.
        const float* log_p = density + ((size_t)member * args->states + n) * (count - 1);
        float largest = LOWEST, total = 0, data = d[0] - scale;
        for (unsigned k = first; k < count; ++k) {
            largest = fmaxf(largest, (first ? q[k] - log_p[k - 1] : q[k]) / t);
        }
        for (unsigned k = first; k < count; ++k) {
            d[k] = expf((first ? q[k] - log_p[k - 1] : q[k]) / t - largest);
            total += d[k];
        }
        for (unsigned k = first; k < count; ++k) d[k] *= scale / total;
        d[0] = first ? data : data + d[0];
        sum += scale * (t * (largest + logf(total)) - q[0]);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) stats[member * args->stats[1] + args->stats[0] + blockIdx.y] = sum;
}

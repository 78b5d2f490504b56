// One block a member.
__device__ inline void td_loss_body(const TdLoss& k) {
    const unsigned* halves = k.args.halves;
    unsigned rows = halves[0] + halves[1];
    float loss[2] = {0, 0}, values[2] = {0, 0}, targets = 0;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        float inverse = 1.0f / halves[n < halves[0] ? 0 : 1], weight = k.w[n], target = k.y[n];
        unsigned own = n < halves[0] ? n : halves[0];
        for (int i = 0; i < 2; ++i) {
            size_t at = k.args.q[i] + own * k.args.steps[0] + (n - own) * k.args.steps[1];
            float error = k.acts[at] - target;
            k.act_grads[at] = 2.0f * weight * error * inverse;
            loss[i] += weight * error * error * inverse;
            values[i] += k.acts[at];
        }
        targets += target;
    }
    float sums[5] = {loss[0], loss[1], values[0] / rows, values[1] / rows, targets / rows};
    for (int i = 0; i < 5; ++i) {
        float sum = block_sum(sums[i]);
        if (threadIdx.x == 0) k.stats[k.args.stats_at + i] = sum;
    }
}

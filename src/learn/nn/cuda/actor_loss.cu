// One block a member; the tail is the target entropy.
extern "C" __global__ void actor_loss(float* delta, float* grad, float* stats, const float* out, const float* log_pi,
                                      const float* parameters, const ActorLossArgs* args) {
    unsigned member = blockIdx.x, rows = args->rows;
    size_t base = (size_t)member * args->stride, scalar = (size_t)member * args->param_stride + args->log_alpha;
    const float* member_log_pi = log_pi + (size_t)member * args->log_pi_stride;
    float log_alpha = parameters[scalar], alpha = expf(log_alpha), push = -1.0f / rows;
    float target_entropy = tail<float>(args)[member], gap = 0, loss = 0, entropy = 0;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        size_t at0 = base + args->q[0] + n, at1 = base + args->q[1] + n;
        float q0 = out[at0], q1 = out[at1], l = member_log_pi[n];
        bool first = q0 <= q1;
        delta[at0] = first ? push : 0.0f;
        delta[at1] = first ? 0.0f : push;
        gap += l + target_entropy;
        loss += alpha * l - fminf(q0, q1);
        entropy += l;
    }
    gap = block_sum(gap) / rows;
    loss = block_sum(loss) / rows;
    entropy = block_sum(entropy) / rows;
    if (threadIdx.x == 0) {
        float* to = stats + member * args->stats[1] + args->stats[0];
        grad[scalar] = -gap;
        to[0] = loss;
        to[1] = -log_alpha * gap;
        to[2] = alpha;
        to[3] = entropy;
    }
}

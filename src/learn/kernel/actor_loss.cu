// One block a member.
__device__ inline void actor_loss_body(const ActorLoss& k) {
    unsigned rows = k.args.rows;
    const float *first_q = k.acts + k.args.q[0], *second_q = k.acts + k.args.q[1];
    float *first_d = k.act_grads + k.args.q[0], *second_d = k.act_grads + k.args.q[1];
    float log_alpha = k.theta[k.args.log_alpha], alpha = expf(log_alpha), push = -1.0f / rows;
    float gap = 0, loss = 0, entropy = 0;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        float q0 = first_q[n], q1 = second_q[n], l = k.log_pi[n];
        bool first = q0 <= q1;
        first_d[n] = first ? push : 0.0f;
        second_d[n] = first ? 0.0f : push;
        gap += l + k.each.target_entropy;
        loss += alpha * l - fminf(q0, q1);
        entropy += l;
    }
    gap = block_sum(gap) / rows;
    loss = block_sum(loss) / rows;
    entropy = block_sum(entropy) / rows;
    if (threadIdx.x == 0) {
        float* to = k.stats + k.args.stats_at;
        k.grad[k.args.log_alpha] = -gap;
        to[0] = loss;
        to[1] = -log_alpha * gap;
        to[2] = alpha;
        to[3] = entropy;
    }
}

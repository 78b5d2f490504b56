// One block a member.
__device__ inline void ratio_loss_body(const RatioLoss& k) {
    unsigned half = k.args.half;
    bool bounded = k.args.heads == PUBLISHED_HEADS;
    const float scale = 2.0f;
    float inverse = 1.0f / half, losses[2] = {0, 0};
    for (unsigned n = threadIdx.x; n < 2 * half; n += blockDim.x) {
        unsigned at_sa = k.args.raw[0] + 2 * n, at_sas = k.args.raw[1] + 2 * n;
        float sa0 = k.acts[at_sa], sa1 = k.acts[at_sa + 1], slope0 = 1, slope1 = 1;
        if (bounded) {
            float t0 = tanhf(sa0), t1 = tanhf(sa1);
            sa0 = scale * t0;
            sa1 = scale * t1;
            slope0 = scale * (1.0f - t0 * t0);
            slope1 = scale * (1.0f - t1 * t1);
        }
        float sas0 = tanhf(k.acts[at_sas]), sas1 = tanhf(k.acts[at_sas + 1]);
        // With two classes, cross-entropy is softplus of (wrong - right logit).
        float sign = n < half ? 1.0f : -1.0f;
        float gap_sa = sign * (sa1 - sa0);
        float gap_sas = gap_sa + sign * scale * (sas1 - sas0);
        losses[0] += softplus(gap_sa) * inverse;
        losses[1] += softplus(gap_sas) * inverse;
        float g_sas = sign * sigmoid(gap_sas) * inverse;
        float g_sa = sign * sigmoid(gap_sa) * inverse + g_sas;
        k.act_grads[at_sa] = -g_sa * slope0;
        k.act_grads[at_sa + 1] = g_sa * slope1;
        k.act_grads[at_sas] = -g_sas * scale * (1.0f - sas0 * sas0);
        k.act_grads[at_sas + 1] = g_sas * scale * (1.0f - sas1 * sas1);
    }
    for (int i = 0; i < 2; ++i) {
        float sum = block_sum(losses[i]);
        if (threadIdx.x == 0) k.stats[k.args.stats_at + i] = sum;
    }
}

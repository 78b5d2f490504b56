// A thread a row.
__device__ inline void target_body(const Target& k) {
    unsigned n = global_thread();
    if (n >= k.args.rows) return;
    float q0 = k.acts[k.args.q[0] + n], q1 = k.acts[k.args.q[1] + n], next = fminf(q0, q1);
    if (k.args.exploration == ENTROPY) {
        next -= expf(k.theta[k.args.log_alpha]) * k.log_pi[k.args.log_pi_at + n];
    } else if (k.args.exploration == OPTIMISM) {
        next += 0.5f * k.each.optimism * fabsf(q0 - q1);
    }
    if (k.args.v.there) next = k.each.lambda * k.acts[k.args.v.at + n] + (1.0f - k.each.lambda) * next;
    const float* row = k.batch + (size_t)n * k.args.row.len;
    float reward = k.each.reward_scale * row[k.args.row.reward()];
    k.y[n] = reward + k.each.discount * (1.0f - row[k.args.row.terminated()]) * next;
}

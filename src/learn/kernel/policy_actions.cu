// A thread a float of (s, a).
__device__ inline void policy_actions_body(const PolicyActions& k) {
    unsigned at = global_thread(), s_dim = k.args.row.obs_dim, a_dim = k.args.row.act_dim;
    if (at >= k.args.rows * (s_dim + a_dim)) return;
    unsigned n = at / (s_dim + a_dim), column = at % (s_dim + a_dim);
    if (column < s_dim) {
        k.fresh[at] = k.batch_rows[(size_t)n * k.args.row.len + k.args.column + column];
        return;
    }
    unsigned from = a_dim * n + column - s_dim;
    float noise = clamp(k.each.std * k.noise[from], -k.each.clip, k.each.clip);
    k.fresh[at] = clamp(tanhf(k.acts[k.args.raw + from]) + noise, -1.0f, 1.0f);
}

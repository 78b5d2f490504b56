// A thread a number of an action.
__device__ inline void td3bc_grad_body(const Td3BcGrad& k) {
    unsigned at = global_thread(), a_dim = k.args.row.act_dim, len = k.args.rows * a_dim;
    if (at >= len) return;
    float pi = tanhf(k.acts[k.args.raw + at]);
    float a = k.batch[(size_t)(at / a_dim) * k.args.row.len + k.args.row.action() + at % a_dim];
    k.deltas[k.args.raw + at] = (k.deltas[k.args.d_action + at] + 2.0f / len * (pi - a)) * (1.0f - pi * pi);
}

// A thread a number.
__device__ inline void elu_grad_body(const EluGrad& k) {
    unsigned n = global_thread();
    if (n >= k.args.len) return;
    float x = k.acts[k.args.x + n];
    k.deltas[k.args.x + n] = k.deltas[k.args.d_y + n] * (x > 0.0f ? 1.0f : expf(x));
}

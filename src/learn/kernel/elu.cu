// A thread a number.
__device__ inline void elu_body(const Elu& k) {
    unsigned n = global_thread();
    if (n >= k.args.len) return;
    float x = k.acts[k.args.x + n];
    k.hidden[n] = x > 0.0f ? x : expm1f(x);
}

// A thread a float.
__device__ inline void blur_body(const Blur& k) {
    unsigned n = global_thread();
    if (n < k.args.len) k.x[n] += k.each.std * k.noise[n];
}

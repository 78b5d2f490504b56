// A thread a float.
__device__ inline void scale_columns_body(const ScaleColumns& k) {
    unsigned n = global_thread();
    if (n < k.args.len) k.x[n] *= k.std[n % k.args.columns];
}

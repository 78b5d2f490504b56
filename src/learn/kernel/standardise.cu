// A warp a row.
__device__ inline void standardise_body(const Standardise& k) {
    unsigned n = global_thread() / 32, lane = threadIdx.x % 32, s_dim = k.args.row.obs_dim;
    if (n >= k.args.rows.len) return;
    const float *mean = k.scale, *inverse = k.scale + s_dim;
    float* row = k.batch + (size_t)(k.args.rows.start + n) * k.args.row.len;
    for (int part = 0; part < 2; ++part) {
        float* s = row + (part == 0 ? 0 : k.args.row.next_obs());
        for (unsigned i = lane; i < s_dim; i += 32) s[i] = (s[i] - mean[i]) * inverse[i];
    }
}

struct AdamGroup { unsigned first, len; float root; };

// Four floats a thread, over the groups laid end to end. The table: a row for each group, then rate / bias1 of each
// member and group. A step to what is not finite is not taken, and said.
__device__ inline void adam_body(const Adam& k) {
    const AdamGroup* groups = reinterpret_cast<const AdamGroup*>(k.table);
    if (k.health[FROZEN] != 0.0f) return;
    unsigned count = k.args.groups;
    const float* rates = reinterpret_cast<const float*>(groups + count) + k.member * count;
    unsigned first = blockIdx.x * blockDim.x * 4 + threadIdx.x;
    for (unsigned i = 0; i < 4; ++i) {
        unsigned n = first + i * blockDim.x, group = 0;
        while (group < count && n >= groups[group].len) n -= groups[group++].len;
        if (group == count) return;
        size_t at = (size_t)groups[group].first + n;
        float g = k.grad[at], m = BETA_1 * k.m[at] + REST_1 * g;
        float v = BETA_2 * k.v[at] + REST_2 * g * g;
        float next = k.theta[at] - rates[group] * m / (sqrtf(v) / groups[group].root + EPS);
        k.m[at] = m;
        k.v[at] = v;
        if (fabsf(next) <= -LOWEST) {
            k.theta[at] = next;
        } else {
            k.health[BROKEN] = 1.0f; // whoever writes it writes the same
        }
    }
}

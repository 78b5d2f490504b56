// Four floats a thread, over the groups laid end to end. The tail: a row for each group, then rate / bias1 of each
// member and group. A step to what is not finite is not taken, and said.
extern "C" __global__ void adam(float* theta, float* m, float* v, float* health, const float* grad,
                                const AdamArgs* args) {
    const AdamGroup* groups = tail<AdamGroup>(args);
    unsigned member = blockIdx.y;
    if (health[member * HEALTH + FROZEN] != 0.0f) return;
    const float* rates = reinterpret_cast<const float*>(groups + args->groups) + member * args->groups;
    unsigned first = blockIdx.x * blockDim.x * 4 + threadIdx.x;
    for (unsigned k = 0; k < 4; ++k) {
        unsigned n = first + k * blockDim.x, group = 0;
        while (group < args->groups && n >= groups[group].len) n -= groups[group++].len;
        if (group == args->groups) return;
        size_t at = (size_t)member * args->stride + groups[group].first + n;
        float g = grad[at], m1 = args->beta[0] * m[at] + args->rest[0] * g;
        float v1 = args->beta[1] * v[at] + args->rest[1] * g * g;
        float next = theta[at] - rates[group] * m1 / (sqrtf(v1) / groups[group].root + args->eps);
        m[at] = m1;
        v[at] = v1;
        if (fabsf(next) <= -LOWEST) {
            theta[at] = next;
        } else {
            health[member * HEALTH + BROKEN] = 1.0f; // whoever writes it writes the same
        }
    }
}

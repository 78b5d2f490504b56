// Four floats a thread, over the groups laid end to end. The tail: a row for each group, then rate / bias1 of each
// member and group.
extern "C" __global__ void adam(float* theta, float* m, float* v, const float* grad, const AdamArgs* args) {
    const AdamGroup* groups = tail<AdamGroup>(args);
    unsigned member = blockIdx.y;
    const float* rates = reinterpret_cast<const float*>(groups + args->groups) + member * args->groups;
    unsigned first = blockIdx.x * blockDim.x * 4 + threadIdx.x;
    for (unsigned k = 0; k < 4; ++k) {
        unsigned n = first + k * blockDim.x, group = 0;
        while (group < args->groups && n >= groups[group].len) n -= groups[group++].len;
        if (group == args->groups) return;
        size_t at = (size_t)member * args->stride + groups[group].first + n;
        float g = grad[at], m1 = args->beta[0] * m[at] + args->rest[0] * g;
        float v1 = args->beta[1] * v[at] + args->rest[1] * g * g;
        m[at] = m1;
        v[at] = v1;
        theta[at] -= rates[group] * m1 / (sqrtf(v1) / groups[group].root + args->eps);
    }
}

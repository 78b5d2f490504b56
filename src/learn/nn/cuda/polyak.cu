// Four floats a thread; the tail is the rate.
extern "C" __global__ void polyak(float* target, const float* theta, const float* health, const PolyakArgs* args) {
    unsigned member = blockIdx.y;
    if (health[member * HEALTH + FROZEN] != 0.0f) return;
    float rate = tail<float>(args)[member];
    unsigned first = blockIdx.x * blockDim.x * 4 + threadIdx.x;
    for (unsigned n = first; n < args->len && n < first + 4 * blockDim.x; n += blockDim.x) {
        size_t at = (size_t)member * args->len + n;
        target[at] = (1.0f - rate) * target[at] + rate * theta[(size_t)member * args->stride + args->first + n];
    }
}

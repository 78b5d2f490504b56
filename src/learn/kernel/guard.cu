// A thread a member: freezes it where a loss or parameter is not finite.
__device__ inline void guard_body(const Guard& k) {
    if (threadIdx.x > 0) return;
    bool lost = k.health[BROKEN] != 0.0f;
    for (unsigned i = 0; i < k.args.len; ++i) lost |= !(fabsf(k.stats[i]) <= -LOWEST);
    if (lost && k.health[FROZEN] == 0.0f) k.health[FROZEN] = k.args.update;
}

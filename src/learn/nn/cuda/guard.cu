// A thread a member: freezes it where a loss or parameter is not finite.
extern "C" __global__ void guard(float* health, const float* stats, const GuardArgs* args) {
    unsigned member = global_thread();
    if (member >= args->members) return;
    bool lost = health[member * HEALTH + BROKEN] != 0.0f;
    for (unsigned i = 0; i < args->stats; ++i) lost |= !(fabsf(stats[member * args->stats + i]) <= -LOWEST);
    if (lost && health[member * HEALTH + FROZEN] == 0.0f) health[member * HEALTH + FROZEN] = args->update;
}

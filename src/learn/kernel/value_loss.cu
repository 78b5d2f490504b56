// One block a member.

__device__ inline float value_error(const ValueLoss& k, unsigned n) {
    return fminf(k.acts[k.args.q[0] + n], k.acts[k.args.q[1] + n]) - k.acts[k.args.v + n];
}

__device__ inline void value_loss_body(const ValueLoss& k) {
    unsigned rows = k.args.rows;
    ValueRule rule = k.each.rule;
    float inverse = 1.0f / rows, shift = 0, sum = 0, values = 0;
    if (rule.kind == EXPONENTIAL) {
        for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
            shift = fmaxf(shift, fminf(value_error(k, n) / rule.first, rule.clip));
        }
        shift = block_max(shift);
    }
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        float error = value_error(k, n), loss, slope;
        if (rule.kind == EXPECTILE) {
            float weight = error < 0.0f ? 1.0f - rule.first : rule.first;
            loss = weight * error * error;
            slope = 2.0f * weight * error;
        } else if (rule.kind == SPARSE) {
            float term = fmaxf(1.0f + error / (2.0f * rule.first), 0.0f);
            loss = term * term - error / rule.first;
            slope = (term - 1.0f) / rule.first;
        } else {
            float z = error / rule.first, top = expf(fminf(z, rule.clip) - shift), one = expf(-shift);
            loss = top * (1.0f + fmaxf(z - rule.clip, 0.0f)) - (z + 1.0f) * one;
            slope = (top - one) / rule.first;
        }
        k.act_grads[k.args.v + n] = -slope * inverse;
        sum += loss * inverse;
        values += k.acts[k.args.v + n] * inverse;
    }
    sum = block_sum(sum);
    values = block_sum(values);
    if (threadIdx.x == 0) {
        k.stats[k.args.stats_at] = sum;
        k.stats[k.args.stats_at + 1] = values;
    }
}

// One block a member; the tail is the rule's two numbers: tau or alpha, and the largest exponent.

__device__ inline float value_error(const float* out, const ValueLossArgs* args, unsigned n) {
    return fminf(out[args->q[0] + n], out[args->q[1] + n]) - out[args->v + n];
}

extern "C" __global__ void value_loss(float* delta, float* stats, const float* out, const ValueLossArgs* args) {
    unsigned member = blockIdx.x, rows = args->rows;
    const float* numbers = tail<float>(args) + 2 * member;
    out += (size_t)member * args->stride;
    delta += (size_t)member * args->stride;
    float first = numbers[0], clip = numbers[1], inverse = 1.0f / rows, shift = 0, sum = 0, values = 0;
    if (args->rule == EXPONENTIAL) {
        for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
            shift = fmaxf(shift, fminf(value_error(out, args, n) / first, clip));
        }
        shift = block_max(shift);
    }
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) {
        float error = value_error(out, args, n), loss, slope;
        if (args->rule == EXPECTILE) {
            float weight = error < 0.0f ? 1.0f - first : first;
            loss = weight * error * error;
            slope = 2.0f * weight * error;
        } else if (args->rule == SPARSE) {
            float term = fmaxf(1.0f + error / (2.0f * first), 0.0f);
            loss = term * term - error / first;
            slope = (term - 1.0f) / first;
        } else {
            float z = error / first, top = expf(fminf(z, clip) - shift), one = expf(-shift);
            loss = top * (1.0f + fmaxf(z - clip, 0.0f)) - (z + 1.0f) * one;
            slope = (top - one) / first;
        }
        delta[args->v + n] = -slope * inverse;
        sum += loss * inverse;
        values += out[args->v + n] * inverse;
    }
    sum = block_sum(sum);
    values = block_sum(values);
    if (threadIdx.x == 0) {
        float* to = stats + member * args->stats[1] + args->stats[0];
        to[0] = sum;
        to[1] = values;
    }
}

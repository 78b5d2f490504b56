// Backward through a last layer of a few outputs, all of it from one reading of h: dh <- (dy W^T) where h > 0, the
// gradients of W, of b, and of the bias b' below. A block takes 32 columns of h, a warp every (warps)th row;
// blockIdx.y is the job, blockIdx.z the member.
extern "C" __global__ void __launch_bounds__(SUM_THREADS, 2)
dense_grad_narrow(float* act_grads, float* grad, const float* theta, const float* acts,
                                             const DenseGradNarrowArgs* args) {
    __shared__ float parts[32][33];
    const DenseGradNarrowJob& job = tail<DenseGradNarrowJob>(args)[blockIdx.y];
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    unsigned column = blockIdx.x * 32 + lane, outputs = job.outputs;
    if (blockIdx.x * 32 >= job.inputs) return; // the whole block
    bool on = column < job.inputs;
    size_t place = (size_t)blockIdx.z * args->act_stride, params = (size_t)blockIdx.z * args->param_stride;
    const float* dy = act_grads + place + job.dy;
    float w[NARROW], dw[NARROW], d_below = 0, db = 0;
#pragma unroll
    for (unsigned o = 0; o < NARROW; ++o) {
        w[o] = on && o < outputs ? theta[params + job.weight + column * outputs + o] : 0.0f;
        dw[o] = 0;
    }
    for (unsigned row = warp; row < job.rows; row += warps) {
        size_t at = place + job.h + (size_t)row * job.inputs + column;
        float h = on ? acts[at] : 0.0f, dh = 0;
#pragma unroll
        for (unsigned o = 0; o < NARROW; ++o) {
            if (o < outputs) {
                float d = dy[(size_t)row * outputs + o];
                dh += d * w[o];
                dw[o] += h * d;
                if (o == lane) db += d;
            }
        }
        dh = h > 0.0f ? dh : 0.0f;
        if (on) act_grads[at] = dh;
        d_below += dh;
    }
    if (!job.weights) return; // the whole block
#pragma unroll
    for (unsigned o = 0; o < NARROW + 2; ++o) {
        if (o >= outputs && o < NARROW) continue; // the whole block
        __syncthreads();
        parts[warp][lane] = o < NARROW ? dw[o < NARROW ? o : 0] : (o == NARROW ? d_below : db);
        __syncthreads();
        if (warp > 0) continue;
        float sum = 0;
        for (unsigned other = 0; other < warps; ++other) sum += parts[other][lane];
        if (o < NARROW) {
            if (on) grad[params + job.weight + column * outputs + o] = sum;
        } else if (o == NARROW) {
            if (on && job.below_weights) grad[params + job.below + column] = sum;
        } else if (blockIdx.x == 0 && lane < outputs) {
            grad[params + job.bias + lane] = sum;
        }
    }
}

// A last layer of a few outputs, and the bias and ReLU of the layer below it: h <- max(h + b', 0), y <- h W + b.
// A warp a row, blockIdx.y the job, blockIdx.z the member.
extern "C" __global__ void dense_narrow(float* acts, const float* theta, const float* target,
                                        const DenseNarrowArgs* args) {
    const DenseNarrowJob& job = tail<DenseNarrowJob>(args)[blockIdx.y];
    unsigned row = global_thread() / 32, lane = threadIdx.x % 32, outputs = job.outputs;
    if (row >= job.rows) return;
    const float* bank = (job.bank ? target : theta) + (size_t)blockIdx.z * args->banks[job.bank];
    float* mine = acts + (size_t)blockIdx.z * args->stride;
    float* h = mine + job.h + (size_t)row * job.inputs;
    float sums[NARROW] = {};
    for (unsigned i = lane; i < job.inputs; i += 32) {
        float v = h[i];
        if (!job.activated) {
            v = relu(v + bank[job.below + i]);
            if (job.save_for_backward) h[i] = v;
        }
        const float* w = bank + job.weight + i * outputs;
#pragma unroll
        for (unsigned o = 0; o < NARROW; ++o) {
            if (o < outputs) sums[o] += v * w[o];
        }
    }
#pragma unroll
    for (unsigned o = 0; o < NARROW; ++o) {
        if (o < outputs) {
            float sum = warp_sum(sums[o]);
            if (lane == 0) mine[job.y + (size_t)row * outputs + o] = sum + bank[job.bias + o];
        }
    }
}

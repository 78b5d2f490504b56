// y <- y + b, then max(., 0) for hidden layers: four floats a thread, blockIdx.y the job, blockIdx.z the member.
extern "C" __global__ void dense_bias(float* acts, const float* theta, const float* target,
                                      const DenseBiasArgs* args) {
    const DenseBiasJob& job = tail<DenseBiasJob>(args)[blockIdx.y];
    const float* bias = (job.bank ? target : theta) + (size_t)blockIdx.z * args->banks[job.bank] + job.bias;
    float* y = acts + (size_t)blockIdx.z * args->stride + job.y;
    unsigned first = blockIdx.x * blockDim.x * 4 + threadIdx.x, len = job.rows * job.outputs;
    for (unsigned n = first; n < len && n < first + 4 * blockDim.x; n += blockDim.x) {
        float v = y[n] + bias[n % job.outputs];
        y[n] = job.hidden ? relu(v) : v;
    }
}

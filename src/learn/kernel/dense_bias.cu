// y <- y + b, then max(., 0) for hidden layers: four floats a thread, blockIdx.y the job, blockIdx.z the member.
// Where groups of `per` rows share part of the first layer, that part stands for b, a row of it for each group.
extern "C" __global__ void dense_bias(float* acts, const float* theta, const float* target,
                                      const DenseBiasArgs* args) {
    const DenseBiasJob& job = tail<DenseBiasJob>(args)[blockIdx.y];
    const float* bank = (job.bank ? target : theta) + (size_t)blockIdx.z * args->banks[job.bank];
    float* mine = acts + (size_t)blockIdx.z * args->stride;
    unsigned first = blockIdx.x * blockDim.x * 4 + threadIdx.x, len = job.rows * job.outputs;
    for (unsigned n = first; n < len && n < first + 4 * blockDim.x; n += blockDim.x) {
        unsigned row = n / job.outputs, column = n % job.outputs;
        float b = job.per ? mine[job.shared_part + row / job.per * job.outputs + column] : bank[job.bias + column];
        float v = mine[job.y + n] + b;
        mine[job.y + n] = job.hidden ? relu(v) : v;
    }
}

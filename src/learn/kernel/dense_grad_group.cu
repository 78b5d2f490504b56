// Where groups of `per` rows share part of the first layer: its gradient, the sum of theirs. A thread a float,
// blockIdx.y the job, blockIdx.z the member.
extern "C" __global__ void dense_grad_group(float* act_grads, const DenseGradGroupArgs* args) {
    const DenseGradGroupJob& job = tail<DenseGradGroupJob>(args)[blockIdx.y];
    unsigned n = global_thread();
    if (n >= job.groups * job.columns) return;
    float* mine = act_grads + (size_t)blockIdx.z * args->act_stride;
    const float* from = mine + job.at + (size_t)(n / job.columns) * job.per * job.columns + n % job.columns;
    float sum = 0;
    for (unsigned k = 0; k < job.per; ++k) sum += from[(size_t)k * job.columns];
    mine[job.shared_part + n] = sum;
}

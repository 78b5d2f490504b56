// d <- d where h > 0 (if masked), and the gradient of the bias: the sum of d over the rows (if wanted). A block takes
// 32 columns, a warp every (warps)th row; blockIdx.y is the job, blockIdx.z the member.
extern "C" __global__ void __launch_bounds__(SUM_THREADS, 2)
dense_grad_mask(float* act_grads, float* grad, const float* acts,
                                           const DenseGradMaskArgs* args) {
    __shared__ float parts[32][33];
    const DenseGradMaskJob& job = tail<DenseGradMaskJob>(args)[blockIdx.y];
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    unsigned column = blockIdx.x * 32 + lane;
    if (blockIdx.x * 32 >= job.columns) return; // the whole block
    bool on = column < job.columns;
    float sum = 0;
    for (unsigned row = warp; on && row < job.rows; row += warps) {
        size_t at = (size_t)blockIdx.z * args->act_stride + job.at + (size_t)row * job.columns + column;
        float d = act_grads[at];
        if (job.masked) {
            d = acts[at] > 0.0f ? d : 0.0f;
            act_grads[at] = d;
        }
        sum += d;
    }
    if (!job.weights) return; // the whole block
    parts[warp][lane] = sum;
    __syncthreads();
    if (warp > 0 || !on) return;
    sum = 0;
    for (unsigned other = 0; other < warps; ++other) sum += parts[other][lane];
    grad[(size_t)blockIdx.z * args->param_stride + job.bias + column] = sum;
}

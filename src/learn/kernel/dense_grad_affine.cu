// The gradients of a normalised layer's gain and shift: the sums over the rows of dz unit and of dz. A block takes 32
// columns, a warp every (warps)th row; blockIdx.y is the job, blockIdx.z the member.
extern "C" __global__ void __launch_bounds__(SUM_THREADS, 2)
dense_grad_affine(const float* act_grads, float* grad, const float* acts, const DenseGradAffineArgs* args) {
    __shared__ float parts[2][32][33];
    const DenseGradAffineJob& job = tail<DenseGradAffineJob>(args)[blockIdx.y];
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    unsigned column = blockIdx.x * 32 + lane;
    if (blockIdx.x * 32 >= job.columns) return; // the whole block
    bool on = column < job.columns;
    float gain = 0, shift = 0;
    for (unsigned row = warp; on && row < job.rows; row += warps) {
        size_t at = (size_t)blockIdx.z * args->act_stride + job.unit + (size_t)row * job.columns + column;
        gain += act_grads[at] * acts[at];
        shift += act_grads[at];
    }
    parts[0][warp][lane] = gain;
    parts[1][warp][lane] = shift;
    __syncthreads();
    if (warp > 0 || !on) return;
    gain = shift = 0;
    for (unsigned other = 0; other < warps; ++other) {
        gain += parts[0][other][lane];
        shift += parts[1][other][lane];
    }
    float* mine = grad + (size_t)blockIdx.z * args->param_stride;
    mine[job.gain + column] = gain;
    mine[job.shift + column] = shift;
}

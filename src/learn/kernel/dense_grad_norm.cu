// From the gradient of a normalised layer's outputs to that of its sums: dz <- d where y > 0, e <- gain dz, and
// d <- (e - mean(e) - unit mean(e unit)) / sqrt(var + epsilon). dz is kept at the place of unit. A warp a row, blockIdx.y
// the job, blockIdx.z the member.
extern "C" __global__ void dense_grad_norm(float* act_grads, const float* theta, const float* acts,
                                           const DenseGradNormArgs* args) {
    const DenseGradNormJob& job = tail<DenseGradNormJob>(args)[blockIdx.y];
    unsigned row = global_thread() / 32, lane = threadIdx.x % 32, outputs = job.outputs;
    if (row >= job.rows) return;
    size_t place = (size_t)blockIdx.z * args->act_stride, at = place + job.y + (size_t)row * outputs;
    size_t unit_at = place + job.unit + (size_t)row * outputs;
    const float* gain = theta + (size_t)blockIdx.z * args->param_stride + job.gain;
    const float* unit = acts + unit_at;
    float sum = 0, along = 0;
    for (unsigned i = lane; i < outputs; i += 32) {
        float d = acts[at + i] > 0.0f ? act_grads[at + i] : 0.0f;
        if (job.kept) act_grads[unit_at + i] = d;
        if (job.affine) d *= gain[i];
        act_grads[at + i] = d;
        sum += d;
        along += d * unit[i];
    }
    float mean = warp_sum(sum) / outputs, share = warp_sum(along) / outputs;
    float inverse = acts[place + job.inverse + row];
    for (unsigned i = lane; i < outputs; i += 32) {
        act_grads[at + i] = inverse * (act_grads[at + i] - mean - unit[i] * share);
    }
}

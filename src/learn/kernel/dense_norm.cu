// A normalised hidden layer, from its products: x <- y + b, unit <- (x - mean) / sqrt(var + epsilon), and
// y <- max(gain unit + shift, 0). A warp a row, blockIdx.y the job, blockIdx.z the member. Where groups of `per` rows share
// part of the first layer, that part stands for b.
extern "C" __global__ void dense_norm(float* acts, const float* theta, const float* target, const DenseNormArgs* args) {
    const DenseNormJob& job = tail<DenseNormJob>(args)[blockIdx.y];
    unsigned row = global_thread() / 32, lane = threadIdx.x % 32, outputs = job.outputs;
    if (row >= job.rows) return;
    const float* bank = (job.bank ? target : theta) + (size_t)blockIdx.z * args->banks[job.bank];
    float* mine = acts + (size_t)blockIdx.z * args->stride;
    float* y = mine + job.y + (size_t)row * outputs;
    float* unit = mine + job.unit + (size_t)row * outputs;
    const float* b = job.per ? mine + job.shared_part + (size_t)(row / job.per) * outputs : bank + job.bias;
    float sum = 0, squares = 0;
    for (unsigned i = lane; i < outputs; i += 32) sum += y[i] + b[i];
    float mean = warp_sum(sum) / outputs;
    for (unsigned i = lane; i < outputs; i += 32) {
        float x = y[i] + b[i] - mean;
        unit[i] = x;
        squares += x * x;
    }
    float inverse = 1.0f / sqrtf(warp_sum(squares) / outputs + NORM_EPSILON);
    for (unsigned i = lane; i < outputs; i += 32) {
        float x = unit[i] * inverse;
        unit[i] = x;
        y[i] = relu(job.affine ? bank[job.gain + i] * x + bank[job.shift + i] : x);
    }
    if (lane == 0) mine[job.inverse + row] = inverse;
}

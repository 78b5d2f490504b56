// What the kernels share. Compiled by NVRTC together with all of them, and by the host's C++ compiler in the tests.
// Sums run in a fixed order and nothing is added atomically: a member's bits depend on its own numbers alone.

// The words behind a kernel's arguments.
template <class T, class A> __device__ inline const T* tail(const A* args) {
    return reinterpret_cast<const T*>(args + 1);
}

// Two words of a member's seed, low word first.
struct Seed { unsigned word[2]; };

// What lies side by side.
struct Span { unsigned start, len; };

// A place that may be missing.
struct Maybe { unsigned there, at; };

// Where the parts of a transition lie in a row.
struct RowLayout {
    unsigned obs_dim, act_dim, len;
    __device__ unsigned action() const { return obs_dim; }
    __device__ unsigned next_obs() const { return obs_dim + act_dim; }
    __device__ unsigned reward() const { return next_obs() + obs_dim; }
    __device__ unsigned terminated() const { return reward() + 1; }
};

// Which policy, and where its own parameters begin.
struct LogStd { unsigned constant, own; };

// How V is learned: a choice by name; tau or alpha; the largest exponent.
struct ValueRule { unsigned kind; float first, clip; };

__device__ inline unsigned global_thread() { return blockIdx.x * blockDim.x + threadIdx.x; }

// ---- sums ----

// Over a warp; every lane gets it.
__device__ inline float warp_sum(float v) {
    for (int step = 16; step > 0; step /= 2) v += __shfl_xor_sync(0xffffffffu, v, step);
    return v;
}

// Over a block of whole warps; every thread gets it.
__device__ inline float block_sum(float v) {
    __shared__ float parts[32];
    v = warp_sum(v);
    __syncthreads(); // the parts of an earlier sum have been read
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = v;
    __syncthreads();
    float sum = 0;
    for (unsigned w = 0; w < blockDim.x / 32; ++w) sum += parts[w];
    return sum;
}

// The largest number of a block; every thread gets it.
__device__ inline float block_max(float v) {
    __shared__ float parts[32];
    for (int step = 16; step > 0; step /= 2) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, step));
    __syncthreads(); // the parts of an earlier call have been read
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = v;
    __syncthreads();
    for (unsigned w = 0; w < blockDim.x / 32; ++w) v = fmaxf(v, parts[w]);
    return v;
}

#define LOWEST -3.402823466e38f

// ---- functions ----

// log(1 + e^x) without overflow.
__device__ inline float softplus(float x) { return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))); }

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// What is not a number stays so.
__device__ inline float clamp(float x, float low, float high) { return x < low ? low : (x > high ? high : x); }

// max(x, 0), and 0 for what is not a number, as on the CPU.
__device__ inline float relu(float x) { return x > 0.0f ? x : 0.0f; }

// ---- the policy's head ----

#define LOG_STD_LOW -20.0f
#define LOG_STD_HIGH 2.0f
#define HALF_LOG_TAU 0.9189385f
#define LN_2 0.69314718f

// Writes the action of one row and gives its log-probability, a warp together.
__device__ inline float sample_action(float* action, const float* raw, const float* affine, const float* eps,
                                      unsigned a_dim, unsigned lane) {
    float log_p = 0;
    for (unsigned j = lane; j < a_dim; j += 32) {
        float log_std = clamp(affine[0] * raw[a_dim + j] + affine[1], LOG_STD_LOW, LOG_STD_HIGH);
        float u = raw[j] + expf(log_std) * eps[j];
        action[j] = tanhf(u);
        log_p += -0.5f * eps[j] * eps[j] - log_std - HALF_LOG_TAU - 2.0f * (LN_2 - u - softplus(-2.0f * u));
    }
    return warp_sum(log_p);
}

// ---- the dynamics ratio ----

// log p_real/p_sim (s'|s,a) from the (s,a,s') network's raw outputs.
__device__ inline float log_ratio(const float* raw) { return 2.0f * (tanhf(raw[0]) - tanhf(raw[1])); }

// ---- Philox4x32-10 ----

struct Words { unsigned at[4]; };

// Key: the member's seed; counter: (env, step, stream, block).
__device__ inline Words philox(const unsigned* seed, unsigned env, unsigned step, unsigned stream, unsigned block) {
    unsigned k0 = seed[0], k1 = seed[1];
    Words c = {{env, step, stream, block}};
    for (int round = 0; round < 10; ++round) {
        unsigned long long a = 0xD2511F53ull * c.at[0], b = 0xCD9E8D57ull * c.at[2];
        c = {{(unsigned)(b >> 32) ^ c.at[1] ^ k0, (unsigned)b, (unsigned)(a >> 32) ^ c.at[3] ^ k1, (unsigned)a}};
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

// Uniform on [0, 1) with 24 bits.
__device__ inline float unit(unsigned word) { return (word >> 8) * (1.0f / 16777216.0f); }

// Two independent standard normals (Box-Muller).
__device__ inline void normal_pair(unsigned a, unsigned b, float* out) {
    float r = sqrtf(-2.0f * logf(1.0f - unit(a)));
    float angle = 6.2831853f * unit(b);
    out[0] = r * cosf(angle);
    out[1] = r * sinf(angle);
}

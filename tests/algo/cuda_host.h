// CUDA on the host, one block at a time: a block's threads are fibres, so that barriers and shuffles wait as on a GPU.
// Fibres run in ascending or descending order: a kernel that lacks a barrier gives two answers.
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ucontext.h>
#include <vector>

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)

struct Dim { unsigned x, y, z; };
Dim blockIdx, threadIdx, blockDim, gridDim;

namespace host {

const unsigned MOST = 1024;
const size_t STACK = 64 * 1024;

struct Barrier {
    unsigned alive, arrived, generation;
    void release() {
        if (alive > 0 && arrived == alive) {
            arrived = 0;
            ++generation;
        }
    }
};

ucontext_t scheduler, fibres[MOST];
char* stacks;
bool done[MOST];
float slots[MOST];
unsigned events; // releases and ends: without any, the block hangs
Barrier block, warps[MOST / 32];
void (*body)(void**);
void** pointers;

void wait(Barrier& barrier) {
    unsigned before = barrier.generation;
    ++barrier.arrived;
    barrier.release();
    if (barrier.generation != before) ++events;
    while (barrier.generation == before) swapcontext(&fibres[threadIdx.x], &scheduler);
}

void fibre() {
    body(pointers);
    unsigned id = threadIdx.x;
    done[id] = true;
    ++events;
    --block.alive;
    block.release();
    --warps[id / 32].alive;
    warps[id / 32].release();
    setcontext(&scheduler);
}

bool run_block(bool descending) {
    unsigned threads = blockDim.x;
    block = {threads, 0, 0};
    for (unsigned w = 0; w < threads / 32; ++w) warps[w] = {32, 0, 0};
    for (unsigned t = 0; t < threads; ++t) {
        done[t] = false;
        getcontext(&fibres[t]);
        fibres[t].uc_stack.ss_sp = stacks + t * STACK;
        fibres[t].uc_stack.ss_size = STACK;
        fibres[t].uc_link = nullptr;
        makecontext(&fibres[t], fibre, 0);
    }
    for (unsigned seen; block.alive > 0;) {
        seen = events;
        for (unsigned n = 0; n < threads; ++n) {
            unsigned t = descending ? threads - 1 - n : n;
            if (done[t]) continue;
            threadIdx = {t, 0, 0};
            swapcontext(&scheduler, &fibres[t]);
        }
        if (events == seen) return false;
    }
    return true;
}

template <class... P> void call(void (*kernel)(), P... p) { ((void (*)(P...))kernel)(p...); }

} // namespace host

void __syncthreads() { host::wait(host::block); }

float __shfl_xor_sync(unsigned, float v, int step) {
    unsigned id = threadIdx.x;
    host::slots[id] = v;
    host::wait(host::warps[id / 32]);
    float other = host::slots[id ^ step];
    host::wait(host::warps[id / 32]);
    return other;
}

static void (*kernel_of_the_launch)();
static int pointers_of_the_launch;

static void call_kernel(void** p) {
    void (*k)() = kernel_of_the_launch;
    switch (pointers_of_the_launch) {
    case 2: return host::call(k, p[0], p[1]);
    case 3: return host::call(k, p[0], p[1], p[2]);
    case 4: return host::call(k, p[0], p[1], p[2], p[3]);
    case 5: return host::call(k, p[0], p[1], p[2], p[3], p[4]);
    case 6: return host::call(k, p[0], p[1], p[2], p[3], p[4], p[5]);
    case 7: return host::call(k, p[0], p[1], p[2], p[3], p[4], p[5], p[6]);
    case 8: return host::call(k, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]);
    default: fprintf(stderr, "a kernel of %d pointers\n", pointers_of_the_launch); abort();
    }
}

// Runs every block of a grid; false if one of them hangs.
extern "C" bool host_launch(void (*kernel)(), void** pointers, int count, const unsigned* grid, unsigned threads,
                            bool descending) {
    if (threads == 0 || threads > host::MOST || threads % 32 != 0) return false;
    if (!host::stacks) host::stacks = (char*)malloc(host::MOST * host::STACK);
    kernel_of_the_launch = kernel;
    pointers_of_the_launch = count;
    host::body = call_kernel;
    host::pointers = pointers;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {threads, 1, 1};
    for (unsigned z = 0; z < grid[2]; ++z)
        for (unsigned y = 0; y < grid[1]; ++y)
            for (unsigned x = 0; x < grid[0]; ++x) {
                blockIdx = {x, y, z};
                if (!host::run_block(descending)) return false;
            }
    return true;
}

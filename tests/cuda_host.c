/* A stand-in for a CUDA device: the kernels as plain functions that one thread calls.

   The caller sets the place of a thread and calls a kernel as that thread. Where lanes of a warp
   exchange values, 32 threads call at once and meet in `__syncwarp`; a lane that does not come
   breaks the warp, which `host_in_step` tells. With `host_start_warp(1)` lanes come one by one
   and teams must have a single lane. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

enum { WARP = 32, SHARED_BYTES = 48 * 1024 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t met = PTHREAD_COND_INITIALIZER;
static int n_lanes_here, n_waiting, broken;
static long long n_meetings;
static double slots[WARP];

struct dim3 {
    unsigned x;
};
static _Thread_local struct dim3 threadIdx, blockIdx, blockDim;

static void __syncwarp(void) {
    struct timespec deadline;
    if (n_lanes_here == 1) return;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 20;
    pthread_mutex_lock(&mutex);
    const long long meeting = n_meetings;
    if (!broken && ++n_waiting == n_lanes_here) {
        n_waiting = 0;
        n_meetings++;
        pthread_cond_broadcast(&met);
    }
    while (!broken && meeting == n_meetings)
        if (pthread_cond_timedwait(&met, &mutex, &deadline) == ETIMEDOUT) broken = 1;
    if (broken) pthread_cond_broadcast(&met);
    pthread_mutex_unlock(&mutex);
}

static double __shfl_xor_sync(unsigned mask, double value, int offset) {
    const unsigned lane = threadIdx.x % WARP;
    if (mask != 0xFFFFFFFFu || n_lanes_here == 1) broken = 1;
    slots[lane] = value;
    __syncwarp();
    value = slots[lane ^ offset];
    __syncwarp();
    return value;
}

#define __global__
#define __shared__
#include "kernels.cu"

real shared[SHARED_BYTES / sizeof(real)];

void host_start_warp(int n_lanes) {
    n_lanes_here = n_lanes;
    n_waiting = broken = 0;
}

void host_place(unsigned thread, unsigned block, unsigned block_size) {
    threadIdx.x = thread;
    blockIdx.x = block;
    blockDim.x = block_size;
}

int host_in_step(void) { return !broken && n_waiting == 0; }

void host_philox(word *w, word key0, word key1) { philox(w, key0, key1); }

/* The transform of n rows of four words. */
#define OVER_ROWS(transform)                                                               \
    void host_##transform(const word *w, real *out, long long n) {                         \
        for (long long i = 0; i < n; i++) transform(w + 4 * i, out + PER_BLOCK * i);       \
    }
OVER_ROWS(uniforms)
OVER_ROWS(normals)

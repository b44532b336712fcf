/* A stand-in for a CUDA device: the kernels as plain functions that one thread calls.

   The caller sets the place of a thread and calls a kernel as that thread. Where threads exchange
   values, all of a warp or of a block call at once and meet in `__syncwarp` and `__syncthreads`;
   one that does not come breaks the meeting, which `host_in_step` tells. With `host_start(1)`
   threads come one by one, and teams must have a single lane. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

enum { WARP = 32, MOST_THREADS = 1024, SHARED_BYTES = 48 * 1024 };

typedef struct {
    pthread_cond_t met;
    int n_waiting;
    long long n_meetings;
} meeting_t;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static meeting_t meetings[MOST_THREADS / WARP + 1]; /* of the warps, and of the block */
static int n_threads_here, broken;
static double slots[MOST_THREADS];

struct dim3 {
    unsigned x, y;
};
static _Thread_local struct dim3 threadIdx, blockIdx, blockDim;

static void meet(meeting_t *m, int n_threads) {
    struct timespec deadline;
    if (n_threads_here == 1) return;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 20;
    pthread_mutex_lock(&mutex);
    const long long meeting = m->n_meetings;
    if (!broken && ++m->n_waiting == n_threads) {
        m->n_waiting = 0;
        m->n_meetings++;
        pthread_cond_broadcast(&m->met);
    }
    while (!broken && meeting == m->n_meetings)
        if (pthread_cond_timedwait(&m->met, &mutex, &deadline) == ETIMEDOUT) broken = 1;
    if (broken) pthread_cond_broadcast(&m->met);
    pthread_mutex_unlock(&mutex);
}

static void __syncwarp(void) { meet(&meetings[threadIdx.x / WARP], WARP); }

static void __syncthreads(void) { meet(&meetings[MOST_THREADS / WARP], (int)blockDim.x); }

static double __shfl_xor_sync(unsigned mask, double value, int offset) {
    if (mask != 0xFFFFFFFFu || n_threads_here == 1) broken = 1;
    slots[threadIdx.x] = value;
    __syncwarp();
    value = slots[threadIdx.x ^ (unsigned)offset];
    __syncwarp();
    return value;
}

#define __global__
#define __shared__
#define __launch_bounds__(n)
#include "kernels.cu"

real shared[SHARED_BYTES / sizeof(real)];
tile_t shared_tiles[SHARED_BYTES / sizeof(tile_t)];
double shared_sums[SHARED_BYTES / sizeof(double)];

void host_start(int n_threads) {
    n_threads_here = n_threads;
    broken = 0;
    for (int i = 0; i <= MOST_THREADS / WARP; i++) {
        pthread_cond_init(&meetings[i].met, NULL);
        meetings[i].n_waiting = 0;
    }
}

void host_place(unsigned thread, unsigned block, unsigned above, unsigned block_size) {
    threadIdx.x = thread;
    blockIdx.x = block;
    blockIdx.y = above;
    blockDim.x = block_size;
}

int host_in_step(void) {
    int n_waiting = 0;
    for (int i = 0; i <= MOST_THREADS / WARP; i++) n_waiting += meetings[i].n_waiting;
    return !broken && n_waiting == 0;
}

void host_philox(word *w, word key0, word key1) { philox(w, key0, key1); }

/* The transform of n rows of four words. */
#define OVER_ROWS(transform)                                                               \
    void host_##transform(const word *w, real *out, long long n) {                         \
        for (long long i = 0; i < n; i++) transform(w + 4 * i, out + PER_BLOCK * i);       \
    }
OVER_ROWS(uniforms)
OVER_ROWS(normals)

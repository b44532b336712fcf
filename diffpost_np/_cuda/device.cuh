/* What the device functions stand on: the common subset of C99 and CUDA C++.

   A CUDA compiler makes device code of these headers. A C compiler makes plain functions of
   them, which the tests run against the reference; it has to provide the meetings of threads,
   `__syncwarp`, `__shfl_xor_sync` and `__syncthreads`. */
#ifndef DIFFPOST_DEVICE_CUH
#define DIFFPOST_DEVICE_CUH

#ifdef __CUDACC__
#define DEVICE static __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define MINUS_INFINITY __int_as_float((int)0xFF800000)
#else
#include <math.h>
#include <string.h>
#define DEVICE static inline
#define UNROLL
#define MINUS_INFINITY -INFINITY
#endif

typedef unsigned int word;        /* 32 bits */
typedef unsigned long long word2; /* 64 bits */

/* The floating type of a module, and its functions. */
#ifdef DIFFPOST_FLOAT32
typedef float real;
#define REAL_EXP expf
#define REAL_LOG logf
#define REAL_SQRT sqrtf
#define REAL_POW powf
#define REAL_FMA fmaf
#define REAL_EXPM1 expm1f
#define REAL_TANH tanhf
#define REAL_SIN sinf
#define REAL_COS cosf
#define REAL_RINT rintf
#else
typedef double real;
#define REAL_EXP exp
#define REAL_LOG log
#define REAL_SQRT sqrt
#define REAL_POW pow
#define REAL_FMA fma
#define REAL_EXPM1 expm1
#define REAL_TANH tanh
#define REAL_SIN sin
#define REAL_COS cos
#define REAL_RINT rint
#endif

/* Lanes of a warp that work on one chain: a power of two of them, side by side.

   Entry i of a vector belongs to lane i % n_lanes. A vector that other lanes read lies in
   memory that the team shares, and is read after a `__syncwarp`. */
typedef struct {
    int lane, n_lanes;
} team_t;

/* A loop over the entries that belong to a lane. */
#define FOR_OWN(team, i, n) for (int i = (team).lane; i < (n); i += (team).n_lanes)

/* The sum of one value per lane, which every lane gets. */
DEVICE real team_sum(team_t team, real value) {
    for (int offset = team.n_lanes / 2; offset > 0; offset /= 2)
        value += __shfl_xor_sync(0xFFFFFFFFu, value, offset);
    return value;
}

/* sum_i a[i * stride] * b[i]. */
DEVICE real dot(const real *a, long long stride, const real *b, int n) {
    real sum = 0;
    for (int i = 0; i < n; i++) sum = REAL_FMA(a[i * stride], b[i], sum);
    return sum;
}

#endif

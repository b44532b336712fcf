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

/* Chains that a team takes together: each number of a matrix that a lane reads serves all. */
#ifndef CHAINS
#define CHAINS 1
#endif
#define FOR_CHAINS(q) UNROLL for (int q = 0; q < CHAINS; q++)

/* A number for each chain of a team, aligned to be read in wide pieces. */
typedef struct __attribute__((aligned(CHAINS > 1 ? 16 : sizeof(real)))) {
    real at[CHAINS];
} tile_t;

/* Rows of an array, a chain below the other, from and to memory that a team shares. */
DEVICE void load_chains(team_t team, const real *rows, int dim, tile_t *out) {
    FOR_OWN(team, i, dim) FOR_CHAINS(q) out[i].at[q] = rows[(long long)q * dim + i];
}

DEVICE void store_chains(team_t team, const tile_t *values, int dim, real *rows) {
    FOR_OWN(team, i, dim) FOR_CHAINS(q) rows[(long long)q * dim + i] = values[i].at[q];
}

/* The sum of one value per lane, which every lane gets. */
DEVICE real team_sum(team_t team, real value) {
    for (int offset = team.n_lanes / 2; offset > 0; offset /= 2)
        value += __shfl_xor_sync(0xFFFFFFFFu, value, offset);
    return value;
}

DEVICE tile_t team_sums(team_t team, tile_t value) {
    FOR_CHAINS(q) value.at[q] = team_sum(team, value.at[q]);
    return value;
}

/* sum_i a[i * stride] * b[i], chain by chain. */
DEVICE tile_t dot(const real *a, long long stride, const tile_t *b, int n) {
    tile_t sum = {{0}};
    for (int i = 0; i < n; i++) {
        const real factor = a[i * stride];
        const tile_t entry = b[i];
        FOR_CHAINS(q) sum.at[q] = REAL_FMA(factor, entry.at[q], sum.at[q]);
    }
    return sum;
}

#endif

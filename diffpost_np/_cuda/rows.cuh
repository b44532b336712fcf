/* The recurrence of `_rows.py`, one row for one chain:

   x <- keep * x + score * s(x, sigma) + likelihood * A' W (y - A x) + noise * xi. */
#ifndef DIFFPOST_ROWS_CUH
#define DIFFPOST_ROWS_CUH

#include "device.cuh"
#include "mixture.cuh"
#include "random.cuh"

/* The columns of a table of rows. */
enum column { SIGMA, KEEP, SCORE, LIKELIHOOD, NOISE, N_COLUMNS };

/* W^(1/2) A x + W^(1/2) noise = W^(1/2) y with n_outputs rows; none where n_outputs is 0. */
typedef struct {
    int n_outputs;
    const real *matrix, *matrix_t, *weights; /* A (n_outputs, dim), A^T, the diagonal of W */
} linear_t;

/* residual = W (y - A x). */
DEVICE void weighted_residual(team_t team, linear_t l, const real *y, const real *x, int dim,
                              real *residual) {
    FOR_OWN(team, j, l.n_outputs)
        residual[j] = l.weights[j] * (y[j] - dot(l.matrix_t + j, l.n_outputs, x, dim));
}

/* Standard normals of one step. */
DEVICE void fill_normal(team_t team, stream_t stream, word chain, int n, real *out) {
    const int n_blocks = (n + PER_BLOCK - 1) / PER_BLOCK;
    FOR_OWN(team, block, n_blocks) {
        word w[4];
        real z[PER_BLOCK];
        random_block(stream, chain, (word)block, w);
        normals(w, z);
        UNROLL
        for (int i = 0; i < PER_BLOCK; i++)
            if (PER_BLOCK * block + i < n) out[PER_BLOCK * block + i] = z[i];
    }
}

/* One row on x, which the team shares; residual and s are scratch. */
DEVICE void advance(team_t team, const mixture_t *p, long long level, const real *row,
                    linear_t l, const real *y, stream_t stream, word chain, real *x,
                    real *residual, scratch_t s) {
    real *xi = s.solution;
    score(team, p, level, x, s);
    weighted_residual(team, l, y, x, p->dim, residual);
    __syncwarp();
    fill_normal(team, stream, chain, p->dim, xi);
    __syncwarp();
    FOR_OWN(team, i, p->dim) {
        const real pull = dot(l.matrix + i, p->dim, residual, l.n_outputs);
        x[i] = row[KEEP] * x[i] + row[SCORE] * s.score[i] + row[LIKELIHOOD] * pull +
               row[NOISE] * xi[i];
    }
    __syncwarp();
}

#endif

/* The recurrence of `_rows.py`, one row for the chains of a team:

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

/* residual = W (y - A x), with y of the first chain and the step to that of the next. */
DEVICE void weighted_residual(team_t team, linear_t l, const real *y, long long y_stride,
                              const tile_t *x, int dim, tile_t *residual) {
    FOR_OWN(team, j, l.n_outputs) {
        const tile_t image = dot(l.matrix_t + j, l.n_outputs, x, dim);
        FOR_CHAINS(q)
            residual[j].at[q] = l.weights[j] * (y[q * y_stride + j] - image.at[q]);
    }
}

/* Standard normals of one step. */
DEVICE void fill_normal(team_t team, stream_t stream, word first, int n, tile_t *out) {
    const int n_blocks = (n + PER_BLOCK - 1) / PER_BLOCK;
    FOR_OWN(team, block, n_blocks) {
        FOR_CHAINS(q) {
            word w[4];
            real z[PER_BLOCK];
            random_block(stream, first + q, (word)block, w);
            normals(w, z);
            UNROLL
            for (int i = 0; i < PER_BLOCK; i++)
                if (PER_BLOCK * block + i < n) out[PER_BLOCK * block + i].at[q] = z[i];
        }
    }
}

/* One row on x, which the team shares; residual and s are scratch. */
DEVICE void advance(team_t team, const mixture_t *p, long long level, const real *row,
                    linear_t l, const real *y, long long y_stride, stream_t stream, word first,
                    tile_t *x, tile_t *residual, scratch_t s) {
    tile_t *xi = s.solution;
    score(team, p, level, x, s);
    weighted_residual(team, l, y, y_stride, x, p->dim, residual);
    __syncwarp();
    fill_normal(team, stream, first, p->dim, xi);
    __syncwarp();
    FOR_OWN(team, i, p->dim) {
        const tile_t pull = dot(l.matrix + i, p->dim, residual, l.n_outputs);
        FOR_CHAINS(q)
            x[i].at[q] = row[KEEP] * x[i].at[q] + row[SCORE] * s.score[i].at[q] +
                         row[LIKELIHOOD] * pull.at[q] + row[NOISE] * xi[i].at[q];
    }
    __syncwarp();
}

#endif

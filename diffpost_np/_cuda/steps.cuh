/* The tables of `sampling/_steps/table.py`: rows of evaluations and combinations, for the chains of
   a team. */
#ifndef DIFFPOST_STEPS_CUH
#define DIFFPOST_STEPS_CUH

#include "device.cuh"
#include "mixture.cuh"
#include "random.cuh"
#include "rows.cuh"

/* Coefficients are those of the state, of n_past denoised points, latest first, and of noises. */
typedef struct {
    int n_rows, n_past, n_noises;
    const int *level;    /* of the mixture, -1 for a row that evaluates nothing */
    const word *step;    /* after the first of the stream */
    const real *s2;      /* noise variance of the evaluation */
    const real *points, *states; /* (n_rows, 1 + n_past + n_noises) */
} table_t;

/* Chains in memory that their team shares: the denoised points of `past` are a ring. */
typedef struct {
    tile_t *state, *point, *past; /* dim, dim, (n_past, dim) */
    int latest;
} chains_t;

/* The denoised points h evaluations before the latest. */
DEVICE tile_t *denoised(const chains_t *own, int h, int n_past, int dim) {
    const int k = own->latest + h;
    return own->past + (k < n_past ? k : k - n_past) * dim;
}

/* out <- out + scale * xi of a slot of a step; xi is scratch. */
DEVICE void add_noise(team_t team, real scale, stream_t stream, word slot, word first, int dim,
                      tile_t *xi, tile_t *out) {
    stream.tag |= slot << 8;
    __syncwarp();
    fill_normal(team, stream, first, dim, xi);
    __syncwarp();
    FOR_OWN(team, i, dim) FOR_CHAINS(q) out[i].at[q] += scale * xi[i].at[q];
}

/* out <- a combination; out may be the state. */
DEVICE void combine(team_t team, const table_t *t, const real *c, const chains_t *own,
                    stream_t stream, word first, int dim, tile_t *xi, tile_t *out) {
    FOR_OWN(team, i, dim) FOR_CHAINS(q) out[i].at[q] = c[0] * own->state[i].at[q];
    for (int h = 0; h < t->n_past; h++) {
        const tile_t *past = denoised(own, h, t->n_past, dim);
        if (c[1 + h] != 0)
            FOR_OWN(team, i, dim) FOR_CHAINS(q) out[i].at[q] += c[1 + h] * past[i].at[q];
    }
    for (int slot = 0; slot < t->n_noises; slot++) {
        const real scale = c[1 + t->n_past + slot];
        if (scale != 0) add_noise(team, scale, stream, (word)slot, first, dim, xi, out);
    }
}

/* Row r of a table. */
DEVICE void run_row(team_t team, const mixture_t *p, const table_t *t, int r, stream_t stream,
                    word first, chains_t *own, scratch_t s) {
    const long long width = 1 + t->n_past + t->n_noises;
    stream.step += t->step[r];
    if (t->level[r] >= 0) {
        combine(team, t, t->points + r * width, own, stream, first, p->dim, s.solution,
                own->point);
        score(team, p, t->level[r], own->point, s);
        own->latest = (own->latest > 0 ? own->latest : t->n_past) - 1;
        tile_t *found = denoised(own, 0, t->n_past, p->dim);
        FOR_OWN(team, i, p->dim) FOR_CHAINS(q)
            found[i].at[q] = own->point[i].at[q] + t->s2[r] * s.score[i].at[q];
    }
    combine(team, t, t->states + r * width, own, stream, first, p->dim, s.solution, own->state);
}

#endif

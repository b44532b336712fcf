/* The tables of `sampling/_steps/table.py`: rows of evaluations and combinations, for one chain. */
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

/* A chain in memory that its team shares: the denoised points of `past` are a ring. */
typedef struct {
    real *state, *point, *past; /* dim, dim, (n_past, dim) */
    int latest;
} chain_t;

/* The denoised point h evaluations before the latest. */
DEVICE real *denoised(const chain_t *own, int h, int n_past, int dim) {
    const int k = own->latest + h;
    return own->past + (k < n_past ? k : k - n_past) * dim;
}

/* out <- out + scale * xi of a slot of a step; xi is scratch. */
DEVICE void add_noise(team_t team, real scale, stream_t stream, word slot, word chain, int dim,
                      real *xi, real *out) {
    stream.tag |= slot << 8;
    __syncwarp();
    fill_normal(team, stream, chain, dim, xi);
    __syncwarp();
    FOR_OWN(team, i, dim) out[i] += scale * xi[i];
}

/* out <- a combination; out may be the state. */
DEVICE void combine(team_t team, const table_t *t, const real *c, const chain_t *own,
                    stream_t stream, word chain, int dim, real *xi, real *out) {
    FOR_OWN(team, i, dim) out[i] = c[0] * own->state[i];
    for (int h = 0; h < t->n_past; h++) {
        const real *past = denoised(own, h, t->n_past, dim);
        if (c[1 + h] != 0) FOR_OWN(team, i, dim) out[i] += c[1 + h] * past[i];
    }
    for (int slot = 0; slot < t->n_noises; slot++) {
        const real scale = c[1 + t->n_past + slot];
        if (scale != 0) add_noise(team, scale, stream, (word)slot, chain, dim, xi, out);
    }
}

/* Row r of a table. */
DEVICE void run_row(team_t team, const mixture_t *p, const table_t *t, int r, stream_t stream,
                    word chain, chain_t *own, scratch_t s) {
    const long long width = 1 + t->n_past + t->n_noises;
    stream.step += t->step[r];
    if (t->level[r] >= 0) {
        combine(team, t, t->points + r * width, own, stream, chain, p->dim, s.solution,
                own->point);
        score(team, p, t->level[r], own->point, s);
        own->latest = (own->latest > 0 ? own->latest : t->n_past) - 1;
        real *found = denoised(own, 0, t->n_past, p->dim);
        FOR_OWN(team, i, p->dim) found[i] = own->point[i] + t->s2[r] * s.score[i];
    }
    combine(team, t, t->states + r * width, own, stream, chain, p->dim, s.solution, own->state);
}

#endif

/* Draws of x given x + sigma z, for mixtures: the sums of `_mixture_given.py`. */
#ifndef DIFFPOST_GIVEN_CUH
#define DIFFPOST_GIVEN_CUH

#include "device.cuh"
#include "mixture.cuh"

/* sum += weight * v^2, chain by chain. */
DEVICE void add_squares(tile_t *sum, real weight, tile_t v) {
    FOR_CHAINS(q) sum->at[q] = REAL_FMA(weight * v.at[q], v.at[q], sum->at[q]);
}

/* A lane's share of the quadratic forms of a component at points less its mean. */
DEVICE tile_t quadratic_forms_at(team_t team, const mixture_t *p, component_t c,
                                 const tile_t *shift) {
    tile_t sum = {{0}};
    if (p->form != SPECTRAL)
        FOR_OWN(team, i, p->dim) add_squares(&sum, c.precision[i * p->precision_i], shift[i]);
    FOR_OWN(team, j, p->rank) {
        const real weight = p->form == SPECTRAL ? c.precision[j * p->precision_i] : (real)-1;
        add_squares(&sum, weight, dot(c.basis + j, p->rank, shift, p->dim));
    }
    return sum;
}

/* The component in which a uniform falls: how many end below it. Both sums have one order, so
   that no uniform lies beyond the last component of positive weight. */
DEVICE long long invert(const real *logits, long long stride, int n, real u) {
    real peak = MINUS_INFINITY, total = 0, below = 0;
    long long chosen = 0;
    for (int k = 0; k < n; k++) peak = logits[k * stride] > peak ? logits[k * stride] : peak;
    for (int k = 0; k < n; k++) total += REAL_EXP(logits[k * stride] - peak);
    for (int k = 0; k < n - 1; k++) {
        below += REAL_EXP(logits[k * stride] - peak);
        chosen += u * total > below;
    }
    return chosen;
}

/* A draw of a component given one noisy point, where c.precision holds variances; teams take one
   chain each. */
DEVICE void draw_given(team_t team, const mixture_t *p, component_t c, real s2, const real *x,
                       const real *z, scratch_t s, real *out) {
    tile_t *v = p->form == SPECTRAL ? s.coordinates : s.solution, *noise = s.score;
    FOR_OWN(team, i, p->dim) {
        s.solution[i].at[0] = x[i] - c.mean[i];
        noise[i].at[0] = z[i];
    }
    if (p->form == SPECTRAL) to_basis(team, p, c, s);
    FOR_OWN(team, i, p->dim) {
        const real variance = c.precision[i * p->precision_i], gain = variance / (variance + s2);
        const tile_t turned = p->form == SPECTRAL ? dot(c.basis + i, p->rank, noise, p->dim)
                                                  : noise[i];
        v[i].at[0] = gain * v[i].at[0] + REAL_SQRT(s2 * gain) * turned.at[0];
    }
    __syncwarp();
    FOR_OWN(team, i, p->dim)
        out[i] = c.mean[i] + (p->form == SPECTRAL ? from_basis(p, c, i, s).at[0] : v[i].at[0]);
}

#endif

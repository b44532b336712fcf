/* Score and log density of a smoothed Gaussian mixture: the sums of `_mixture_math.py`. */
#ifndef DIFFPOST_MIXTURE_CUH
#define DIFFPOST_MIXTURE_CUH

#include "device.cuh"

/* How the precision P_k = (C_k + s2 I)^-1 of a component is held. */
enum form {
    DIAGONAL, /* diag(p_k), with rank = 0 */
    SPECTRAL, /* B_k diag(p_k) B_k^T, with B_k orthogonal and rank = dim */
    LOW_RANK  /* diag(p_k) - B_k B_k^T, with B_k of shape (dim, rank) */
};

/* A mixture smoothed at n_levels noise levels; strides are 0 along axes that are shared. */
typedef struct {
    int form, n_components, n_levels, dim, rank;
    const real *means;   /* (n_components, dim) */
    const real *offsets; /* log w_k - log det(C_k + s2 I) / 2, (n_components, n_levels) */
    const real *precision;
    long long precision_k, precision_level, precision_i;
    const real *basis, *basis_t; /* B_k and B_k^T: neighbouring lanes read neighbouring entries */
    long long basis_k, basis_level;
} mixture_t;

/* A component at a level. */
typedef struct {
    const real *mean, *precision, *basis, *basis_t;
    real offset;
} component_t;

DEVICE component_t component(const mixture_t *p, int k, long long level) {
    const long long basis = k * p->basis_k + level * p->basis_level;
    const component_t c = {p->means + (long long)k * p->dim,
                           p->precision + k * p->precision_k + level * p->precision_level,
                           p->basis + basis, p->basis_t + basis,
                           p->offsets[(long long)k * p->n_levels + level]};
    return c;
}

/* Memory that a team shares. */
typedef struct {
    tile_t *solution, *coordinates, *score; /* dim, rank, dim */
} scratch_t;

DEVICE scratch_t mixture_scratch(const mixture_t *p, tile_t *memory) {
    const scratch_t s = {memory, memory + p->dim, memory + p->dim + p->rank};
    return s;
}

/* s.coordinates = B^T s.solution. */
DEVICE void to_basis(team_t team, const mixture_t *p, component_t c, scratch_t s) {
    __syncwarp();
    FOR_OWN(team, j, p->rank) s.coordinates[j] = dot(c.basis + j, p->rank, s.solution, p->dim);
    __syncwarp();
}

/* Entry i of B s.coordinates. */
DEVICE tile_t from_basis(const mixture_t *p, component_t c, int i, scratch_t s) {
    return dot(c.basis_t + i, p->dim, s.coordinates, p->rank);
}

/* Logits of a component; P (x - mean) is left in s.solution, or if SPECTRAL, in the basis, in
   s.coordinates. */
DEVICE tile_t component_logits(team_t team, const mixture_t *p, component_t c, const tile_t *x,
                               scratch_t s) {
    tile_t *v = p->form == SPECTRAL ? s.coordinates : s.solution, quadratic = {{0}};
    FOR_OWN(team, i, p->dim) FOR_CHAINS(q) s.solution[i].at[q] = x[i].at[q] - c.mean[i];
    if (p->form != DIAGONAL) to_basis(team, p, c, s);
    FOR_OWN(team, i, p->dim) {
        const tile_t own = v[i];
        tile_t solved, low = {{0}};
        if (p->form == LOW_RANK) low = from_basis(p, c, i, s);
        FOR_CHAINS(q) {
            solved.at[q] = c.precision[i * p->precision_i] * own.at[q] - low.at[q];
            quadratic.at[q] = REAL_FMA(own.at[q], solved.at[q], quadratic.at[q]);
        }
        v[i] = solved;
    }
    quadratic = team_sums(team, quadratic);
    FOR_CHAINS(q) quadratic.at[q] = c.offset - (real)0.5 * quadratic.at[q];
    return quadratic;
}

/* Sums of exponentials, total * exp(peak), in one pass. */
typedef struct {
    tile_t peak, total, weight; /* weight: of the term added last */
} log_sum_t;

DEVICE log_sum_t empty_sum(void) {
    log_sum_t sum = {{{0}}, {{0}}, {{0}}};
    FOR_CHAINS(q) sum.peak.at[q] = MINUS_INFINITY;
    return sum;
}

/* Adds exp(logit); returns the factor by which the weights of earlier terms shrink. */
DEVICE tile_t log_sum_add(log_sum_t *sum, tile_t logit) {
    tile_t shrink;
    FOR_CHAINS(q) {
        real *peak = sum->peak.at + q;
        shrink.at[q] = logit.at[q] > *peak ? REAL_EXP(*peak - logit.at[q]) : (real)1;
        if (logit.at[q] > *peak) *peak = logit.at[q];
        sum->weight.at[q] = logit.at[q] == *peak ? (real)1 : REAL_EXP(logit.at[q] - *peak);
        sum->total.at[q] = sum->total.at[q] * shrink.at[q] + sum->weight.at[q];
    }
    return shrink;
}

/* Log densities at x. */
DEVICE tile_t log_density(team_t team, const mixture_t *p, long long level, const tile_t *x,
                          scratch_t s) {
    const real half_log_2_pi = (real)0.91893853320467274;
    log_sum_t sum = empty_sum();
    tile_t value;
    for (int k = 0; k < p->n_components; k++)
        log_sum_add(&sum, component_logits(team, p, component(p, k, level), x, s));
    FOR_CHAINS(q)
        value.at[q] = sum.peak.at[q] + REAL_LOG(sum.total.at[q]) - half_log_2_pi * (real)p->dim;
    return value;
}

/* Scores at x, in s.score: each lane has written its own entries. */
DEVICE void score(team_t team, const mixture_t *p, long long level, const tile_t *x,
                  scratch_t s) {
    log_sum_t sum = empty_sum();
    FOR_OWN(team, i, p->dim) FOR_CHAINS(q) s.score[i].at[q] = 0;
    for (int k = 0; k < p->n_components; k++) {
        const component_t c = component(p, k, level);
        const tile_t shrink = log_sum_add(&sum, component_logits(team, p, c, x, s));
        if (p->form == SPECTRAL) __syncwarp();
        FOR_OWN(team, i, p->dim) {
            const tile_t solved = p->form == SPECTRAL ? from_basis(p, c, i, s) : s.solution[i];
            FOR_CHAINS(q)
                s.score[i].at[q] =
                    s.score[i].at[q] * shrink.at[q] - sum.weight.at[q] * solved.at[q];
        }
    }
    FOR_OWN(team, i, p->dim) FOR_CHAINS(q) s.score[i].at[q] /= sum.total.at[q];
}

#endif

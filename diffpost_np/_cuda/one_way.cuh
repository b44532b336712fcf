/* Scores of signs and of Gaussians on lattices: the sums of `_lattice_math.py`. */
#ifndef DIFFPOST_ONE_WAY_CUH
#define DIFFPOST_ONE_WAY_CUH

#include "device.cuh"

#define TWO_PI ((real)6.283185307179586)

enum { N_WAVES = 3, N_NEIGHBOURS = 4 };

/* What a noise level s2 makes of an instance. */
typedef struct {
    real radius, spacing;
    real own, precise; /* 1 / (1 + s2), 1 / s2 */
    real variance;     /* s2 / (1 + s2), in squared spacings */
} level_t;

/* A coordinate that is a sign times the radius, and noise. */
DEVICE real vertex_score(const level_t *at, real x) {
    return (at->radius * REAL_TANH(at->radius * at->own * x) - x) * at->own;
}

/* Slope of the logarithm of the sum over waves, in units of the lattice. */
DEVICE real wave_slope(real variance, real rest) {
    real excess = 1, slope = 0;
    UNROLL
    for (int j = 1; j <= N_WAVES; j++) {
        const real turn = TWO_PI * (real)j, decay = (real)-0.5 * turn * turn * variance;
        const real height = 2 * REAL_EXP(decay);
        excess += height * REAL_COS(turn * rest);
        slope -= turn * height * REAL_SIN(turn * rest);
    }
    return slope / excess;
}

/* Mean of k less the nearest integer, by the sum over neighbours on both sides. */
DEVICE real neighbour_mean(real variance, real rest) {
    const real ahead = rest < 0 ? -rest : rest, factor = (real)-0.5 / variance;
    real mass = 1, first = 0;
    UNROLL
    for (int j = 1; j <= N_NEIGHBOURS; j++) {
        const real step = (real)j;
        const real near = REAL_EXP(factor * step * (step - 2 * ahead));
        const real difference = -REAL_EXPM1(4 * factor * step * ahead) * near;
        mass += 2 * near - difference;
        first += step * difference;
    }
    return rest < 0 ? -first / mass : first / mass;
}

/* A coordinate on the lattice spacing (k + phase). */
DEVICE real lattice_score(const level_t *at, real x, real phase) {
    const real mean = x * at->own / at->spacing - phase;
    const real nearest = REAL_RINT(mean), rest = mean - nearest;
    if (at->variance * TWO_PI > 1)
        return (wave_slope(at->variance, rest) / at->spacing - x) * at->own;
    const real shift = at->spacing * neighbour_mean(at->variance, rest);
    return (at->spacing * (nearest + phase) - x + shift) * at->precise;
}

#endif

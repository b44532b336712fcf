/* The kernels: each thread, or team of lanes, finds its place and calls device functions. */
#include "device.cuh"
#include "random.cuh"
#include "mixture.cuh"
#include "rows.cuh"
#include "steps.cuh"
#include "given.cuh"
#include "one_way.cuh"
#include "tall.cuh"

#ifdef __cplusplus
extern "C" {
#endif

#define STREAM_PARAMETERS word key0, word key1, word first_chain, word step, word tag
#define STREAM {key0, key1, first_chain, step, tag}

/* One thread per block of a row: the `count` variates made of its four words. */
#define FILL(name, type, count, transform)                                                  \
    __global__ void name(type *out, long long n_chains, long long width,                    \
                         STREAM_PARAMETERS) {                                               \
        const stream_t stream = STREAM;                                                     \
        const long long n_blocks = (width + count - 1) / count;                             \
        const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;          \
        const long long chain = thread / n_blocks, block = thread % n_blocks;               \
        word w[4];                                                                          \
        type values[count];                                                                 \
        if (chain >= n_chains) return;                                                      \
        random_block(stream, (word)chain, (word)block, w);                                  \
        transform(w, values);                                                               \
        UNROLL                                                                              \
        for (int i = 0; i < count; i++) {                                                   \
            const long long column = count * block + i;                                     \
            if (column < width) out[chain * width + column] = values[i];                    \
        }                                                                                   \
    }

FILL(random_bits, word, 4, identity)
FILL(random_uniform, real, PER_BLOCK, uniforms)
FILL(random_normal, real, PER_BLOCK, normals)

/* A team, the first of its chains, and its memory, in tiles. Lanes of a warp meet, so all go along
   to the end: a team beyond the last chains does the same as their own, and the last team goes
   back to have as many as others, of which there must be as many. */
typedef struct {
    team_t team;
    long long first;
    tile_t *memory;
} place_t;

#define PLACE_PARAMETERS long long n_chains, int n_lanes, int memory_per_team
#define PLACE find_place(n_chains, n_lanes, memory_per_team)

DEVICE place_t find_place(PLACE_PARAMETERS) {
    extern __shared__ tile_t shared_tiles[];
    const int thread = (int)threadIdx.x, in_block = thread / n_lanes;
    const long long index = (long long)blockIdx.x * ((int)blockDim.x / n_lanes) + in_block;
    const long long first = CHAINS * index, last = n_chains - CHAINS;
    const place_t place = {{thread % n_lanes, n_lanes},
                           first < last ? first : last,
                           shared_tiles + in_block * memory_per_team};
    return place;
}

#define MIXTURE_PARAMETERS                                                                  \
    int form, int n_components, int n_levels, int dim, int rank, const real *means,         \
        const real *offsets, const real *precision, long long precision_k,                  \
        long long precision_level, long long precision_i, const real *basis,                \
        const real *basis_t, long long basis_k, long long basis_level
#define MIXTURE                                                                             \
    {form, n_components, n_levels, dim, rank, means, offsets, precision, precision_k,       \
     precision_level, precision_i, basis, basis_t, basis_k, basis_level}

/* Levels are one for all chains, or one for each. */
__global__ void mixture_score(real *out, const real *x, PLACE_PARAMETERS, MIXTURE_PARAMETERS) {
    const mixture_t p = MIXTURE;
    const place_t here = PLACE;
    const scratch_t s = mixture_scratch(&p, here.memory + dim);
    load_chains(here.team, x + here.first * dim, dim, here.memory);
    score(here.team, &p, n_levels == 1 ? 0 : here.first, here.memory, s);
    store_chains(here.team, s.score, dim, out + here.first * dim);
}

__global__ void mixture_log_density(real *out, const real *x, PLACE_PARAMETERS,
                                    MIXTURE_PARAMETERS) {
    const mixture_t p = MIXTURE;
    const place_t here = PLACE;
    const scratch_t s = mixture_scratch(&p, here.memory + dim);
    load_chains(here.team, x + here.first * dim, dim, here.memory);
    const tile_t value =
        log_density(here.team, &p, n_levels == 1 ? 0 : here.first, here.memory, s);
    if (here.team.lane == 0) store_chains(here.team, &value, 1, out + here.first);
}

/* Levels are one for all rows, or one for each. */
__global__ void advance_rows(real *out, const real *x, PLACE_PARAMETERS, MIXTURE_PARAMETERS,
                             int n_rows, const real *rows, int n_outputs,
                             const real *matrix, const real *matrix_t,
                             const real *weights, const real *y, long long y_stride,
                             STREAM_PARAMETERS) {
    const mixture_t p = MIXTURE;
    const linear_t linear = {n_outputs, matrix, matrix_t, weights};
    const place_t here = PLACE;
    stream_t stream = STREAM;
    tile_t *state = here.memory, *residual = state + dim;
    const scratch_t s = mixture_scratch(&p, residual + n_outputs);
    load_chains(here.team, x + here.first * dim, dim, state);
    __syncwarp();
    for (int row = 0; row < n_rows; row++, stream.step++)
        advance(here.team, &p, n_levels == 1 ? 0 : row, rows + N_COLUMNS * row, linear,
                y + here.first * y_stride, y_stride, stream, (word)here.first, state, residual,
                s);
    store_chains(here.team, state, dim, out + here.first * dim);
}

/* The points before lie behind each other, (n_past, n_chains, dim). */
__global__ void mixture_steps(real *out, const real *x, PLACE_PARAMETERS, MIXTURE_PARAMETERS,
                              real *past_out, const real *past, int n_rows, int n_past,
                              int n_noises, const int *level, const word *steps, const real *s2,
                              const real *points, const real *states, STREAM_PARAMETERS) {
    const mixture_t p = MIXTURE;
    const table_t table = {n_rows, n_past, n_noises, level, steps, s2, points, states};
    const stream_t stream = STREAM;
    const place_t here = PLACE;
    const long long start = here.first * dim, size = n_chains * dim;
    chains_t own = {here.memory, here.memory + dim, here.memory + 2 * dim, 0};
    const scratch_t s = mixture_scratch(&p, own.past + n_past * dim);
    load_chains(here.team, x + start, dim, own.state);
    for (int h = 0; h < n_past; h++)
        load_chains(here.team, past + h * size + start, dim, own.past + h * dim);
    for (int r = 0; r < n_rows; r++)
        run_row(here.team, &p, &table, r, stream, (word)here.first, &own, s);
    store_chains(here.team, own.state, dim, out + start);
    for (int h = 0; h < n_past; h++)
        store_chains(here.team, denoised(&own, h, n_past, dim), dim, past_out + h * size + start);
}

/* Blocks (tiles, components): neighbouring blocks read the same basis. Levels are one for all
   points, or one for each. */
__global__ void mixture_logits(real *out, const real *x, PLACE_PARAMETERS, MIXTURE_PARAMETERS) {
    const mixture_t p = MIXTURE;
    const place_t here = PLACE;
    const int k = (int)blockIdx.y;
    const component_t c = component(&p, k, n_levels == 1 ? 0 : here.first);
    load_chains(here.team, x + here.first * dim, dim, here.memory);
    FOR_OWN(here.team, i, dim) FOR_CHAINS(q) here.memory[i].at[q] -= c.mean[i];
    __syncwarp();
    tile_t logits = team_sums(here.team, quadratic_forms_at(here.team, &p, c, here.memory));
    FOR_CHAINS(q) logits.at[q] = c.offset - (real)0.5 * logits.at[q];
    if (here.team.lane == 0) store_chains(here.team, &logits, 1, out + k * n_chains + here.first);
}

/* Teams have one lane: neighbouring lanes read the logits (n_components, n) of neighbours. */
__global__ void mixture_choose(long long *out, const real *logits, PLACE_PARAMETERS,
                               int n_components, const real *u) {
    const long long point = PLACE.first;
    out[point] = invert(logits + point, n_chains, n_components, u[point]);
}

/* Variances stand in the place of the precision; s2 is one for all points, or one for each. */
__global__ void mixture_draw_chosen(real *out, const real *x, PLACE_PARAMETERS,
                                    MIXTURE_PARAMETERS, const real *s2, long long s2_stride,
                                    const long long *chosen, const real *z) {
    const mixture_t p = MIXTURE;
    const place_t here = PLACE;
    const component_t c = component(&p, (int)chosen[here.first], 0);
    const long long row = here.first * dim;
    draw_given(here.team, &p, c, s2[here.first * s2_stride], x + row, z + row,
               mixture_scratch(&p, here.memory), out + row);
}

/* Levels, and rows of phases, are one for all chains, or one for each. */
__global__ void one_way_score(real *out, const real *x, PLACE_PARAMETERS, int dim,
                              int n_phases, int n_phase_rows, int n_levels,
                              const real *phase, const level_t *levels) {
    const place_t here = PLACE;
    const level_t at = levels[n_levels == 1 ? 0 : here.first];
    const real *row = phase + (n_phase_rows == 1 ? 0 : here.first * n_phases);
    const int n_signs = dim - n_phases;
    FOR_OWN(here.team, i, dim) {
        const long long k = here.first * dim + i;
        out[k] = i < n_signs ? vertex_score(&at, x[k]) : lattice_score(&at, x[k], row[i - n_signs]);
    }
}

/* A block of a tall table takes `span` rows, in strips of n_rows, of which a team has four. */
#define TALL_PARAMETERS long long n, int n_lanes, int d, int n_rows, int span
#define FOR_STRIPS(first)                                                                   \
    for (long long first = (long long)blockIdx.x * span;                                    \
         first < n && first < (blockIdx.x + 1LL) * span; first += n_rows)
#define TALL_KERNEL __global__ void __launch_bounds__(LARGEST_BLOCK)

/* The memory of a block, and which rows of a strip belong to a team: none in the last warps of
   blocks that have more threads for entries than for rows. */
#define OPEN_STRIP                                                                          \
    extern __shared__ real shared[];                                                        \
    const team_t team = {(int)threadIdx.x % n_lanes, n_lanes};                              \
    const int row = SIDE * ((int)threadIdx.x / n_lanes);                                    \
    const strip_t s = open_strip(shared, n_rows, d)

/* Weights are one for all rows, with a step of 0, or one for each. */
TALL_KERNEL weighted_gram(double *grams, const real *x, TALL_PARAMETERS, const real *weights,
                          int step) {
    extern __shared__ double shared_sums[];
    OPEN_STRIP;
    const share_t own = find_share(&s);
    sums_t sums = {{0}};
    FOR_STRIPS(first) {
        load(&s, x + first * d, n - first);
        if (row < n_rows) scale_by_roots(team, &s, row, weights + step * first, step, n - first);
        add_products(&s, own, sums);
    }
    put_gram(&s, own, sums, shared_sums, grams + (long long)blockIdx.x * d * d);
}

TALL_KERNEL quadratic_forms(real *out, const real *x, TALL_PARAMETERS, const real *m, int width,
                            int columns) {
    OPEN_STRIP;
    FOR_STRIPS(first) {
        load(&s, x + first * d, n - first);
        if (row < n_rows) {
            set_forms(team, &s, row, m, width, columns);
            FOR_OWN(team, i, SIDE)
            if (first + row + i < n) out[first + row + i] = *own_number(&s, row + i);
        }
        __syncthreads();
    }
}

TALL_KERNEL lewis_pass(double *grams, const real *x, TALL_PARAMETERS, const real *m, int width,
                       int columns, real *weights, real p, real smallest) {
    extern __shared__ double shared_sums[];
    OPEN_STRIP;
    const share_t own = find_share(&s);
    sums_t sums = {{0}};
    FOR_STRIPS(first) {
        load(&s, x + first * d, n - first);
        if (row < n_rows) {
            set_forms(team, &s, row, m, width, columns);
            weigh(team, &s, row, p, smallest, weights + first, n - first);
        }
        add_products(&s, own, sums);
    }
    put_gram(&s, own, sums, shared_sums, grams + (long long)blockIdx.x * d * d);
}

#ifdef __cplusplus
}
#endif

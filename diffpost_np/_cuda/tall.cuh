/* Tall tables of rows: quadratic forms of the rows, and Gram matrices.

   A block goes over some rows strip by strip. In shared memory a row has its columns, zeros up to
   a multiple of four, and a number of its own: its form, and then its scale. Its length is odd, so
   that lanes on neighbouring rows read from different banks.

   A thread's columns lie a quarter of the row apart, or as far as its team has lanes, so that
   neighbours read neighbouring numbers. */
#ifndef DIFFPOST_TALL_CUH
#define DIFFPOST_TALL_CUH

#include "device.cuh"

/* Rows and columns that a thread takes at a time, and threads of a block at most. */
enum { SIDE = 4, LARGEST_BLOCK = 544 };

typedef real square_t[SIDE][SIDE];
typedef double sums_t[SIDE][SIDE];

#define FOR_ENTRIES(i, j, columns)                                                          \
    UNROLL for (int i = 0; i < SIDE; i++) UNROLL for (int j = 0; j < (columns); j++)
#define FOR_SQUARE(i, j) FOR_ENTRIES(i, j, SIDE)

typedef struct {
    real *rows;
    int n_rows, d, quarter, length;
} strip_t;

/* A thread's square of entries of the Gram matrix, and its group, which takes some of the rows. */
typedef struct {
    int i, j, n_squares, group, n_groups;
} share_t;

DEVICE real *own_number(const strip_t *s, int row) {
    return s->rows + row * s->length + s->length - 1;
}

/* An empty strip: what no row fills stays zero. */
DEVICE strip_t open_strip(real *memory, int n_rows, int d) {
    const int quarter = (d + SIDE - 1) / SIDE;
    const strip_t s = {memory, n_rows, d, quarter, SIDE * quarter + 1};
    for (int at = (int)threadIdx.x; at < n_rows * s.length; at += (int)blockDim.x) memory[at] = 0;
    __syncthreads();
    return s;
}

/* The first of n rows of a table, and zeros after the last. */
DEVICE void load(const strip_t *s, const real *table, long long n) {
    const int down = (int)blockDim.x / s->d, right = (int)blockDim.x % s->d;
    int row = (int)threadIdx.x / s->d, column = (int)threadIdx.x % s->d;
    while (row < s->n_rows) {
        s->rows[row * s->length + column] = row < n ? table[row * s->d + column] : 0;
        row += down;
        column += right;
        if (column >= s->d) {
            column -= s->d;
            row++;
        }
    }
    __syncthreads();
}

/* A lane's part of |M' x|^2 for four rows. It takes so many columns of M at a time, a constant
   where this is called, and all lanes take as many. */
DEVICE void add_forms(team_t team, const strip_t *s, int row, const real *m, int width,
                      const int columns, real *form) {
    const real *x = s->rows + row * s->length;
    for (int column = team.lane; column < width; column += columns * team.n_lanes) {
        square_t y = {{0}};
        for (int k = 0; k < s->d; k++)
            FOR_ENTRIES(i, j, columns)
            y[i][j] = REAL_FMA(x[i * s->length + k], m[k * width + column + j * team.n_lanes],
                               y[i][j]);
        FOR_ENTRIES(i, j, columns) form[i] = REAL_FMA(y[i][j], y[i][j], form[i]);
    }
}

/* The own numbers of four rows become |M' x|^2. */
DEVICE void set_forms(team_t team, const strip_t *s, int row, const real *m, int width,
                      int columns) {
    real form[SIDE] = {0};
    if (columns == SIDE)
        add_forms(team, s, row, m, width, SIDE, form);
    else
        add_forms(team, s, row, m, width, SIDE - 1, form);
    UNROLL
    for (int i = 0; i < SIDE; i++) {
        form[i] = team_sum(team, form[i]);
        if (team.lane == 0) *own_number(s, row + i) = form[i];
    }
    __syncwarp();
}

/* Four rows times their own numbers. */
DEVICE void scale(team_t team, const strip_t *s, int row) {
    for (int i = row; i < row + SIDE; i++)
        FOR_OWN(team, k, s->d) s->rows[i * s->length + k] *= *own_number(s, i);
}

/* Four rows times the roots of their weights, which lie `step` apart. */
DEVICE void scale_by_roots(team_t team, const strip_t *s, int row, const real *weights, int step,
                           long long n) {
    FOR_OWN(team, i, SIDE)
    if (row + i < n) *own_number(s, row + i) = REAL_SQRT(weights[step * (row + i)]);
    __syncwarp();
    scale(team, s, row);
}

/* Forms q of four rows become weights q^(p/2), and the rows are scaled by q^((p - 2) / 4).

   Forms that are too small have lost their digits and count as zero; where one overflowed, the
   scale is NaN. */
DEVICE void weigh(team_t team, const strip_t *s, int row, real p, real smallest, real *weights,
                  long long n) {
    FOR_OWN(team, i, SIDE) {
        real *own = own_number(s, row + i);
        const real q = *own, weight = p == 1 ? REAL_SQRT(q) : REAL_POW(q, p / 2);
        const real factor = p == 1 ? 1 / REAL_SQRT(weight) : REAL_POW(q, (p - 2) / 4);
        if (row + i < n) weights[row + i] = q > smallest ? weight : 0;
        *own = (q > smallest ? factor : 0) + (q - q);
    }
    __syncwarp();
    scale(team, s, row);
}

/* Squares on and below the diagonal in the order of rows; threads left over have no group. */
DEVICE share_t find_share(const strip_t *s) {
    const int n_squares = s->quarter * (s->quarter + 1) / 2, thread = (int)threadIdx.x;
    share_t own = {0, thread % n_squares, n_squares, thread / n_squares,
                   (int)blockDim.x / n_squares};
    while (own.j > own.i) own.j -= ++own.i;
    return own;
}

/* The products of a strip: sums of `real`, which are carried on in double. */
DEVICE void add_products(const strip_t *s, share_t own, sums_t total) {
    square_t sums = {{0}};
    __syncthreads();
    for (int row = own.group; row < s->n_rows && own.group < own.n_groups; row += own.n_groups) {
        const real *x = s->rows + row * s->length + own.i, *y = x - own.i + own.j;
        FOR_SQUARE(i, j)
        sums[i][j] = REAL_FMA(x[i * s->quarter], y[j * s->quarter], sums[i][j]);
    }
    FOR_SQUARE(i, j) total[i][j] += sums[i][j];
    __syncthreads();
}

/* The sums of all groups to those of the first: the second half to the first, and so on. */
DEVICE void add_groups(share_t own, sums_t total, double *memory) {
    const int width = (int)blockDim.x / 2, thread = (int)threadIdx.x;
    for (int n = own.n_groups, half; n > 1; n = half) {
        half = (n + 1) / 2;
        if (own.group >= half && own.group < n)
            FOR_SQUARE(i, j)
            memory[(SIDE * i + j) * width + thread - half * own.n_squares] = total[i][j];
        __syncthreads();
        if (own.group + half < n)
            FOR_SQUARE(i, j) total[i][j] += memory[(SIDE * i + j) * width + thread];
        __syncthreads();
    }
}

/* The Gram matrix of a block, both triangles. */
DEVICE void put_gram(const strip_t *s, share_t own, sums_t total, double *memory, double *gram) {
    add_groups(own, total, memory);
    if (own.group > 0) return;
    FOR_SQUARE(i, j) {
        const int row = own.i + i * s->quarter, column = own.j + j * s->quarter;
        if (row < s->d && column < s->d)
            gram[row * s->d + column] = gram[column * s->d + row] = total[i][j];
    }
}

#endif

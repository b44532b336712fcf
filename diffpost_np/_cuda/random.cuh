/* Philox4x32-10 and the transforms to uniforms and normals: the bits of `_philox.py`.

   Every operation on floating numbers is one rounded + - * / or sqrt in the order of the
   reference, so compile without contraction (--fmad=false, -ffp-contract=off). */
#ifndef DIFFPOST_RANDOM_CUH
#define DIFFPOST_RANDOM_CUH

#include "device.cuh"

/* Where variates stand: the fields of `_philox.Stream`. */
typedef struct {
    word key0, key1, first_chain, step, tag;
} stream_t;

/* Ten rounds on the counter w, in place. */
DEVICE void philox(word w[4], word key0, word key1) {
    UNROLL
    for (int r = 0; r < 10; r++) {
        const word2 p0 = (word2)0xD2511F53u * w[0];
        const word2 p1 = (word2)0xCD9E8D57u * w[2];
        w[0] = (word)(p1 >> 32) ^ w[1] ^ key0;
        w[1] = (word)p1;
        w[2] = (word)(p0 >> 32) ^ w[3] ^ key1;
        w[3] = (word)p0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

/* The four words of a block of a chain. */
DEVICE void random_block(stream_t s, word chain, word block, word w[4]) {
    w[0] = block;
    w[1] = s.first_chain + chain;
    w[2] = s.step;
    w[3] = s.tag;
    philox(w, s.key0, s.key1);
}

DEVICE void identity(const word w[4], word values[4]) {
    UNROLL
    for (int i = 0; i < 4; i++) values[i] = w[i];
}

/* The polynomial of `_philox.py` by Horner's rule, highest power first. */
#define HORNER(name, n, ...)                                                                \
    DEVICE real name(real z) {                                                              \
        const real c[] = {__VA_ARGS__};                                                     \
        real value = c[0];                                                                  \
        UNROLL                                                                              \
        for (int i = 1; i < n; i++) value = value * z + c[i];                               \
        return value;                                                                       \
    }

#ifdef DIFFPOST_FLOAT32
typedef word mantissa_t;
typedef int real_bits_t;
#define PER_BLOCK 4
#define MANTISSA_BITS 23
#define ROOT_HALF_BITS 0x3F3504F3
#define UNIT 0x1p-23f
HORNER(radius_polynomial, 4, -0.59741881, -0.79955148, -1.3333355, -4.0)
HORNER(sine_polynomial, 4, -3.5950452e-05, 0.0024900010, -0.080745433, 0.78539816)
HORNER(cosine_polynomial, 5, 3.5303381e-06, -3.2594008e-04, 0.015854327, -0.30842514, 1.0)
#else
typedef word2 mantissa_t;
typedef long long real_bits_t;
#define PER_BLOCK 2
#define MANTISSA_BITS 52
#define ROOT_HALF_BITS 0x3FE6A09E667F3BCDLL
#define UNIT 0x1p-52
HORNER(radius_polynomial, 7, -0.33638596546311578, -0.36247376165712715, -0.44446740421952968,
       -0.57142834302834263, -0.80000000104270198, -1.3333333333317499, -4.0)
HORNER(sine_polynomial, 7, 6.8771009223099046e-12, -1.7571492944970685e-09,
       3.1336162166385652e-07, -3.6576204158456672e-05, 0.0024903945701887363,
       -0.080745512188280530, 0.78539816339744831)
HORNER(cosine_polynomial, 7, 1.1365569626140825e-10, -2.4609514713690042e-08,
       3.5908591959012287e-06, -3.2599188649793612e-04, 0.015854344243747461,
       -0.30842513753403884, 1.0)
#endif

/* The middle of cell k of the unit interval. */
DEVICE real fraction(mantissa_t k) { return ((real)k + (real)0.5) * UNIT; }

/* x = m 2^e with m in [sqrt(1/2), sqrt(2)), for normal positive x. */
DEVICE real split(real x, real *e) {
    real_bits_t bits, exponent;
    memcpy(&bits, &x, sizeof bits);
    exponent = (bits - ROOT_HALF_BITS) >> MANTISSA_BITS;
    bits -= exponent * ((real_bits_t)1 << MANTISSA_BITS);
    memcpy(&x, &bits, sizeof bits);
    *e = (real)exponent;
    return x;
}

/* sqrt(-2 log u). */
DEVICE real radius(real u) {
    real exponent;
    const real m = split(u, &exponent);
    const real s = (m - (real)1.0) / (m + (real)1.0);
    const real square = exponent * (real)-1.3862943611198906 + s * radius_polynomial(s * s);
    return REAL_SQRT(square);
}

/* The point of radius r, `quarter` eighths of a turn off one of the four half axes. */
DEVICE void turn(real r, word direction, real quarter, real point[2]) {
    const real z = quarter * quarter;
    const real sine = quarter * sine_polynomial(z), cosine = cosine_polynomial(z);
    if (direction & 1) r = -r;
    point[0] = r * (direction & 2 ? sine : cosine);
    point[1] = r * (direction & 2 ? cosine : sine);
}

DEVICE real quarter(mantissa_t k) { return (real)2.0 * fraction(k) - (real)1.0; }

/* The variates of one block. */
#ifdef DIFFPOST_FLOAT32
DEVICE void uniforms(const word w[4], real u[4]) {
    UNROLL
    for (int i = 0; i < 4; i++) u[i] = fraction(w[i] >> 9);
}

DEVICE void normals(const word w[4], real z[4]) {
    UNROLL
    for (int i = 0; i < 4; i += 2) {
        const real u = (real)w[i] * 0x1p-32f + 0x1p-33f;
        turn(radius(u), w[i + 1], quarter(w[i + 1] >> 9), z + i);
    }
}
#else
DEVICE word2 join(word high, word low) { return (word2)high << 32 | low; }

DEVICE void uniforms(const word w[4], real u[2]) {
    u[0] = fraction(join(w[1], w[0]) >> 12);
    u[1] = fraction(join(w[3], w[2]) >> 12);
}

DEVICE void normals(const word w[4], real z[2]) {
    const real u = fraction(join(w[1], w[0]) >> 12);
    turn(radius(u), w[2], quarter(join(w[3], w[2]) >> 12), z);
}
#endif

#endif

"""Philox4x32-10 and the transforms to uniforms and normals, in array-standard code.

This is the definition; `_numba/random.py` and `_cuda/device.cuh` give the same bits. Every
floating operation here is a single rounded + - * / or sqrt in the stated order, so any IEEE
machine that does not contract a * b + c reproduces it.

Layout. One Philox block of four words w0..w3 belongs to the counter (block, chain, step, tag)
and gives four words, two float64 or four float32 variates, which stand side by side in a row.
A float64 normal pair takes its radius from 52 bits of (w1 w0) and its angle from (w3 w2); a
float32 pair takes them from one word each. The angle is a point of the first octant; three more
bits reflect it into one of the eight, so signs are exact.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, NamedTuple

from ._dispatch import operation
from ._xp import Array

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
MASK = 0xFFFFFFFF

# log((1 + s) / (1 - s)) = 2 s + s P(s^2) on [sqrt(1/2), sqrt(2)), and sin, cos on [0, pi/4]:
# minimax coefficients of FreeBSD's msun (float64) and of Cephes (float32), highest power first.
LOG64 = (
    1.479819860511658591e-01,
    1.531383769920937332e-01,
    1.818357216161805012e-01,
    2.222219843214978396e-01,
    2.857142874366239149e-01,
    3.999999999940941908e-01,
    6.666666666666735130e-01,
)
LOG32 = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
SIN64 = (
    1.58962301576546568060e-10,
    -2.50507477628578072866e-8,
    2.75573136213857245213e-6,
    -1.98412698295895385996e-4,
    8.33333333332211858878e-3,
    -1.66666666666666307295e-1,
)
COS64 = (
    -1.13585365213876817300e-11,
    2.08757008419747316778e-9,
    -2.75573141792967388112e-7,
    2.48015872888517045348e-5,
    -1.38888888888730564116e-3,
    4.16666666666665929218e-2,
)
SIN32 = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS32 = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
LN2_64 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)
LN2_32 = (0.693359375, -2.12194440e-4)
EIGHTH_TURN = math.pi / 4


class Stream(NamedTuple):
    """Where a block of variates stands: which key, chains, step and tag."""

    key: tuple[int, int]
    first_chain: int
    step: int
    tag: int


def philox(xp: ModuleType, counter: tuple[Array, ...], key: tuple[int, int]) -> tuple[Array, ...]:
    """Ten rounds of Philox4x32 on four uint64 arrays that hold 32-bit words."""
    mask, shift = _word(xp, MASK), _word(xp, 32)
    m0, m1 = (_word(xp, m) for m in MULTIPLIERS)
    c0, c1, c2, c3 = counter
    for r in range(ROUNDS):
        k0, k1 = (_word(xp, (k + r * w) & MASK) for k, w in zip(key, KEY_INCREMENTS, strict=True))
        p0, p1 = m0 * c0, m1 * c2
        c0, c1, c2, c3 = (p1 >> shift) ^ c1 ^ k0, p1 & mask, (p0 >> shift) ^ c3 ^ k1, p0 & mask
    return c0, c1, c2, c3


def _word(xp: ModuleType, value: int) -> Array:
    return xp.asarray(value, dtype=xp.uint64)


def _blocks(
    xp: ModuleType, stream: Stream, n_chains: int, n_blocks: int, device: Any
) -> tuple[Array, ...]:
    """The four words of every block, each of shape (n_chains, n_blocks)."""
    block = xp.arange(n_blocks, dtype=xp.uint64, device=device)[None, :]
    chain = xp.arange(n_chains, dtype=xp.uint64, device=device)[:, None]
    chain = chain + _word(xp, stream.first_chain)
    zero = block * _word(xp, 0) + chain * _word(xp, 0)
    step, tag = zero + _word(xp, stream.step), zero + _word(xp, stream.tag)
    return philox(xp, (zero + block, zero + chain, step, tag), stream.key)


def _interleave(xp: ModuleType, columns: tuple[Array, ...], width: int) -> Array:
    stacked = xp.stack(columns, axis=-1)
    return xp.reshape(stacked, (stacked.shape[0], -1))[:, :width]


@operation
def random_bits(
    xp: ModuleType, stream: Stream, n_chains: int, width: int, device: Any = None
) -> Array:
    """Words of 32 bits, uint32 of shape (n_chains, width)."""
    words = _blocks(xp, stream, n_chains, -(-width // 4), device)
    return xp.astype(_interleave(xp, words, width), xp.uint32)


@operation
def random_uniform(
    xp: ModuleType, stream: Stream, n_chains: int, width: int, dtype: Any, device: Any = None
) -> Array:
    """Uniforms (k + 1/2) / 2^52, or / 2^23 in float32: never 0, never 1."""
    per_block = 2 if dtype == xp.float64 else 4
    words = _blocks(xp, stream, n_chains, -(-width // per_block), device)
    if dtype == xp.float64:
        u: tuple[Array, ...] = tuple(_uniform52(xp, words[i + 1], words[i]) for i in (0, 2))
    else:
        u = tuple(_fraction(xp, w >> _word(xp, 9), 23, dtype) for w in words)
    return _interleave(xp, u, width)


@operation
def random_normal(
    xp: ModuleType, stream: Stream, n_chains: int, width: int, dtype: Any, device: Any = None
) -> Array:
    """Standard normals by Box-Muller, in the dtype asked for."""
    per_block = 2 if dtype == xp.float64 else 4
    w = _blocks(xp, stream, n_chains, -(-width // per_block), device)
    if dtype == xp.float64:
        return _interleave(xp, _normal_pair64(xp, *w), width)
    z = (*_normal_pair32(xp, w[0], w[1]), *_normal_pair32(xp, w[2], w[3]))
    return _interleave(xp, z, width)


def _fraction(xp: ModuleType, k: Array, bits: int, dtype: Any) -> Array:
    return (xp.astype(k, dtype) + 0.5) * 2.0**-bits


def _uniform52(xp: ModuleType, high: Array, low: Array) -> Array:
    k = ((high << _word(xp, 32)) | low) >> _word(xp, 12)
    return _fraction(xp, k, 52, xp.float64)


def _normal_pair64(
    xp: ModuleType, w0: Array, w1: Array, w2: Array, w3: Array
) -> tuple[Array, Array]:
    radius = xp.sqrt(-2.0 * _log64(xp, _uniform52(xp, w1, w0)))
    angle = ((w3 << _word(xp, 32)) | w2) >> _word(xp, 9)
    fraction = _fraction(xp, angle & _word(xp, 2**52 - 1), 52, xp.float64)
    sin, cos = _sincos(fraction * EIGHTH_TURN, SIN64, COS64)
    return _reflect(xp, radius, sin, cos, angle >> _word(xp, 52))


def _normal_pair32(xp: ModuleType, w0: Array, w1: Array) -> tuple[Array, Array]:
    u = xp.astype(w0, xp.float32) * 2.0**-32 + 2.0**-33
    radius = xp.sqrt(-2.0 * _log32(xp, u))
    angle = w1 >> _word(xp, 6)
    fraction = _fraction(xp, angle & _word(xp, 2**23 - 1), 23, xp.float32)
    sin, cos = _sincos(fraction * EIGHTH_TURN, SIN32, COS32)
    return _reflect(xp, radius, sin, cos, angle >> _word(xp, 23))


def _reflect(
    xp: ModuleType, radius: Array, sin: Array, cos: Array, octant: Array
) -> tuple[Array, Array]:
    """The octant's bits: 0 swaps the two coordinates, 1 and 2 are the signs of the pair."""
    swap, negative1, negative0 = ((octant >> _word(xp, i)) & _word(xp, 1) for i in range(3))
    z0 = radius * xp.where(swap == 1, sin, cos)
    z1 = radius * xp.where(swap == 1, cos, sin)
    return xp.where(negative0 == 1, -z0, z0), xp.where(negative1 == 1, -z1, z1)


def _horner(z: Array, coefficients: tuple[float, ...]) -> Array:
    value = coefficients[0] * z + coefficients[1]
    for c in coefficients[2:]:
        value = value * z + c
    return value


def _sincos(
    x: Array, sin_table: tuple[float, ...], cos_table: tuple[float, ...]
) -> tuple[Array, Array]:
    z = x * x
    sin = x + x * z * _horner(z, sin_table)
    cos = 1.0 - 0.5 * z + z * z * _horner(z, cos_table)
    return sin, cos


def _split(xp: ModuleType, x: Array) -> tuple[Array, Array]:
    """x = m 2^e with m in [sqrt(1/2), sqrt(2)), for x in [2^-53, 1], by exact doublings."""
    exponent = xp.zeros_like(x)
    root2 = xp.sqrt(xp.asarray(2.0, dtype=x.dtype))
    for power in (32, 16, 8, 4, 2, 1):
        doubled = x * 2.0**power
        small = doubled < root2
        x = xp.where(small, doubled, x)
        exponent = xp.where(small, exponent - power, exponent)
    return x, exponent


def _log64(xp: ModuleType, x: Array) -> Array:
    m, e = _split(xp, x)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    p = _horner(z, LOG64) * z
    half = 0.5 * f * f
    return e * LN2_64[0] - ((half - (s * (half + p) + e * LN2_64[1])) - f)


def _log32(xp: ModuleType, x: Array) -> Array:
    m, e = _split(xp, x)
    f = m - 1.0
    z = f * f
    y = _horner(f, LOG32) * f * z + e * LN2_32[1] - 0.5 * z
    return f + y + e * LN2_32[0]

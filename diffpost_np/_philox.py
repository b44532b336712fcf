"""Philox4x32-10 and the transforms to uniforms and normals, in array-standard code.

This is the definition; `_numba/random.py` and `_cuda/random.cuh` give the same bits. Every
floating operation here is a single rounded + - * / or sqrt in the stated order, so any IEEE
machine that does not contract a * b + c reproduces it.

Layout. One Philox block of four words w0..w3 belongs to the counter (block, chain, step, tag)
and gives four words, two float64 or four float32 variates, which stand side by side in a row.

Normals come in pairs by Box-Muller. A float64 pair takes its radius from the upper 52 bits of
(w1 w0) and its direction from (w3 w2), a float32 pair takes them from one word each. The upper
52 or 23 bits of the direction are a point of a quarter turn around the first axis; the lowest
bit reflects it to the other side and the next one exchanges the axes, so signs are exact.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from ._dispatch import operation
from ._xp import Array

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
MASK = 0xFFFFFFFF

# Minimax polynomials, highest power first. With z = s^2, s = (m - 1) / (m + 1) and m from
# [sqrt(1/2), sqrt(2)): s RADIUS(z) = -2 log m; with z = f^2 and f from (-1, 1):
# f SINE(z) = sin(pi f / 4) and COSINE(z) = cos(pi f / 4). Relative errors below 2^-52, 2^-58 and
# 2^-53 in float64, 2^-30, 2^-28 and 2^-33 in float32.
RADIUS64 = (
    -0.33638596546311578,
    -0.36247376165712715,
    -0.44446740421952968,
    -0.57142834302834263,
    -0.80000000104270198,
    -1.3333333333317499,
    -4.0,
)
SINE64 = (
    6.8771009223099046e-12,
    -1.7571492944970685e-09,
    3.1336162166385652e-07,
    -3.6576204158456672e-05,
    0.0024903945701887363,
    -0.080745512188280530,
    0.78539816339744831,
)
COSINE64 = (
    1.1365569626140825e-10,
    -2.4609514713690042e-08,
    3.5908591959012287e-06,
    -3.2599188649793612e-04,
    0.015854344243747461,
    -0.30842513753403884,
    1.0,
)
RADIUS32 = (-0.59741881, -0.79955148, -1.3333355, -4.0)
SINE32 = (-3.5950452e-05, 0.0024900010, -0.080745433, 0.78539816)
COSINE32 = (3.5303381e-06, -3.2594008e-04, 0.015854327, -0.30842514, 1.0)
MINUS_2_LOG_2 = -1.3862943611198906


class Stream(NamedTuple):
    """Where a block of variates stands: which key, chains, step and tag."""

    key: tuple[int, int]
    first_chain: int
    step: int
    tag: int


def philox(
    xp: ModuleType | None, counter: tuple[Array, ...], key: tuple[int, int]
) -> tuple[Array, ...]:
    """Ten rounds of Philox4x32 on four uint64 arrays of 32-bit words; on ints, where xp is None."""
    mask, shift = _word(xp, MASK), _word(xp, 32)
    m0, m1 = (_word(xp, m) for m in MULTIPLIERS)
    c0, c1, c2, c3 = counter
    for r in range(ROUNDS):
        k0, k1 = (_word(xp, (k + r * w) & MASK) for k, w in zip(key, KEY_INCREMENTS, strict=True))
        p0, p1 = m0 * c0, m1 * c2
        c0, c1, c2, c3 = (p1 >> shift) ^ c1 ^ k0, p1 & mask, (p0 >> shift) ^ c3 ^ k1, p0 & mask
    return c0, c1, c2, c3


def _word(xp: ModuleType | None, value: int) -> Array:
    return value if xp is None else xp.asarray(value, dtype=xp.uint64)


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
    n, n_blocks, per_block = stacked.shape
    return xp.reshape(stacked, (n, n_blocks * per_block))[:, :width]


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
    radius = _radius(xp, _uniform52(xp, w1, w0), RADIUS64)
    direction = (w3 << _word(xp, 32)) | w2
    quarter = 2.0 * _fraction(xp, direction >> _word(xp, 12), 52, xp.float64) - 1.0
    return _turn(xp, radius, direction, quarter, SINE64, COSINE64)


def _normal_pair32(xp: ModuleType, w0: Array, w1: Array) -> tuple[Array, Array]:
    radius = _radius(xp, xp.astype(w0, xp.float32) * 2.0**-32 + 2.0**-33, RADIUS32)
    quarter = 2.0 * _fraction(xp, w1 >> _word(xp, 9), 23, xp.float32) - 1.0
    return _turn(xp, radius, w1, quarter, SINE32, COSINE32)


def _radius(xp: ModuleType, u: Array, table: tuple[float, ...]) -> Array:
    """sqrt(-2 log u)."""
    m, exponent = _split(xp, u)
    s = (m - 1.0) / (m + 1.0)
    return xp.sqrt(exponent * MINUS_2_LOG_2 + s * _horner(s * s, table))


def _turn(
    xp: ModuleType,
    radius: Array,
    direction: Array,
    quarter: Array,
    sine: tuple[float, ...],
    cosine: tuple[float, ...],
) -> tuple[Array, Array]:
    """The point of this radius, `quarter` eighths of a turn off one of the four half axes."""
    z = quarter * quarter
    sin, cos = quarter * _horner(z, sine), _horner(z, cosine)
    radius = xp.where((direction & _word(xp, 1)) == 1, -radius, radius)
    exchange = (direction & _word(xp, 2)) == 2
    return radius * xp.where(exchange, sin, cos), radius * xp.where(exchange, cos, sin)


def _horner(z: Array, coefficients: tuple[float, ...]) -> Array:
    value = coefficients[0] * z + coefficients[1]
    for c in coefficients[2:]:
        value = value * z + c
    return value


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

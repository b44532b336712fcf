"""Device functions: what the lanes of a row compute, written once for both floating dtypes.

Random numbers round every operation, as `_philox.py` does; what serves mixtures is fused.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .._philox import (
    COSINE32,
    COSINE64,
    KEY_INCREMENTS,
    MASK,
    MINUS_2_LOG_2,
    MULTIPLIERS,
    RADIUS32,
    RADIUS64,
    SINE32,
    SINE64,
)
from .intrinsics import (
    constant,
    fraction,
    negate_if_odd,
    polynomial,
    split,
    sqrt,
    uniform_with_tail,
)
from .lanes import fma, select

plain = {"error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
"""Options of all code: arrays are their callers', and counting views of them takes atomics."""

inner = {**plain, "no_cpython_wrapper": True}
device = njit(forceinline=True, **inner)

_M0, _M1 = map(np.uint64, MULTIPLIERS)
_W0, _W1 = map(np.uint64, KEY_INCREMENTS)
_LOW, _HALF = np.uint64(MASK), np.uint64(32)

zero_like = constant(0.0, 0.0)
_rounder = constant(1.5 * 2.0**52, 1.5 * 2.0**23)  # added, it leaves an integer in the low bits
_most_rounded = constant(2.0**51, 2.0**22)
_radius = polynomial(RADIUS64, RADIUS32)
_sine = polynomial(SINE64, SINE32)
_cosine = polynomial(COSINE64, COSINE32)


@device
def _round(c0, c1, c2, c3, k0, k1):
    p0, p1 = _M0 * c0, _M1 * c2
    c0, c1 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW
    c2, c3 = (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
    return c0, c1, c2, c3, (k0 + _W0) & _LOW, (k1 + _W1) & _LOW


@device
def philox(c0, c1, c2, c3, k0, k1):
    """Ten rounds of Philox4x32, by hand: a word is a number until a round mixes lanes into it."""
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3


@device
def join(high, low):
    """Two words of 32 bits in one of 64."""
    return (high << _HALF) | low


@device
def _log_begun(x):
    """For x = m 2^e what -2 log m depends on, and -2 log 2^e."""
    m, exponent = split(x)
    return (m - 1.0) / (m + 1.0), exponent * MINUS_2_LOG_2


@device
def _minus_2_log(s, octaves):
    return octaves + s * _radius(s * s)


@device
def normal_pair(word, direction):
    """Two standard normals from two words by Box-Muller, as `_philox.py` has it.

    In an order in which there is work while a quotient, and then a root, are waited for.
    """
    s, octaves = _log_begun(uniform_with_tail(word))
    f = fma(fraction(direction), 2.0, -1.0)
    z = f * f
    sin = f * _sine(z)
    radius = negate_if_odd(sqrt(_minus_2_log(s, octaves)), direction)
    cos, exchange = _cosine(z), (direction & 2) != 0
    return radius * select(exchange, sin, cos), radius * select(exchange, cos, sin)


@device
def maximum(x, y):
    """The larger of two, y where they do not compare."""
    return select(x > y, x, y)


@device
def magnitude(x):
    """|x|."""
    return select(x > 0.0, x, -x)


@device
def round_to_integer(x):
    """The nearest integer; x itself where it is so large that it is one but for its last bits."""
    rounded = (x + _rounder(x)) - _rounder(x)
    return select(_most_rounded(x) > magnitude(x), rounded, x)


@device
def sine_and_cosine(quarters):
    """Sine and cosine of pi / 2 times a number of [-2, 2]."""
    turns = round_to_integer(quarters)
    f = (quarters - turns) * 2.0
    z = f * f
    sin, cos, twice = f * _sine(z), _cosine(z), turns * turns
    odd_sin, odd_cos = (
        select(twice > 2.0, -sin, turns * cos),
        select(twice > 2.0, -cos, -turns * sin),
    )
    return select(twice > 0.5, odd_sin, sin), select(twice > 0.5, odd_cos, cos)


@device
def log(x):
    """log x for positive normal x, within 5 ulp."""
    return _minus_2_log(*_log_begun(x)) * -0.5

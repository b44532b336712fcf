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
    eighth_powers,
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

# 2^x on [-1/16, 1/16], relative errors below 2^-57 and 2^-25.
_POWER64 = (
    1.525184371570871e-05,
    1.5404522446478612e-04,
    1.3333558239053162e-03,
    9.6181290851558195e-03,
    5.5504108664802321e-02,
    2.4022650695911518e-01,
    6.9314718055994529e-01,
    1.0,
)
_POWER32 = (5.5496216e-02, 2.4025765e-01, 6.9314724e-01, 1.0)
LOG2_E = 1.4426950408889634
_LOWEST_POWER = -99.75
LOWEST_LOGIT = -69.3
"""Responsibilities below 2^-99.7 are zero, those of such logits for certain."""

_power = polynomial(_POWER64, _POWER32, fused=True)
zero_like = constant(0.0, 0.0)
_rounder = constant(1.5 * 2.0**52, 1.5 * 2.0**23)  # added, it leaves an integer in the low bits
_most_rounded = constant(2.0**51, 2.0**22)
_largest_exponent = constant(700.0, 80.0)
_eighths = constant(1.5 * 2.0**49, 1.5 * 2.0**20)  # added, it leaves eighths in the low bits
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
def minus_2_log(x):
    """-2 log x for positive normal x."""
    m, exponent = split(x)
    s = (m - 1.0) / (m + 1.0)
    return exponent * MINUS_2_LOG_2 + s * _radius(s * s)


@device
def normal_pair(word, direction):
    """Two standard normals from two words by Box-Muller, as `_philox.py` has it."""
    radius = negate_if_odd(sqrt(minus_2_log(uniform_with_tail(word))), direction)
    f = fma(fraction(direction), 2.0, -1.0)
    z = f * f
    sin, cos = f * _sine(z), _cosine(z)
    exchange = (direction & 2) != 0
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
    return minus_2_log(x) * -0.5


@device
def _power_of_two(x, rate):
    """2^(rate x), where it is a normal number, and rate x in eighths with `_eighths` added.

    The product keeps all its digits, so the error is that of the rate and some 2 ulp.
    """
    eighths = fma(x, rate, _eighths(x))
    rest = fma(x, rate, _eighths(x) - eighths)
    return eighth_powers(eighths) * _power(rest), eighths


@device
def power_of_two_or_zero(x, rate):
    """2^(rate x) for rate x <= 0, and 0 below 2^-99.7."""
    value, eighths = _power_of_two(x, rate)
    return select(eighths > _eighths(x) + _LOWEST_POWER, value, 0.0)


@device
def exp_or_zero(x):
    """exp x for x <= 0, within 2 ulp and a quarter of |x| more, and 0 below 2^-99.7."""
    return power_of_two_or_zero(x, LOG2_E)


@device
def power(x, exponent):
    """x to a power for positive normal x; held where it would overflow or lose digits."""
    z = log(x) * exponent
    z = select(z > _largest_exponent(z), _largest_exponent(z), z)
    z = select(-_largest_exponent(z) > z, -_largest_exponent(z), z)
    return _power_of_two(z, LOG2_E)[0]

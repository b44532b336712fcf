"""Powers of two, and exponentials by them: eighths looked up, the rest by a polynomial."""

from __future__ import annotations

import numpy as np

from .device import device, log, maximum, zero_like
from .intrinsics import binary, constant
from .lanes import fma, select
from .lookup import look_up

LOG2_E = 1.4426950408889634
LOWEST_POWER, LOWEST_WEIGHT, LOWEST_LOGIT = -99.75, 2.0**-99.7, -69.3
"""Powers up to the first, and so weights up to the second, are negligible. In eighths the next
power is -99.625, or -99.6875 before it is rounded; below the third, in base e, all are."""

# 2^r on [-1/16, 1/16], relative errors below 2^-57 and 2^-25. In double precision four steps of
# Horner's rule are (y + r + a2) y + a3 with y = (r + a0) r + a1: two multiplications less, and
# additions cost less. That takes a leading coefficient of 1, so all is over the unit 2^-16.
_QUARTIC = 4.547737314913097, 347.67750308693286, -633.2018550000341, 102907.91100912997
_REST64 = 15743.484360072305, 45426.09362517657, 65536.0
_UNIT64 = 2.0**-16
_POWER32 = 5.5496216e-02, 2.4025765e-01, 6.9314724e-01, 1.0

_largest_exponent = constant(696.0, 80.0)  # below, the power over the unit is no normal number
_lowest = constant(np.finfo(np.float64).min, np.finfo(np.float32).min)
_eighths = constant(1.5 * 2.0**49, 1.5 * 2.0**20)  # added, it leaves eighths in the low bits


def _near_one(builder, form, r):
    """2^r for a small r, over the unit."""
    if form.wide:
        a0, a1, a2, a3 = map(form.number, _QUARTIC)
        y = form.fma(builder, builder.fadd(r, a0), r, a1)
        value, rest = form.fma(builder, builder.fadd(y, builder.fadd(r, a2)), y, a3), _REST64
    else:
        value, rest = form.number(_POWER32[0]), _POWER32[1:]
    for c in map(form.number, rest):
        value = form.fma(builder, value, r, c)
    return value


def _eighth_powers(builder, form, n):
    """2^(i/8) times the unit, for a number 1.5 2^(mantissa - 3) + i/8, so that i ends it."""
    step = form.n_mantissa - 3
    roots = np.exp2(np.arange(8) / 8) * (_UNIT64 if form.wide else 1.0)
    words = roots.astype(f"f{form.n_bits // 8}").view(f"i{form.n_bits // 8}")
    # Shifted, i adds its whole part to the exponent, and its rest to what the table lacks of it.
    table = [(int(word) - (i << step)) % 2**form.n_bits for i, word in enumerate(words)]
    word = builder.bitcast(n, form.word)
    shifted = builder.shl(word, form.integer(step))
    return builder.bitcast(builder.add(look_up(builder, table, word), shifted), form.real)


def _product(builder, form, eighths, rest):
    """2 to the power of what `in_eighths` took apart."""
    scale = _eighth_powers(builder, form, eighths)
    return builder.fmul(scale, _near_one(builder, form, rest))


two_to = binary(_product)


@device
def in_eighths(x, rate):
    """rate x in eighths, with `_eighths` added, and the rest of it.

    The product keeps all its digits.
    """
    eighths = fma(x, rate, _eighths(x))
    return eighths, fma(x, rate, _eighths(x) - eighths)


@device
def least_over(rate, like):
    """What times the rate is the lowest power, if there is such a number."""
    return maximum(_lowest(like), zero_like(like) + LOWEST_POWER / rate)


@device
def power_of_two_or_zero(x, rate):
    """2^(rate x) for rate x <= 0, and 0 below 2^-99.6875, within 2 ulp but for the rate's error."""
    eighths, rest = in_eighths(x, rate)
    return select(eighths > _eighths(x) + LOWEST_POWER, two_to(eighths, rest), 0.0)


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
    return two_to(*in_eighths(z, LOG2_E))

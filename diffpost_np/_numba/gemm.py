"""Matrix times block: (n, depth) times (depth, lanes).

A tile of rows stays in registers for the whole depth, so the speed is that of the fused
multiply-add, and every entry is one sum in the order of the depth: it depends neither on other
lanes nor on the tile it falls into.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import overload

from .device import device, inner, zero_like
from .lanes import REGISTER_BYTES, fma, get, put

_SIX_FIT = REGISTER_BYTES == 64  # 24 of 32 registers; elsewhere there are 16


class Towards(NamedTuple):
    """Rows of centre - x, times a number for each lane."""

    x: np.ndarray
    centre: np.ndarray  # (rows,)
    scale: Any


def _start(out, start, row):
    """Where the sums of a row start: a number for the row, a row, its way to a centre, or zero."""
    raise NotImplementedError


@overload(_start, jit_options=inner)
def _start_typed(out, start, row):
    if isinstance(start, types.BaseNamedTuple):
        return lambda out, start, row: (start.centre[row] - get(start.x, row)) * start.scale
    if isinstance(start, types.Array) and start.ndim == 1:
        return lambda out, start, row: zero_like(get(out, row)) + start[row]
    if isinstance(start, types.Array):
        return lambda out, start, row: get(start, row)
    return lambda out, start, row: zero_like(get(out, row))


def _scaled(total, factor):
    """A sum times a factor, if there is one."""
    raise NotImplementedError


@overload(_scaled, jit_options=inner)
def _scaled_typed(total, factor):
    if isinstance(factor, types.NoneType):
        return lambda total, factor: total
    return lambda total, factor: total * factor


@device
def _six_sums(a, x, row, first, last, s0, s1, s2, s3, s4, s5):
    """Products of six rows, from `first` to `last`, added to their sums so far."""
    for k in range(first, last):
        column = get(x, k)
        s0, s1 = fma(a[row, k], column, s0), fma(a[row + 1, k], column, s1)
        s2, s3 = fma(a[row + 2, k], column, s2), fma(a[row + 3, k], column, s3)
        s4, s5 = fma(a[row + 4, k], column, s4), fma(a[row + 5, k], column, s5)
    return s0, s1, s2, s3, s4, s5


@device
def _two_sums(a, x, row, first, last, s0, s1):
    for k in range(first, last):
        column = get(x, k)
        s0, s1 = fma(a[row, k], column, s0), fma(a[row + 1, k], column, s1)
    return s0, s1


@device
def _one_sum(a, x, row, first, last, s):
    for k in range(first, last):
        s = fma(a[row, k], get(x, k), s)
    return s


@device
def _six_rows(out, start, a, x, factor, row, first, last):
    s0, s1 = _start(out, start, row), _start(out, start, row + 1)
    s2, s3 = _start(out, start, row + 2), _start(out, start, row + 3)
    s4, s5 = _start(out, start, row + 4), _start(out, start, row + 5)
    s0, s1, s2, s3, s4, s5 = _six_sums(a, x, row, first, last, s0, s1, s2, s3, s4, s5)
    put(out, row, _scaled(s0, factor)), put(out, row + 1, _scaled(s1, factor))
    put(out, row + 2, _scaled(s2, factor)), put(out, row + 3, _scaled(s3, factor))
    put(out, row + 4, _scaled(s4, factor)), put(out, row + 5, _scaled(s5, factor))


@device
def _two_rows(out, start, a, x, factor, row, first, last):
    s0, s1 = _start(out, start, row), _start(out, start, row + 1)
    s0, s1 = _two_sums(a, x, row, first, last, s0, s1)
    put(out, row, _scaled(s0, factor)), put(out, row + 1, _scaled(s1, factor))


@device
def _one_row(out, start, a, x, factor, row, first, last):
    s = _one_sum(a, x, row, first, last, _start(out, start, row))
    put(out, row, _scaled(s, factor))


@njit(**inner)
def multiply_add(out, start, a, x, factor=None):
    """out = (start + a x) factor. A vector starts each row at a number; `start` may be `out`."""
    row, n, depth = 0, a.shape[0], x.shape[0]
    while _SIX_FIT and row + 6 <= n:
        _six_rows(out, start, a, x, factor, row, 0, depth)
        row += 6
    while row + 2 <= n:
        _two_rows(out, start, a, x, factor, row, 0, depth)
        row += 2
    if row < n:
        _one_row(out, start, a, x, factor, row, 0, depth)


@device
def multiply(out, a, x):
    """out = a x."""
    multiply_add(out, None, a, x)


@njit(**inner)
def multiply_add_lower(out, start, a, x, first, last):
    """Rows first to last, less one, of start + a x for an a that is zero above its diagonal."""
    row, depth = first, a.shape[1]
    while _SIX_FIT and row + 6 <= last:
        _six_rows(out, start, a, x, None, row, 0, min(row + 6, depth))
        row += 6
    while row + 2 <= last:
        _two_rows(out, start, a, x, None, row, 0, min(row + 2, depth))
        row += 2
    if row < last:
        _one_row(out, start, a, x, None, row, 0, min(row + 1, depth))


@njit(**inner)
def multiply_add_upper(out, start, a, x):
    """out = start + a x for an a that is zero below its diagonal."""
    row, (n, depth) = 0, a.shape
    while _SIX_FIT and row + 6 <= n:
        _six_rows(out, start, a, x, None, row, row, depth)
        row += 6
    while row + 2 <= n:
        _two_rows(out, start, a, x, None, row, row, depth)
        row += 2
    if row < n:
        _one_row(out, start, a, x, None, row, row, depth)


@device
def _squares_of_six(total, a, x, row, last):
    z = zero_like(total)
    s0, s1, s2, s3, s4, s5 = _six_sums(a, x, row, 0, last, z, z, z, z, z, z)
    total = fma(s2, s2, fma(s1, s1, fma(s0, s0, total)))
    return fma(s5, s5, fma(s4, s4, fma(s3, s3, total)))


@device
def _squares_of_two(total, a, x, row, last):
    s0, s1 = _two_sums(a, x, row, 0, last, zero_like(total), zero_like(total))
    return fma(s1, s1, fma(s0, s0, total))


@device
def _square_of_one(total, a, x, row, last):
    s = _one_sum(a, x, row, 0, last, zero_like(total))
    return fma(s, s, total)


@njit(**inner)
def squares_lower(a, x, first, last):
    """Sum of the squares of rows first to last, less one, of a x, in their order.

    a is zero above its diagonal. No product is stored: those of many components fill a cache.
    """
    row, total, depth = first, zero_like(get(x, 0)), a.shape[1]
    while _SIX_FIT and row + 6 <= last:
        total = _squares_of_six(total, a, x, row, min(row + 6, depth))
        row += 6
    while row + 2 <= last:
        total = _squares_of_two(total, a, x, row, min(row + 2, depth))
        row += 2
    if row < last:
        total = _square_of_one(total, a, x, row, min(row + 1, depth))
    return total

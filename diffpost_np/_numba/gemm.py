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

from .device import device, inner, maximum, zero_like
from .lanes import REGISTER_BYTES, fma, get, put

FOUR_FIT = REGISTER_BYTES == 64  # 20 of 32 registers; elsewhere there are 16


class Difference(NamedTuple):
    """Rows of x less a centre, found where a product needs them: that costs it no time."""

    x: np.ndarray
    order: Any  # (depth,), which rows of x these are; None for all in their order
    centre: np.ndarray  # (depth,)


class Towards(NamedTuple):
    """Rows of centre - x, times a number for each lane."""

    x: np.ndarray
    centre: np.ndarray  # (rows,)
    scale: Any


class Onto(NamedTuple):
    """Rows to which sums are added, the sums times a number for each lane."""

    rows: np.ndarray
    weight: Any


class Blend(NamedTuple):
    """Rows times a number, to which sums are added, times a number for each lane."""

    rows: np.ndarray
    kept: Any
    weight: Any


def column(x, k):
    """Row of a block, or of a difference, that a column of a matrix meets."""
    raise NotImplementedError


@overload(column, jit_options=inner)
def _column_typed(x, k):
    if isinstance(x, types.Array):
        return lambda x, k: get(x, k)
    if isinstance(x.types[1], types.NoneType):
        return lambda x, k: get(x.x, k) - x.centre[k]
    return lambda x, k: get(x.x, x.order[k]) - x.centre[k]


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


def _end(row, total, factor):
    """What becomes of a sum: it is kept, times a factor, or times a weight added to a row.

    The row may be multiplied before.
    """
    raise NotImplementedError


@overload(_end, jit_options=inner)
def _end_typed(row, total, factor):
    if isinstance(factor, types.NoneType):
        return lambda row, total, factor: total
    if getattr(factor, "instance_class", None) is Blend:
        return lambda row, total, factor: fma(
            total, factor.weight, get(factor.rows, row) * factor.kept
        )
    if isinstance(factor, types.BaseNamedTuple):
        return lambda row, total, factor: fma(total, factor.weight, get(factor.rows, row))
    return lambda row, total, factor: total * factor


@device
def four_sums(a, x, row, first, last, s0, s1, s2, s3):
    """Products of four rows, from `first` to `last`, added to their sums so far."""
    for k in range(first, last):
        value = column(x, k)
        s0, s1 = fma(a[row, k], value, s0), fma(a[row + 1, k], value, s1)
        s2, s3 = fma(a[row + 2, k], value, s2), fma(a[row + 3, k], value, s3)
    return s0, s1, s2, s3


@device
def two_sums(a, x, row, first, last, s0, s1):
    for k in range(first, last):
        value = column(x, k)
        s0, s1 = fma(a[row, k], value, s0), fma(a[row + 1, k], value, s1)
    return s0, s1


@device
def one_sum(a, x, row, first, last, s):
    for k in range(first, last):
        s = fma(a[row, k], column(x, k), s)
    return s


@device
def four_starts(out, start, row):
    """Where the sums of four rows start."""
    s0, s1 = _start(out, start, row), _start(out, start, row + 1)
    return s0, s1, _start(out, start, row + 2), _start(out, start, row + 3)


@device
def put_sum(out, row, total, factor):
    put(out, row, _end(row, total, factor))


@device
def put_four(out, row, s0, s1, s2, s3, factor):
    put_sum(out, row, s0, factor), put_sum(out, row + 1, s1, factor)
    put_sum(out, row + 2, s2, factor), put_sum(out, row + 3, s3, factor)


@device
def two_rows(out, start, a, x, factor, row, first, last):
    s0, s1 = _start(out, start, row), _start(out, start, row + 1)
    s0, s1 = two_sums(a, x, row, first, last, s0, s1)
    put_sum(out, row, s0, factor), put_sum(out, row + 1, s1, factor)


@device
def one_row(out, start, a, x, factor, row, first, last):
    s = one_sum(a, x, row, first, last, _start(out, start, row))
    put_sum(out, row, s, factor)


@njit(**inner)
def multiply_add(out, start, a, x, factor=None):
    """out = (start + a x) factor, or that weighted onto rows; both may be `out`.

    A vector starts each row at a number, None at zero.
    """
    row, (n, depth) = 0, a.shape
    while FOUR_FIT and row + 4 <= n:
        s0, s1, s2, s3 = four_starts(out, start, row)
        put_four(out, row, *four_sums(a, x, row, 0, depth, s0, s1, s2, s3), factor)
        row += 4
    while row + 2 <= n:
        two_rows(out, start, a, x, factor, row, 0, depth)
        row += 2
    if row < n:
        one_row(out, start, a, x, factor, row, 0, depth)


@njit(**inner)
def multiply_add_largest(out, start, a, x):
    """out = start + a x; returns the largest of each lane."""
    row, (n, depth) = 0, a.shape
    peak = zero_like(column(x, 0)) - np.inf
    while FOUR_FIT and row + 4 <= n:
        s0, s1, s2, s3 = four_starts(out, start, row)
        s0, s1, s2, s3 = four_sums(a, x, row, 0, depth, s0, s1, s2, s3)
        put_four(out, row, s0, s1, s2, s3, None)
        peak = maximum(maximum(s0, s1), maximum(maximum(s2, s3), peak))
        row += 4
    while row + 2 <= n:
        s0, s1 = _start(out, start, row), _start(out, start, row + 1)
        s0, s1 = two_sums(a, x, row, 0, depth, s0, s1)
        put(out, row, s0), put(out, row + 1, s1)
        peak = maximum(s0, maximum(s1, peak))
        row += 2
    if row < n:
        s = one_sum(a, x, row, 0, depth, _start(out, start, row))
        put(out, row, s)
        peak = maximum(s, peak)
    return peak


@device
def multiply(out, a, x):
    """out = a x."""
    multiply_add(out, None, a, x)

"""Kernels of `lewis/_exact/passes.py`: what the exact fit reads from all rows, block by block.

Sums are added up in chunks of a fixed number of blocks, so that they do not depend on threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from ..blocks import block_code, room
from ..device import device, inner, zero_like
from ..lanes import LANES, fma, get, put, select
from ..parallel import for_ranges, kernel
from ..registers import WIDTH
from ..transposes import transpose_into
from .band import form_of, square_of

_N = LANES[np.dtype(np.float64)]
_WIDTH = WIDTH[np.dtype(np.float64)]
_PARTS = _N // _WIDTH
_CHUNK = 64  # blocks


@block_code
def _load(work, x, y, weight, first, n):
    """Rows into lanes, and then a row of ones, the target, and the weight; zeros beyond n."""
    d = x.shape[1]
    _load_columns(work, x, first, n)
    for lane in range(n):
        i = first + lane
        work[d, lane] = 1.0
        work[d + 1, lane] = y[i]
        work[d + 2, lane] = weight[i] if weight.shape[0] else 1.0
    for lane in range(n, _N):
        for j in range(d + 3):
            work[j, lane] = 0.0


@block_code
def _one_by_one(work, x, first, n):
    for lane in range(n):
        for j in range(x.shape[1]):
            work[j, lane] = x[first + lane, j]


@block_code
def _in_squares(work, x, first, n):
    """Whole blocks of rows that follow each other in memory, but for the last ones of all."""
    d = x.shape[1]
    whole = n == _N and (first + n - 1) * d + max(d, _WIDTH) <= x.size
    for part in range(_PARTS if whole else 0):
        row = (first + part * _WIDTH) * d
        for column in range(0, d, _WIDTH):
            start = max(0, min(column, d - _WIDTH))
            transpose_into(work, start * _PARTS + part, _PARTS, x, row + start, d, None)
    if not whole:
        _one_by_one(work, x, first, n)


def _load_columns(work, x, first, n):
    """Rows into lanes, by the layout of the array."""
    raise NotImplementedError


@overload(_load_columns, jit_options=inner)
def _load_columns_typed(work, x, first, n):
    code = _in_squares if x.layout == "C" and x.dtype == types.float64 else _one_by_one
    return lambda work, x, first, n: code(work, x, first, n)


@device
def _residual(work, b, d):
    r = get(work, d + 1)
    for j in range(b.shape[0]):
        r = fma(get(work, j), -b[j], r)
    return r


@device
def _add_moment(sums, work, c, n):
    """Sums of c times columns."""
    for j in range(n):
        put(sums, j, fma(get(work, j), c, get(sums, j)))


@block_code
def _total(out, sums):
    for j in range(out.shape[0]):
        out[j] = 0.0
        for lane in range(_N):
            out[j] += sums[j, lane]


class Place(NamedTuple):
    """The arrays of one worker."""

    work: np.ndarray  # (d + 3 or more, lanes), rows of X, ones, targets, weights
    side: np.ndarray  # (1, lanes)
    sums: np.ndarray  # (d + 3, lanes), of columns, ones, targets, and of what is not finite


@device
def _dual(side, weight, quantile):
    """The weighted dual of a side."""
    below = select(-side > 0.0, weight * (quantile - 1.0), zero_like(side))
    return select(side > 0.0, weight * quantile, below)


@device
def _side(r, square, weight):
    """1 above the fit, -1 below it, 0 where r^2 <= square or the weight is zero."""
    side = select(r * r > square, select(r > 0.0, 1.0, zero_like(r) - 1.0), 0.0)
    return select(weight > 0.0, side, zero_like(r))


@kernel
def _split(totals, sides, first, last, x, y, weight, b, form, quantile, unit, place):
    """Which side of the fit a row is on for certain; sums of the dual of those that are."""
    d, (work, _, sums) = x.shape[1], place
    for chunk in range(first, last):
        sums[:] = 0
        stop = min(x.shape[0], (chunk + 1) * _CHUNK * _N)
        for start in range(chunk * _CHUNK * _N, stop, _N):
            n = min(_N, stop - start)
            _load(work, x, y, weight, start, n)
            r = _residual(work, b, d)
            put(sums, d + 2, fma(r, 0.0, get(sums, d + 2)))
            square = square_of(work, form.factor, form.bound, r * unit)
            side = _side(r * unit, square, get(work, d + 2))
            put(place.side, 0, side)
            for lane in range(n):
                sides[start + lane] = np.int8(place.side[0, lane])
            _add_moment(sums, work, _dual(side, get(work, d + 2), quantile), d + 2)
        _total(totals[chunk], sums)


@kernel
def _check(totals, wrong, first, last, x, y, weight, b, sides, quantile, place):
    """Rows that are not on their side; sums of the dual of all that have one, and of the loss."""
    d, (work, _, sums) = x.shape[1], place
    for chunk in range(first, last):
        sums[:] = 0
        stop = min(x.shape[0], (chunk + 1) * _CHUNK * _N)
        for start in range(chunk * _CHUNK * _N, stop, _N):
            n = min(_N, stop - start)
            _load(work, x, y, weight, start, n)
            put(work, d + 1, _residual(work, b, d))
            put(place.side, 0, 0.0)
            for lane in range(n):
                place.side[0, lane] = sides[start + lane]
                wrong[start + lane] = work[d + 1, lane] * place.side[0, lane] < 0.0
            _add_moment(sums, work, _dual(get(place.side, 0), get(work, d + 2), quantile), d + 2)
        _total(totals[chunk], sums)


def _place(d):
    n = max(d, _WIDTH) + 3  # a square of columns reaches beyond the last
    together = room(n + d + 4)
    return Place(together[:n], together[n : n + 1], together[n + 1 :])


def _chunks(task, n, d, n_sums):
    """Run a task over all chunks, with room for its sums; returns them added up in order."""
    n_chunks = -(-n // (_CHUNK * _N))
    totals = np.zeros((n_chunks, n_sums))
    for_ranges(lambda first, last: task(totals, first, last), n_chunks, _CHUNK * _N * 0.5 * d)
    return totals.sum(axis=0)


def _weights(weight):
    return np.empty(0) if weight is None else weight


def sides_of(xp, x, y, weight, b, factor, quantile, unit):
    n, d = x.shape
    sides, given = np.empty(n, np.int8), (x, y, _weights(weight), b, form_of(factor))

    def task(totals, first, last):
        _split(totals, sides, first, last, *given, quantile, unit, _place(d))

    total = _chunks(task, n, d, d + 3)
    return sides, total[: d + 1], float(total[d + 1]), bool(total[d + 2] == 0.0)


def check_sides(xp, x, y, weight, b, sides, quantile):
    n, d = x.shape
    wrong, given = np.empty(n, np.bool_), (x, y, _weights(weight), b, sides)

    def task(totals, first, last):
        _check(totals, wrong, first, last, *given, quantile, _place(d))

    total = _chunks(task, n, d, d + 2)
    return np.flatnonzero(wrong), total[: d + 1], float(total[d + 1])

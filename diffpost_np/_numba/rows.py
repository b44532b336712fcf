"""Kernel of `_rows.py`: score, likelihood, noise and update of several rows while a block of

chains stays in cache.
"""

from __future__ import annotations

import numpy as np

from .blocks import block_code, choose, load, n_blocks, new_work, store
from .device import normal_pair
from .forms import score, scratch_rows
from .gemm import multiply, multiply_add
from .lanes import LANES, fma, get, put
from .parallel import for_ranges, kernel
from .random import draw, place_of
from .tables import prepare

_KEEP, _SCORE, _LIKELIHOOD, _NOISE = range(4)
_CALL_NS = 5e7
_TABLE_FLOATS = 2**19


@block_code
def _add_likelihood(work, linear, scale):
    """Add scale * A' W (y - A x) to the drift."""
    matrix, matrix_t, weights = linear
    d = matrix.shape[1]
    multiply(work.residual, matrix, work.x[:d])
    for row in range(weights.shape[0]):
        difference = get(work.y, row) - get(work.residual, row)
        put(work.residual, row, difference * (scale * weights[row]))
    multiply_add(work.drift[:d], matrix_t, work.residual)


@block_code
def _move(work, d, keep, noise, place, step):
    """x <- keep x + drift + noise xi."""
    x, words, n = work.x, work.words, work.words.shape[0]
    for block in range(-(-d // n)):
        draw(words, np.uint64(block), work.chains, step, place[2], place[3], place[4])
        for i in range(0, n, 2):
            row = block * n + i
            z0, z1 = normal_pair(get(words, i), get(words, i + 1))
            put(x, row, fma(z0, noise, fma(get(x, row), keep, get(work.drift, row))))
            row += 1
            put(x, row, fma(z1, noise, fma(get(x, row), keep, get(work.drift, row))))
    x[d:] = 0


@kernel
def _advance(x, order, first, last, form, rows, linear, y, place, work):
    for block in range(first, last):
        n = choose(work, order, block)
        load(work.x, x, work)
        load(work.y, y, work)
        for lane_row in range(work.chains.shape[0]):
            put(work.chains, lane_row, get(work.chains, lane_row) + place[0])
        for s in range(rows.shape[0]):
            score(form, s, work, rows[s, _SCORE])
            if rows[s, _LIKELIHOOD] != 0:
                _add_likelihood(work, linear, rows[s, _LIKELIHOOD])
            step = place[1] + np.uint64(s)
            _move(work, x.shape[1], rows[s, _KEEP], rows[s, _NOISE], place, step)
        choose(work, order, block)
        store(x, work.x, work, n)


def advance_rows(xp, x, tables, rows, linear, stream):
    prepared = prepare(tables)
    if prepared is None:
        return NotImplemented
    x, order = np.array(x, order="C"), np.arange(len(x))
    matrix, y = _likelihood(linear, x)
    s2 = (rows[:, 0].astype(x.dtype) ** 2).astype(np.float64)
    coefficients = np.ascontiguousarray(rows[:, 1:], x.dtype)
    if linear is None:
        coefficients[:, _LIKELIHOOD] = 0
    cost = row_cost(prepared, y.shape[1])
    for part in _parts(prepared, s2, cost):
        form = prepared.levels(s2[part])
        place = place_of(stream._replace(step=stream.step + part.start))

        def task(first, last, form=form, place=place, part=part):
            work = new_work(x.dtype, prepared.d, prepared.n, scratch_rows(form), y.shape[1])
            _advance(x, order, first, last, form, coefficients[part], matrix, y, place, work)

        n_rows = part.stop - part.start
        for_ranges(task, n_blocks(len(x), x.dtype), cost * n_rows)
    return x


def _likelihood(linear, x):
    """The matrix, its transpose and the weights, and y; empty where there is no likelihood."""
    if linear is None:
        matrix, weights, y = np.zeros((0, x.shape[1])), np.zeros(0), np.zeros((1, 0))
    else:
        matrix, weights, y = linear
    cast = [np.array(a, x.dtype, order="C") for a in (matrix, matrix.T, weights, y)]
    return tuple(cast[:3]), cast[3]


def _parts(prepared, s2, cost):
    """Slices of rows of one regime, short enough for one call and its tables."""
    most = int(max(1, min(_CALL_NS // cost, _TABLE_FLOATS // prepared.floats_per_level())))
    regime = prepared.regime(s2)
    start = 0
    for stop in range(1, len(s2) + 1):
        if stop == len(s2) or stop - start == most or regime[stop] != regime[start]:
            yield slice(start, stop)
            start = stop


def row_cost(prepared, n_outputs):
    """About how many nanoseconds a row of a block takes."""
    lanes, d = LANES[np.dtype(np.float64)], prepared.d
    return lanes * (2 * d + 0.1 * d * n_outputs + prepared.n * (1 + 0.1 * d * prepared.n_axes))

"""Kernel of `_rows.py`: score, likelihood, noise and update of several rows while a block of

chains stays in cache.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..blocks import block_code, choose, load, n_blocks, new_work, store
from ..device import normal_pair
from ..lanes import LANES, fma, get, put
from ..parallel import for_ranges, kernel
from ..random import counters, draw, place_of
from .forms import scratch_rows
from .likelihood import add_pull, load_y, prepare_likelihood
from .mixture import by_neighbourhood
from .scores import score
from .tables import prepare

_KEEP, _SCORE, _LIKELIHOOD, _NOISE = range(4)
_CALL_NS = 5e7
_TABLE_FLOATS = 2**19


@block_code
def _drift_only(work, d, keep):
    """x <- keep x + drift."""
    for row in range(d):
        put(work.x, row, fma(get(work.x, row), keep, get(work.drift, row)))


@block_code
def _move(work, d, keep, noise, place, step):
    """x <- keep x + drift + noise xi."""
    x, words, n = work.x, work.words, work.words.shape[0]
    chains = counters(words, work.chains)
    tag, key0, key1 = place[2], place[3], place[4]
    for block in range(-(-d // n)):
        draw(words, np.uint64(block), chains, step, tag, key0, key1)
        for i in range(0, n, 2):
            row = block * n + i
            z0, z1 = normal_pair(get(words, i), get(words, i + 1))
            put(x, row, fma(z0, noise, fma(get(x, row), keep, get(work.drift, row))))
            row += 1
            put(x, row, fma(z1, noise, fma(get(x, row), keep, get(work.drift, row))))
    x[d:] = 0


@kernel
def _advance(x, order, first, last, form, likelihood, rows, uses, place, work):
    for block in range(first, last):
        n = choose(work, order, block)
        load(work.x, x, work)
        load_y(likelihood, work)
        for half in range(work.chains.shape[0]):
            put(work.chains, half, get(work.chains, half) + place[0])
        for s in range(rows.shape[0]):
            score(form, uses[s, 0], work, rows[s, _SCORE])
            if rows[s, _LIKELIHOOD] != 0:
                add_pull(likelihood, uses[s, 1], work)
            if rows[s, _NOISE] == 0:
                _drift_only(work, x.shape[1], rows[s, _KEEP])
            else:
                step = place[1] + np.uint64(s)
                _move(work, x.shape[1], rows[s, _KEEP], rows[s, _NOISE], place, step)
        choose(work, order, block)
        store(x, work.x, work, n)


def advance_rows(xp, x, tables, rows, linear, stream):
    prepared = prepare(tables)
    if prepared is None:
        return NotImplemented
    s2 = rows[:, 0].astype(x.dtype).astype(np.float64) ** 2
    x, order = np.array(x, order="C"), by_neighbourhood(prepared, x, s2.min())
    coefficients = rows[:, 1:].astype(x.dtype, order="C")
    if linear is None:
        coefficients[:, _LIKELIHOOD] = 0
    n_outputs = 0 if linear is None else len(linear.weights)
    cost = _row_cost(prepared, n_outputs)
    for part in parts(prepared, s2, cost):
        levels, of_row = runs(s2[part])
        pulls, pull_of_row = runs(coefficients[part, _LIKELIHOOD])
        form, likelihood = (
            prepared.levels(levels, reused=True),
            prepare_likelihood(linear, pulls, x),
        )
        uses = np.stack([of_row, pull_of_row], axis=1)
        place = place_of(stream._replace(step=stream.step + part.start))
        arguments = form, likelihood, coefficients[part], uses, place

        def task(first, last, arguments=arguments):
            sizes = prepared.d, prepared.n, scratch_rows(arguments[0]), n_outputs
            _advance(x, order, first, last, *arguments, new_work(x.dtype, *sizes))

        for_ranges(task, n_blocks(len(x), x.dtype), cost * (part.stop - part.start))
    return x


def runs(values):
    """The value of each run of equal values, and which run each row belongs to."""
    starts = np.concatenate([[True], values[1:] != values[:-1]])
    return values[starts], np.cumsum(starts) - 1


def parts(prepared, s2, cost, at_most=2**31):
    """Slices of rows of one regime, short enough for one call and its tables."""
    fitting = min(_CALL_NS // cost, _TABLE_FLOATS // prepared.floats_per_level())
    most = int(max(1, min(fitting, at_most)))
    regime = prepared.regime(s2, reused=True)
    changes = np.flatnonzero(regime[1:] != regime[:-1]) + 1
    for first, last in pairwise([0, *changes.tolist(), len(s2)]):
        for start in range(first, last, most):
            yield slice(start, min(start + most, last))


def _row_cost(prepared, n_outputs):
    """About how many nanoseconds a row of a block takes."""
    lanes, d = LANES[np.dtype(np.float64)], prepared.d
    return lanes * (2 * d + 0.1 * d * n_outputs + prepared.n * (1 + 0.1 * d * prepared.n_axes))

"""Kernel of `sampling/_steps/table.py`: a block of chains stays in cache for all its rows."""

from __future__ import annotations

import threading

import numpy as np

from ...sampling._steps.table import Cloud
from ..blocks import at, block_code, choose, load, n_blocks, new_work, padded, store
from ..blocks import rows as new_rows
from ..device import device, normal_pair
from ..lanes import LANES, fma, get, put
from ..parallel import for_ranges, kernel
from ..random import counters, draw, place_of
from .forms import scratch_rows
from .mixture import block_cost, by_neighbourhood
from .rows import parts, runs
from .scores import denoised
from .tables import prepare

_ROWS_PER_ORDER = 8
"""Rows after which points are sorted anew, where neighbours should share a block."""


@block_code
def _combine(out, y, past, head, c, d, work, place, step):
    """out <- c0 y + the latest points, the latest of them at `head`, and noises, times theirs.

    `past` holds whole blocks one below the other, as many as there are points, at least one;
    those before the latest are left out where their coefficient is zero.
    """
    n_past, p = past.shape[0] // work.x.shape[0], work.x.shape[0]
    latest, own, weight = past[head * p : (head + 1) * p], c[0], c[1]
    for row in range(d):
        put(out, row, fma(get(latest, row), weight, get(y, row) * own))
    for h in range(1, n_past):
        if c[1 + h] != 0:
            k = head + h if head + h < n_past else head + h - n_past
            _add(out, c[1 + h], past[k * p : (k + 1) * p], d)
    for slot in range(c.shape[0] - 1 - n_past):
        if c[1 + n_past + slot] != 0:
            tag = place[2] | np.uint64(slot << 8)
            _add_noise(out, c[1 + n_past + slot], d, work, place, step, tag)


@device
def _add(out, weight, values, d):
    for row in range(d):
        put(out, row, fma(get(values, row), weight, get(out, row)))


@block_code
def _add_noise(out, scale, d, work, place, step, tag):
    """out <- out + scale xi; padding stays zero."""
    words, n = work.words, work.words.shape[0]
    chains = counters(words, work.chains)
    for block in range(-(-d // n)):
        draw(words, np.uint64(block), chains, step, tag, place[3], place[4])
        for i in range(0, n, 2):
            row = block * n + i
            z0, z1 = normal_pair(get(words, i), get(words, i + 1))
            put(out, row, fma(z0, scale, get(out, row)))
            put(out, row + 1, fma(z1, scale, get(out, row + 1)))
    out[d:] = 0


@block_code
def _rows(own, recent, form, table, uses, d, place, work):
    """Run all rows for a block; returns where the latest denoised point is."""
    steps, variances, points, states, stays = table
    head, p = 0, work.x.shape[0]
    for r in range(steps.shape[0]):
        step = place[1] + np.uint64(steps[r])
        if uses[r] >= 0:
            x = own if stays[r, 0] else work.x
            if not stays[r, 0]:
                _combine(x, own, recent, head, points[r], d, work, place, step)
            head = (head if head > 0 else recent.shape[0] // p) - 1
            found = recent[head * p : (head + 1) * p]
            denoised(form, uses[r], at(work, x, found), variances[r])
        if not stays[r, 1]:
            _combine(own, own, recent, head, states[r], d, work, place, step)
    return head


@kernel
def _run(y, past, order, first, last, form, table, uses, place, work, state):
    n_past, d, p = past.shape[0], y.shape[1], work.x.shape[0]
    own, recent = state[:p], state[p:]
    for block in range(first, last):
        n = choose(work, order, block)
        load(own, y, work)
        for h in range(n_past):
            load(recent[h * p : (h + 1) * p], past[h], work)
        for half in range(work.chains.shape[0]):
            put(work.chains, half, get(work.chains, half) + place[0])
        head = _rows(own, recent, form, table, uses, d, place, work)
        choose(work, order, block)
        store(y, own, work, n)
        for h in range(n_past):
            k = (head + h) % n_past
            store(past[h], recent[k * p : (k + 1) * p], work, n)


def mixture_steps(xp, cloud, table, prior, stream):
    prepared = prepare(prior)
    if prepared is None:
        return NotImplemented
    y, past = np.array(cloud.y, order="C"), np.array(cloud.past, order="C")
    evaluates = ~np.isnan(table.sigma)
    s2 = _filled(table.sigma).astype(y.dtype).astype(np.float64) ** 2
    points, states = table.point.astype(y.dtype), table.state.astype(y.dtype)
    stays = np.stack([_is_state(points), _is_state(states)], axis=1)
    columns = table.step, s2.astype(y.dtype), points, states, stays
    cost = block_cost(prepared) + LANES[np.dtype(np.float64)] * 2.0 * prepared.d
    most = _ROWS_PER_ORDER if prepared.n_axes > 1 else len(s2)
    for part in parts(prepared, s2, cost, most):
        levels, use = runs(s2[part])
        uses = np.where(evaluates[part], use, -1)
        arrays = tuple(np.ascontiguousarray(column[part]) for column in columns)
        form, order = (
            prepared.levels(levels, reused=True),
            by_neighbourhood(prepared, y, levels[-1]),
        )
        _advance(prepared, y, past, order, form, arrays, uses, stream, cost)
    return Cloud(y, tuple(past))


def _advance(prepared, y, past, order, form, arrays, uses, stream, cost):
    """Some rows of one regime, in place."""
    place = place_of(stream)

    def task(first, last):
        work = new_work(y.dtype, prepared.d, prepared.n, scratch_rows(form))
        state = _state(y.dtype, prepared.d, len(past))
        _run(y, past, order, first, last, form, arrays, uses, place, work, state)

    for_ranges(task, n_blocks(len(y), y.dtype), cost * len(uses))


_mine = threading.local()


def _state(dtype, d, n_past):
    """The state and the points before of a block, kept by a thread."""
    key = (np.dtype(dtype), d, n_past)
    if getattr(_mine, "key", None) != key:
        _mine.key, _mine.state = key, new_rows((1 + n_past) * padded(d), dtype)
    return _mine.state


def _is_state(coefficients):
    """Which combinations are the state itself."""
    return (coefficients[:, 0] == 1) & ~np.any(coefficients[:, 1:], axis=1)


def _filled(sigma):
    """Levels, where rows that evaluate nothing have their neighbour's; any, if all are such."""
    known = np.flatnonzero(~np.isnan(sigma))
    if not len(known):
        return np.ones_like(sigma)
    nearest = known[np.searchsorted(known, np.arange(len(sigma))).clip(max=len(known) - 1)]
    return sigma[nearest]

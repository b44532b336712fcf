"""Kernels of `priors/_mixture_given.py`: each point by itself, so batches do not change a draw."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._once import once_for_each
from ...priors._covariance import Spectral
from ..blocks import choose, exponentials, largest, load, n_blocks, new_work
from ..device import zero_like
from ..lanes import get, put, select
from ..parallel import for_ranges, kernel
from ..registers import WIDTH
from .forms import scratch_rows
from .mixture import block_cost
from .scores import logits
from .tables import prepare
from .together import TOGETHER, buffer, padded_rows, products, run_of


@kernel
def _choose(chosen, u, x, order, first, last, form, work):
    """Count the components whose cumulative weight lies below u times that of all."""
    for block in range(first, last):
        n = choose(work, order, block)
        load(work.x, x, work)
        load(work.y, u, work)
        logits(form, 0, work)
        total = exponentials(work.logits, largest(work.logits))
        goal, below = get(work.y, 0) * total, zero_like(total)
        count, one = zero_like(total), zero_like(total) + 1.0
        for k in range(work.logits.shape[0] - 1):
            below = below + get(work.logits, k)
            count = count + select(goal > below, one, zero_like(one))
        put(work.y, 0, count)
        for lane in range(n):
            chosen[order[block * work.x.shape[1] + lane]] = np.intp(work.y[0, lane])


def mixture_choose(xp, x, s2, u, tables):
    prepared = prepare(tables)
    if prepared is None or s2.shape[0] != 1:
        return NotImplemented
    form = prepared.lasting_levels(s2.astype(np.float64))
    x, order = np.require(x, requirements=["C", "W"]), np.arange(len(x))
    chosen, u = np.empty(len(x), np.intp), np.require(u, requirements=["C", "W"])

    def task(first, last):
        work = new_work(x.dtype, prepared.d, prepared.n, scratch_rows(form), 1)
        _choose(chosen, u, x, order, first, last, form, work)

    for_ranges(task, n_blocks(len(x), x.dtype), block_cost(prepared))
    return chosen if prepared.used.all() else np.flatnonzero(prepared.used)[chosen]


class _Drawn(NamedTuple):
    """A mixture at a noise level; rows of bases fill whole registers."""

    means: np.ndarray  # (K, d)
    gains: np.ndarray  # (K, d), v / (v + s2) along axes of variance v
    scales: np.ndarray  # (K, d), of the noise along them
    bases: np.ndarray  # (K d padded d,), axes in columns
    bases_t: np.ndarray


@kernel
def _draw(out, x, chosen, z, order, first, last, tables, width, buffers):
    """Draws for the points order[first:last], up to four of one component at a time."""
    shift, noise, along, turned = buffers
    d, padded = x.shape[1], shift.shape[0] // TOGETHER
    while first < last:
        k, n = chosen[order[first]], run_of(chosen, order, first, last)
        for p in range(n):
            for e in range(d):
                shift[p * padded + e] = x[order[first + p], e] - tables.means[k, e]
                noise[p * padded + e] = z[order[first + p], e]
        products(along, shift, tables.bases, k, d, width)
        products(turned, noise, tables.bases, k, d, width)
        for p in range(n):
            for e in range(d):
                i = p * padded + e
                along[i] = tables.gains[k, e] * along[i] + tables.scales[k, e] * turned[i]
        products(shift, along, tables.bases_t, k, d, width)
        for p in range(n):
            for e in range(d):
                out[order[first + p], e] = tables.means[k, e] + shift[p * padded + e]
        first += n


def mixture_draw_chosen(xp, x, s2, chosen, z, tables):
    covs, (n, d) = tables.covs, tables.means.shape
    if not (isinstance(covs, Spectral) and isinstance(covs.basis, np.ndarray)) or len(s2) != 1:
        return NotImplemented
    gain = np.broadcast_to(covs.values / (covs.values + s2), (n, d))
    held = _Drawn(tables.means, gain.copy(), np.sqrt(s2 * gain), *_rows_of_bases(tables))
    x, z = (np.require(a, requirements=["C", "W"]) for a in (x, z))
    order, out = np.argsort(chosen, kind="stable"), np.empty_like(x)
    width = WIDTH[x.dtype]

    def task(first, last):
        buffers = [buffer(d, x.dtype) for _ in range(4)]
        _draw(out, x, chosen, z, order, first, last, held, width, tuple(buffers))

    for_ranges(task, len(x), 0.05 * d * d)
    return out


@once_for_each
def _rows_of_bases(tables):
    """Bases (K, d, d) and their transposes, flat, rows padded to whole registers."""
    n, d = tables.means.shape
    basis = np.broadcast_to(tables.covs.basis, (n, d, d))
    return tuple(padded_rows(a) for a in (basis, np.swapaxes(basis, 1, 2)))

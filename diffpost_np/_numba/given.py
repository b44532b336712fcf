"""Kernels of `priors/_mixture_given.py`: each point by itself, so batches do not change a draw."""

from __future__ import annotations

import numpy as np

from ..priors._covariance import Spectral
from .blocks import choose, exponentials, largest, load, n_blocks, new_work
from .device import zero_like
from .draws import add_product, rows_kernel
from .forms import scratch_rows
from .lanes import get, put, select
from .mixture import block_cost
from .parallel import for_ranges, kernel
from .scores import logits
from .tables import prepare

_MANY = 512
"""Points for which tables are made that halve the work of each."""


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
    form = prepared.levels_for_many(s2.astype(np.float64), len(x) >= _MANY)
    x, order = np.require(x, requirements=["C", "W"]), np.arange(len(x))
    chosen, u = np.empty(len(x), np.intp), np.require(u, requirements=["C", "W"])

    def task(first, last):
        work = new_work(x.dtype, prepared.d, prepared.n, scratch_rows(form), 1)
        _choose(chosen, u, x, order, first, last, form, work)

    for_ranges(task, n_blocks(len(x), x.dtype), block_cost(prepared))
    return chosen if prepared.used.all() else np.flatnonzero(prepared.used)[chosen]


@rows_kernel
def _draw(order, x, chosen, z, tables, out):
    means, bases, bases_t, gains, scales = tables
    along, shift = np.empty_like(x[0]), np.empty_like(x[0])
    for i in order:
        k = chosen[i]
        basis, basis_t, gain, scale = bases[k], bases_t[k], gains[k], scales[k]
        shift[:] = x[i] - means[k]
        along[:] = 0
        add_product(along, shift, basis)
        along[:] = gain * along + scale * z[i]
        out[i] = means[k]
        add_product(out[i], along, basis_t)


def mixture_draw_chosen(xp, x, s2, chosen, z, tables):
    covs, n = tables.covs, len(tables.means)
    if not (isinstance(covs, Spectral) and isinstance(covs.basis, np.ndarray)) or len(s2) != 1:
        return NotImplemented
    gain = covs.values / (covs.values + s2)
    parts = covs.basis, np.swapaxes(covs.basis, 1, 2), gain, np.sqrt(s2 * gain)
    of_each = (np.broadcast_to(a, (n, *a.shape[1:])) for a in parts)
    held = tuple(np.ascontiguousarray(a) for a in (tables.means, *of_each))
    x, z = (np.require(a, requirements=["C", "W"]) for a in (x, z))
    order, out = np.argsort(chosen, kind="stable"), np.empty_like(x)
    cost = 0.1 * covs.basis[0].size
    for_ranges(lambda a, b: _draw(order[a:b], x, chosen, z, held, out), len(x), cost)
    return out

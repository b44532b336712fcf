"""Kernels of `priors/_mixture_math.py`: scores and log densities of Gaussian mixtures."""

from __future__ import annotations

import math

import numpy as np

from ..blocks import choose, exponentials, largest, load, n_blocks, new_work, store
from ..device import log
from ..lanes import LANES, put
from ..parallel import for_ranges, kernel
from .forms import scratch_rows
from .scores import common, logits, score
from .tables import prepare

_ONE_THREAD = 2**18
"""Multiplications up to which BLAS keeps to one thread; its others would spin beside ours."""


@kernel
def _evaluate(scores, densities, x, order, first, last, form, work):
    """Scores (n, d) or (0, d), and log densities (n, 1) or (0, 1) less those of N(0, I) at 0."""
    for block in range(first, last):
        n = choose(work, order, block)
        load(work.x, x, work)
        if len(scores):
            score(form, 0, work, x.dtype.type(1))
            store(scores, work.drift, work, n)
        if len(densities):
            logits(form, 0, work)
            peak = largest(work.logits)
            total = exponentials(work.logits, peak)
            put(work.drift, 0, peak + log(total) + common(form, 0, work))
            store(densities, work.drift, work, n)


def mixture_score(xp, x, s2, tables):
    return _evaluated(x, s2, tables, np.empty(x.shape, x.dtype), np.empty((0, 1), x.dtype))[0]


def mixture_log_density(xp, x, s2, tables):
    scores, densities = np.empty((0, x.shape[1]), x.dtype), np.empty((len(x), 1), x.dtype)
    out = _evaluated(x, s2, tables, scores, densities)[1]
    if out is NotImplemented:
        return out
    return out[:, 0] - out.dtype.type(0.5 * x.shape[1] * math.log(2 * math.pi))


def _evaluated(x, s2, tables, scores, densities):
    """Fill those of the two arrays that have room, at one noise variance."""
    prepared = prepare(tables)
    if prepared is None or s2.shape[0] != 1:
        return NotImplemented, NotImplemented
    form, order = prepared.levels(s2.astype(np.float64)), by_neighbourhood(prepared, x, s2[0])
    x = np.require(x, requirements=["C", "W"])

    def task(first, last):
        work = new_work(x.dtype, prepared.d, prepared.n, scratch_rows(form))
        _evaluate(scores, densities, x, order, first, last, form, work)

    for_ranges(task, n_blocks(len(x), x.dtype), block_cost(prepared))
    return scores, densities


def by_neighbourhood(prepared, x, s2):
    """An order of the points in which neighbours share a block, where blocks can use that.

    A block of full covariances gives up the components that are far from all its points; hardly
    any are where the noise variance s2 is large.
    """
    if prepared.n_axes == 1 or prepared.n < 4 or prepared.all_alike(s2):
        return np.arange(len(x))
    means, offset = prepared.means.T.astype(x.dtype), 0.5 * np.sum(prepared.means**2, axis=1)
    step = max(1, _ONE_THREAD // means.size)
    nearest = np.concatenate(
        [np.argmax(x[i : i + step] @ means - offset, axis=1) for i in range(0, len(x), step)]
    )
    return np.argsort(nearest, kind="stable")


def block_cost(prepared):
    """About how many nanoseconds the score of a block takes."""
    n, d = prepared.n, prepared.d
    return 100 + LANES[np.dtype(np.float64)] * n * (1 + 0.1 * d * prepared.n_axes)

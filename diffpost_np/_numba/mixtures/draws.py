"""Kernel of `priors/_mixture_draws.py`: each chain by itself, so batches do not change a draw."""

from __future__ import annotations

import numpy as np

from ..._once import once_for_each
from ...priors._covariance import LowRank, Spectral
from ..parallel import for_ranges, kernel
from ..registers import WIDTH
from .together import TOGETHER, buffer, padded_rows, products, run_of

_BLOCK = 1024


@kernel
def _shape(out, z, chosen, order, first, last, means, rows, own_rows, width, buffers):
    """out[i] = mean + sum over j of z[i, j] * rows[j], of the component chosen[i] or shared."""
    weights, sums = buffers
    d, n_rows = out.shape[1], z.shape[1]
    a, b = sums.shape[0] // TOGETHER, weights.shape[0] // TOGETHER
    while first < last:
        k, n = chosen[order[first]], run_of(chosen, order, first, last)
        for p in range(n):
            for j in range(n_rows):
                weights[p * b + j] = z[order[first + p], j]
        products(sums, weights, rows, k if own_rows else 0, n_rows, width)
        for p in range(n):
            for e in range(d):
                out[order[first + p], e] = means[k, e] + sums[p * a + e]
        first += n


def shape_chosen(xp, tables, chosen, z):
    (n, d), covs = (len(z), tables.means.shape[1]), tables.covs
    if isinstance(covs, Spectral) and not isinstance(covs.basis, np.ndarray):
        return NotImplemented
    low_rank = isinstance(covs, LowRank)
    weights = np.ascontiguousarray(z[:, d:] if low_rank else z)
    # A block of draws stays in cache, and in it one component after the other.
    order = np.argsort(chosen + np.arange(n) // _BLOCK * len(tables.means), kind="stable")
    out = np.empty((n, d), z.dtype)
    held = tables.means, *_rows(tables), WIDTH[z.dtype]

    def task(first, last):
        buffers = buffer(weights.shape[1], z.dtype), buffer(d, z.dtype)
        _shape(out, weights, chosen, order, first, last, *held, buffers)

    for_ranges(task, n, 0.05 * weights.shape[1] * d)
    if low_rank:
        scale = np.sqrt(covs.diag[chosen] if len(covs.diag) > 1 else covs.diag)
        out += scale * z[:, :d]
    return out


@once_for_each
def _rows(tables):
    """Rows of factors or symmetric roots, and whether every component has its own."""
    covs = tables.covs
    rows = covs.factor_matrix.transpose(0, 2, 1) if isinstance(covs, LowRank) else covs.root(np)
    return padded_rows(rows), len(rows) > 1

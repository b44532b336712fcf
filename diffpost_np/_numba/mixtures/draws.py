"""Kernel of `priors/_mixture_draws.py`: each chain by itself, so batches do not change a draw."""

from __future__ import annotations

import numpy as np
from numba import njit

from ...priors._covariance import LowRank
from ..parallel import for_ranges

rows_kernel = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})


@rows_kernel
def add_product(out, weights, rows):
    """out += sum over j of weights[j] rows[j], four rows in one pass."""
    n = len(weights)
    for j in range(0, n - n % 4, 4):
        w0, w1, w2, w3 = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
        r0, r1, r2, r3 = rows[j], rows[j + 1], rows[j + 2], rows[j + 3]
        for e in range(len(out)):
            out[e] += w0 * r0[e] + w1 * r1[e] + w2 * r2[e] + w3 * r3[e]
    for j in range(n - n % 4, n):
        for e in range(len(out)):
            out[e] += weights[j] * rows[j, e]


@rows_kernel
def _shape(order, z, chosen, means, columns, out):
    """out[i] = mean + sum over j of z[i, j] * columns[j], both of the component chosen[i]."""
    for i in order:
        out[i] = 0
        add_product(out[i], z[i], columns[chosen[i] if len(columns) > 1 else 0])
        for e in range(out.shape[1]):
            out[i, e] += means[chosen[i], e]


def shape_chosen(xp, tables, chosen, z):
    means, columns = tables.means, _columns(tables.covs, tables.means.shape[1])
    if columns is None:
        return NotImplemented
    out = np.empty((len(z), means.shape[1]), z.dtype)
    low_rank = isinstance(tables.covs, LowRank)
    factors = np.ascontiguousarray(z[:, out.shape[1] :] if low_rank else z)
    cost = 0.2 * columns[0].size
    order = np.argsort(chosen, kind="stable")  # one component after the other stays in cache
    for_ranges(lambda a, b: _shape(order[a:b], factors, chosen, means, columns, out), len(z), cost)
    if low_rank:
        diag = tables.covs.diag
        scale = np.sqrt(diag[chosen] if len(diag) > 1 else diag)
        out += scale * z[:, : out.shape[1]]
    return out


def _columns(covs, d):
    """Columns (K or 1, columns, d) of factors or roots, None where nothing is to be multiplied."""
    if isinstance(covs, LowRank):
        return np.ascontiguousarray(covs.factor_matrix.transpose(0, 2, 1))
    if not isinstance(covs.basis, np.ndarray):
        return None
    return covs.root(np)

"""What passes over the rows of a tall X compute: Gram matrices and quadratic forms.

Sums are kept in float64 whatever the dtype of X. Kernels add them up tile by tile, in order.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from ..._dispatch import operation
from ..._threads import single_threaded_blas
from ..._xp import Array
from .._rows.tiles import tile_slices

SMALLEST_FORM = {"float64": 1e-290, "float32": 1e-33}
"""Rows whose quadratic form is smaller count as zero: it has lost its digits."""


@operation
def weighted_gram(xp: ModuleType, X: Array, w: Array | None = None) -> Array:
    """X' diag(w) X, float64, for weights w >= 0 of the dtype of X, which are 1 by default."""
    total = xp.zeros((X.shape[1],) * 2, dtype=xp.float64)
    with single_threaded_blas(xp):
        for rows in tile_slices(X.shape[0]):
            tile = X[rows, :] if w is None else X[rows, :] * xp.sqrt(w[rows])[:, None]
            total = total + xp.astype(tile.T @ tile, xp.float64)
    return total


@operation
def quadratic_forms(xp: ModuleType, X: Array, M: Array) -> Array:
    """|M' x|^2 of every row x of X, in its dtype."""
    M = xp.astype(M, X.dtype)
    tiles = [X[rows, :] @ M for rows in tile_slices(X.shape[0])]
    return xp.concat([xp.sum(tile * tile, axis=1) for tile in tiles])


@operation
def lewis_pass(xp: ModuleType, X: Array, M: Array, p: float) -> tuple[Array, Array]:
    """Weights w = |M' x|^p of the rows, and the Gram X' diag(w^(1 - 2/p)) X that they make.

    The Gram matrix is not finite where a form |M' x|^2 is not.
    """
    with np.errstate(all="ignore"):
        return _weighed(xp, X, quadratic_forms(xp, X, M), p)


def _weighed(xp: ModuleType, X: Array, q: Array, p: float) -> tuple[Array, Array]:
    poison = q - q  # NaN where a form overflowed
    counts = q > SMALLEST_FORM[str(q.dtype).rpartition(".")[2]]
    q = xp.where(counts, q, xp.ones_like(q))
    zero = xp.zeros_like(q)
    scale = xp.where(counts, q ** (0.25 * (p - 2.0)), zero) + poison
    return xp.where(counts, q ** (0.5 * p), zero), weighted_gram(xp, X * scale[:, None])

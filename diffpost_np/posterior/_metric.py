"""Coordinates in which a cloud is about round: each tenth of it is whitened by the other nine.

A particle must not move by a covariance that it has a part in: its move would not keep the target.
With 1250 particles in 64 dimensions that shifts the weights of modes by twice their floor.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

from .._products import fold_slices, product
from .._xp import Array

_MOST_FOLDS, _FEWEST_IN_FOLD, _MOST_NUMBERS = 10, 10, 2**25
_RIDGE = 1e-6


class Metric(NamedTuple):
    """Whitening x = mean + root u, with means (K, d) and lower triangular roots (K, d, d).

    The rows of a cloud are in K folds, side by side, each with its own mean and root.
    """

    means: Array
    roots: Array

    def events(self, xp: ModuleType, u: Array) -> Array:
        return self._mean_of_row(xp, u) + product(xp, u, xp.matrix_transpose(self.roots))

    def whiten(self, xp: ModuleType, x: Array) -> Array:
        centred = x - self._mean_of_row(xp, x)
        folds = enumerate(fold_slices(x.shape[0], self.roots.shape[0]))
        return xp.concat(
            [xp.linalg.solve(self.roots[k, ...], centred[rows, :].T).T for k, rows in folds]
        )

    def gradient(self, xp: ModuleType, gradient: Array) -> Array:
        """With respect to u, given that with respect to x."""
        return product(xp, gradient, self.roots)

    def _mean_of_row(self, xp: ModuleType, x: Array) -> Array:
        folds = enumerate(fold_slices(x.shape[0], self.means.shape[0]))
        return xp.concat([xp.broadcast_to(self.means[k, :], x[rows, :].shape) for k, rows in folds])


def cloud_metric(xp: ModuleType, x: Array) -> Metric:
    """For each fold the mean and covariance of all the others, the latter slightly inflated.

    Copies of a particle should stand side by side, so that they are in one fold.
    """
    n, d = x.shape
    centre = xp.mean(x, axis=0)
    folds = fold_slices(n, max(1, min(_MOST_FOLDS, n // _FEWEST_IN_FOLD, _MOST_NUMBERS // d**2)))
    parts = [x[rows, :] - centre for rows in folds]
    counts = xp.asarray([part.shape[0] for part in parts], dtype=x.dtype)
    totals = xp.stack([xp.sum(part, axis=0) for part in parts])
    grams = xp.stack([part.T @ part for part in parts])
    if len(folds) > 1:
        counts, totals, grams = (xp.sum(a, axis=0) - a for a in (counts, totals, grams))
    means = totals / counts[:, None]
    covs = grams / counts[:, None, None] - means[:, :, None] * means[:, None, :]
    spread = xp.linalg.trace(covs) / d
    ridge = (_RIDGE * spread + 1e-30)[:, None, None] * xp.eye(d, dtype=x.dtype)
    return Metric(centre + means, xp.linalg.cholesky(covs + ridge))

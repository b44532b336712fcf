"""Coordinates in which a cloud is about round: each tenth of it is whitened by the other nine.

A particle must not move by a covariance that it has a part in: its move would not keep the target.
Ten moves of 200 exact draws in 64 dimensions by their own covariance shrink them by 3 %, and modes
of a posterior get wrong weights (examples/benchmarks/own_covariance.py).
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

from .._products import fold_slices, from_folds, in_folds, product
from .._xp import Array, device_of
from ._preconditioner import Preconditioner

_MOST_FOLDS, _FEWEST_IN_FOLD, _MOST_NUMBERS = 10, 2, 2**25
_RIDGE = 1e-6


class Metric(NamedTuple):
    """Whitening x = mean + root u, with means (n, d) and lower triangular roots (K, d, d).

    The rows of a cloud are in K folds, side by side, of one mean and one root each.
    """

    means: Array
    roots: Array

    def events(self, xp: ModuleType, u: Array) -> Array:
        return self.means + product(xp, u, xp.matrix_transpose(self.roots))

    def whiten(self, xp: ModuleType, x: Array) -> Array:
        centred = in_folds(xp, x - self.means, self.roots.shape[0])
        white = xp.linalg.solve(self.roots, xp.matrix_transpose(centred))
        return from_folds(xp, xp.matrix_transpose(white), x.shape[0])

    def gradient(self, xp: ModuleType, gradient: Array) -> Array:
        """With respect to u, given that with respect to x."""
        return product(xp, gradient, self.roots)


class Constant(NamedTuple):
    """Coordinates x = R u of a preconditioner R R', or those of x where there is none."""

    preconditioner: Preconditioner | None

    def events(self, xp: ModuleType, u: Array) -> Array:
        return u if self.preconditioner is None else self.preconditioner.colour(u)

    def whiten(self, xp: ModuleType, x: Array) -> Array:
        return x if self.preconditioner is None else self.preconditioner.whiten(x)

    def gradient(self, xp: ModuleType, gradient: Array) -> Array:
        return gradient if self.preconditioner is None else self.preconditioner.pull_back(gradient)


def cloud_metric(xp: ModuleType, x: Array) -> Metric:
    """For each fold the mean and covariance of all the others, the latter slightly inflated.

    Copies of a particle should stand side by side, so that they are in one fold. Small clouds have
    fewer folds; below four points, and where roots would fill the memory, one is its own rest.
    """
    n, d = x.shape
    folds = fold_slices(n, max(1, min(_MOST_FOLDS, n // _FEWEST_IN_FOLD, _MOST_NUMBERS // d**2)))
    ridge = _ridge(xp, x)
    means, covs = [], []
    for rows in folds:
        rest = x if len(folds) == 1 else xp.concat([x[: rows.start, :], x[rows.stop :, :]])
        mean = xp.mean(rest, axis=0)
        rest = rest - mean
        covs.append(rest.T @ rest / rest.shape[0])
        means.append(xp.broadcast_to(mean, (rows.stop - rows.start, d)))
    return Metric(xp.concat(means), xp.linalg.cholesky(xp.stack(covs) + ridge))


def _ridge(xp: ModuleType, x: Array) -> Array:
    """A small share of the spread of the whole cloud: the rest of it may be a single point."""
    centred = x - xp.mean(x, axis=0)
    share = _RIDGE / x.shape[1] + 64 * float(xp.finfo(x.dtype).eps)
    size = share * xp.sum(centred * centred) / x.shape[0] + 1e-30
    return size * xp.eye(x.shape[1], dtype=x.dtype, device=device_of(x))

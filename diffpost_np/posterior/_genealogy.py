"""How well a cloud knows the weights of modes, from which of its particles have one ancestor."""

from __future__ import annotations

from .._xp import Array
from ..random import normal
from ._problem import Problem

_DIRECTIONS, _CUTS = 32, 16


def weight_error(p: Problem, x: Array, roots: Array) -> float:
    """Largest standard error of the share of the cloud (n, d) on one side of a plane.

    `roots` (n,) are the ancestors, those of a root side by side: to a sum over the cloud each
    root gives an independent part. Planes cut the range of the cloud along random directions
    into equal pieces. n independent draws know a half of them to 0.5 / sqrt(n).

    References
    ----------
    Lee, Whiteley, "Variance estimation in the particle filter", Biometrika 105, 2018.
    """
    xp = p.xp
    n_each = xp.unique_counts(roots).counts
    directions = normal(p.key.fold("planes"), (_DIRECTIONS, x.shape[1]), like=x)
    along = directions @ (x - xp.mean(x, axis=0)).T
    low, high = xp.min(along, axis=1)[:, None], xp.max(along, axis=1)[:, None]
    cuts = ((k + 0.5) / _CUTS for k in range(_CUTS))
    squares = (_between_roots(p, along <= low + cut * (high - low), n_each) for cut in cuts)
    return max(squares) ** 0.5


def _between_roots(p: Problem, below: Array, n_each: Array) -> float:
    """Variance of the mean of each row of (m, n) booleans, by independent roots; the largest."""
    xp, n = p.xp, below.shape[1]
    sums = xp.cumulative_sum(xp.astype(below, xp.float64), axis=1)
    ends = xp.take(sums, xp.cumulative_sum(n_each) - 1, axis=1)
    of_root = xp.concat([ends[:, :1], ends[:, 1:] - ends[:, :-1]], axis=1)
    excess = of_root - ends[:, -1:] / n * xp.astype(n_each, xp.float64)
    return float(xp.max(xp.sum(excess * excess, axis=1))) / n**2

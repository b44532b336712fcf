"""Mixtures that differ along a line only: their total variation is that of two laws on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from .components import Components, noisy, shares

_GRID = np.linspace(-12.0, 12.0, 241)
"""Where the sign of p - q is looked at, in standard deviations around every mean."""
_HALVINGS = 25
_COLLINEAR = 1e-10
"""Distance from a line, relative to the length along it, that is rounding."""


class Line(NamedTuple):
    """Components at `positions` (K,) of a line whose direction has squares (d,) in the axes."""

    weights: np.ndarray
    positions: np.ndarray
    squares: np.ndarray
    variances: np.ndarray
    exact: bool = True

    def overlap(self, first: list[int], second: list[int], t: float) -> float:
        """Integral of min(p, q) of two parts after time t, which is 1 - their total variation."""
        return float(np.sum(np.minimum(*self._masses(first, second, t))))

    def distance(self, first: list[int], second: list[int], t: float) -> float:
        """Total variation of two parts after time t."""
        p, q = self._masses(first, second, t)
        return 0.5 * float(np.sum(np.abs(p - q)))

    def _masses(self, first: list[int], second: list[int], t: float) -> list[np.ndarray]:
        """Probabilities under both parts of cells in which p - q keeps its sign."""
        means = np.exp(-t) * self.positions
        stds = np.sqrt(1 / np.sum(self.squares / noisy(self.variances, t), axis=1))
        stds = np.broadcast_to(stds, means.shape)
        laws = [Law(shares(self.weights, s), means[s], stds[s]) for s in (first, second)]
        grid = np.sort(np.concatenate([law.grid() for law in laws]))
        edges = np.sort(np.concatenate([grid, _crossings(laws, grid)]))
        return [law.masses(edges) for law in laws]


def line_of(parts: Components) -> Line | None:
    """In one dimension, or where means lie on a line and share their covariance; else None."""
    if parts.means.shape[1] == 1:
        return Line(parts.weights, parts.means[:, 0], np.ones(1), parts.variances)
    if len(parts.variances) > 1:
        return None
    centred = parts.means - parts.means[0]
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    if np.any(sizes[1:] > _COLLINEAR * sizes[0]):
        return None
    return Line(parts.weights, centred @ directions[0], directions[0] ** 2, parts.variances)


class Law(NamedTuple):
    """A mixture in one dimension."""

    weights: np.ndarray
    means: np.ndarray
    stds: np.ndarray

    def grid(self) -> np.ndarray:
        return np.ravel(self.means[:, None] + self.stds[:, None] * _GRID)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Up to a constant that all laws have."""
        z = (x[:, None] - self.means) / self.stds
        logs = np.log(self.weights / self.stds) - 0.5 * z * z
        top = np.max(logs, axis=1)
        return top + np.log(np.sum(np.exp(logs - top[:, None]), axis=1))

    def masses(self, edges: np.ndarray) -> np.ndarray:
        """Probabilities of the cells between edges and of both ends, small ones to all digits."""
        z = (np.concatenate([[-np.inf], edges, [np.inf]])[:, None] - self.means) / self.stds
        low, high = z[:-1], z[1:]
        cells = np.where(low > 0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
        return cells @ self.weights


def _crossings(laws: list[Law], grid: np.ndarray) -> np.ndarray:
    """Where p - q changes its sign, by bisection between points of the grid.

    What a crossing that is off by a small share of a cell does to the masses is of second order.
    """

    def above(x: np.ndarray) -> np.ndarray:
        return laws[0].log_density(x) > laws[1].log_density(x)

    sign = above(grid)
    cells = np.flatnonzero(sign[1:] != sign[:-1])
    low, high, start = grid[cells], grid[cells + 1], sign[cells]
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        same = above(middle) == start
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return low

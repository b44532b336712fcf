"""Constant preconditioners of Langevin, and the coordinates in which they are the identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._noise import cholesky
from .._xp import Array, as_float_array
from ._problem import Problem


class Preconditioner:
    """A constant symmetric positive definite matrix M = R R', diagonal or full, or one a chain.

    Langevin becomes x + h M g + sqrt(2 h) R xi, with the same stationary law: the plain one in
    coordinates u with x = R u.
    """

    def __init__(self, value: Any, problem: Problem) -> None:
        xp, d, n = problem.xp, problem.d, problem.n_samples
        array = as_float_array("preconditioner", value, xp=xp, dtype=problem.dtype)
        if tuple(array.shape) not in ((d,), (d, d), (n, d, d)):
            raise ValueError(
                f"preconditioner must have shape ({d},), ({d}, {d}) or ({n}, {d}, {d}), "
                f"got {tuple(array.shape)}"
            )
        if array.ndim == 1 and bool(xp.any(array <= 0)):
            raise ValueError(f"preconditioner must be positive, got {float(xp.min(array)):g}")
        self.xp, self.matrix = xp, array
        self.root = xp.sqrt(array) if array.ndim == 1 else cholesky("preconditioner", array, xp)

    @property
    def is_per_chain(self) -> bool:
        """Whether each chain has a matrix of its own."""
        return self.matrix.ndim == 3

    def drift(self, g: Array) -> Array:
        """M g."""
        return self._times(self.matrix, g)

    def colour(self, u: Array) -> Array:
        """R u, which turns noise and points into those of x."""
        return self._times(self.root, u)

    def whiten(self, x: Array) -> Array:
        """R^-1 x."""
        if self.root.ndim == 1:
            return x / self.root
        if self.is_per_chain:
            return self.xp.linalg.solve(self.root, x[:, :, None])[:, :, 0]
        return self.xp.linalg.solve(self.root, x.T).T

    def pull_back(self, g: Array) -> Array:
        """R' g, which turns gradients in x into those in u."""
        root = self.root if self.root.ndim == 1 else self.xp.matrix_transpose(self.root)
        return self._times(root, g)

    def _times(self, matrix: Array, rows: Array) -> Array:
        """A matrix times each row."""
        if matrix.ndim == 1:
            return rows * matrix
        if matrix.ndim == 3:
            return self.xp.matmul(matrix, rows[:, :, None])[:, :, 0]
        return rows @ matrix.T


def pulled_back(
    metric: Preconditioner | None, gradient: Callable[[Array], Array]
) -> Callable[[Array], Array]:
    """A function's gradient in x as its gradient in u."""
    if metric is None:
        return gradient
    return lambda u: metric.pull_back(gradient(metric.colour(u)))


def as_preconditioner(value: Any, problem: Problem) -> Preconditioner | None:
    """What a user gave as `preconditioner`, checked."""
    return None if value is None else Preconditioner(value, problem)

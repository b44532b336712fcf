"""Constant preconditioners of Langevin, and the coordinates in which they are the identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._noise import cholesky
from .._xp import Array, as_float_array
from ._problem import Problem


class Preconditioner:
    """A constant symmetric positive definite matrix M = R R', diagonal or full.

    Langevin becomes x + h M g + sqrt(2 h) R xi, with the same stationary law: the plain one in
    coordinates u with x = R u.
    """

    def __init__(self, value: Any, problem: Problem) -> None:
        xp, d = problem.xp, problem.d
        array = as_float_array("preconditioner", value, xp=xp, dtype=problem.dtype)
        if tuple(array.shape) not in ((d,), (d, d)):
            raise ValueError(
                f"preconditioner must have shape ({d},) or ({d}, {d}), got {tuple(array.shape)}"
            )
        if array.ndim == 1 and bool(xp.any(array <= 0)):
            raise ValueError(f"preconditioner must be positive, got {float(xp.min(array)):g}")
        self.xp, self.matrix = xp, array
        self.root = xp.sqrt(array) if array.ndim == 1 else cholesky("preconditioner", array, xp)

    def drift(self, g: Array) -> Array:
        """M g."""
        return g * self.matrix if self.matrix.ndim == 1 else g @ self.matrix

    def colour(self, u: Array) -> Array:
        """R u, which turns noise and points into those of x."""
        return u * self.root if self.root.ndim == 1 else u @ self.root.T

    def whiten(self, x: Array) -> Array:
        """R^-1 x."""
        return x / self.root if self.root.ndim == 1 else self.xp.linalg.solve(self.root, x.T).T

    def pull_back(self, g: Array) -> Array:
        """R' g, which turns gradients in x into those in u."""
        return g * self.root if self.root.ndim == 1 else g @ self.root


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

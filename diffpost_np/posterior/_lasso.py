"""A sparse warm start by the LASSO."""

from __future__ import annotations

import math

from .._xp import Array
from ._auto_schedule import gain
from ._likelihood import Likelihood
from ._problem import Problem

_BLOCK = 256
"""Columns of the operator looked at together."""


def lasso(problem: Problem, n_steps: int = 500) -> Array:
    """argmin |N^-1/2 (y - A x)|^2 / 2 + penalty |x|_1 by FISTA, for one flat x (1, d).

    Momentum that points uphill starts again (O'Donoghue, Candes 2015).
    """
    xp, likelihood = problem.xp, Likelihood(problem)
    step, penalty = 0.99 / gain(problem), universal_penalty(likelihood)
    x = momentum = xp.zeros((1, problem.d), dtype=problem.dtype)
    t = 1.0
    for _ in range(n_steps):
        ahead = momentum + step * likelihood.gradient(momentum)
        shrunk = xp.maximum(xp.abs(ahead) - step * penalty, xp.zeros_like(ahead))
        new = xp.sign(ahead) * shrunk
        if float(xp.sum((momentum - new) * (new - x))) > 0:
            t = 1.0
        t_new = 0.5 * (1 + math.sqrt(1 + 4 * t * t))
        momentum = new + (t - 1) / t_new * (new - x)
        x, t = new, t_new
    return x


def universal_penalty(likelihood: Likelihood) -> float:
    """sqrt(2 log d) times the largest norm of a column of N^-1/2 A.

    That is about the largest entry of the gradient at the truth, which is noise alone.
    """
    return math.sqrt(2 * math.log(max(likelihood.problem.d, 2))) * _largest_column(likelihood)


def _largest_column(likelihood: Likelihood) -> float:
    xp, d = likelihood.problem.xp, likelihood.problem.d

    def largest(columns: Array) -> float:
        return float(xp.max(xp.sum(xp.abs(columns) ** 2, axis=1))) ** 0.5

    if likelihood.matrix is not None:
        return largest(likelihood.matrix.T)
    units = (
        xp.eye(min(_BLOCK, d - i), d, k=i, dtype=likelihood.problem.dtype)
        for i in range(0, d, _BLOCK)
    )
    return max(largest(likelihood.image(unit)) for unit in units)

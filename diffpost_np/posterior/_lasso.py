"""A sparse warm start by the LASSO."""

from __future__ import annotations

import math

from .._xp import Array
from ._annealed_run import gain
from ._problem import Likelihood, Problem


def lasso(problem: Problem, n_steps: int = 500) -> Array:
    """argmin |N^-1/2 (y - A x)|^2 / 2 + penalty |x|_1 by FISTA, for one flat x (1, d).

    The penalty is the universal one of the noise, sqrt(2 log d) times the largest norm of a
    column of N^-1/2 A.
    """
    xp, likelihood = problem.xp, Likelihood(problem)
    x = momentum = xp.zeros((1, problem.d), dtype=problem.dtype)
    scale = math.sqrt(gain(problem))
    penalty = math.sqrt(2 * math.log(max(problem.d, 2))) * scale
    t = 1.0
    for _ in range(n_steps):
        ahead = momentum + likelihood.gradient(momentum) / scale**2
        shrunk = xp.maximum(xp.abs(ahead) - penalty / scale**2, xp.zeros_like(ahead))
        new = xp.sign(ahead) * shrunk
        t_new = 0.5 * (1 + math.sqrt(1 + 4 * t * t))
        momentum = new + (t - 1) / t_new * (new - x)
        x, t = new, t_new
    return x

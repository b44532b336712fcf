"""The mode of a strongly log-concave density, from its score."""

from __future__ import annotations

import math

from ..._run import Run
from ..._xp import Array


def find_mode(run: Run, start: Array, smoothness: float, strong_convexity: float) -> Array:
    """A point (1, d) no further from the mode than sqrt(d / m) / 2, half a standard deviation.

    Gradient ascent with step 1 / L and Nesterov's momentum; the distance is at most |score| / m.
    """
    xp, root = run.xp, math.sqrt(strong_convexity / smoothness)
    wanted = 0.5 * math.sqrt(strong_convexity * run.d)
    x = before = start
    for step in range(_most_steps(run, start, smoothness, strong_convexity) + 1):
        if float(xp.linalg.vector_norm(run.score(x, 0.0, step))) <= wanted:
            return x
        ahead = x + (1 - root) / (1 + root) * (x - before)
        before, x = x, ahead + run.score(ahead, 0.0, step) / smoothness
        run.check_chains(x, step + 1)
    raise ValueError(
        f"smoothness = {smoothness:g} and strong_convexity = {strong_convexity:g} are not those "
        f"of the score: gradient ascent has not found the mode in {step} steps"
    )


def _most_steps(run: Run, start: Array, smoothness: float, strong_convexity: float) -> int:
    """Steps after which the score is small enough, by the theorem.

    log p falls short of its peak by (L + m) / 2 |x - mode|^2 (1 - sqrt(m / L))^k at most, and
    the squared score is at most 2 L times that.
    """
    norm = float(run.xp.linalg.vector_norm(run.score(start, 0.0)))
    m, kappa = strong_convexity, smoothness / strong_convexity
    reduction = 4 * kappa * (kappa + 1) * norm**2 / (m * run.d)
    return math.ceil(math.sqrt(kappa) * math.log(max(reduction, 1.0)))

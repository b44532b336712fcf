"""The prior given a noisy view of x, p(x | x + sigma z = x0), through the prior's own scores."""

from __future__ import annotations

from typing import Any

from .._arguments import check_heat_consistent
from .._xp import Array
from ._diffuse import diffuse
from ._problem import Problem


class LocalizedPrior:
    """p(x | x0), with exact scores at every noise level.

    With v = s^2 t^2 / (s^2 + t^2) and w = (t^2 x0 + s^2 u) / (s^2 + t^2), the score at noise
    level t is -(u - x0) / (s^2 + t^2) + s^2 / (s^2 + t^2) score(w, sqrt(v)). `x0` has one row,
    or one for each chain.
    """

    def __init__(self, problem: Problem, x0: Array, std: float) -> None:
        self.base, self.problem = problem.prior, problem
        self.x0, self.std = problem.events(x0), std
        self.event_shape = problem.event_shape
        self.has_density = getattr(self.base, "has_density", True)
        self._base_score = problem.checked_score()

    def score(self, x: Array, sigma: Any = 0.0) -> Array:
        """Score of p(x | x0) smoothed by sigma."""
        x0 = self._rows(x.shape[0])
        s2, t2 = self.std**2, float(sigma) ** 2
        share = s2 / (s2 + t2)
        inner = self._base_score(share * x + (1 - share) * x0, (share * t2) ** 0.5)
        return share * inner - (x - x0) / (s2 + t2)

    def sample(self, n: int, rng: Any = None, first_chain: int = 0) -> Array:
        """Draws of p(x | x0) under the run's key, each around its own x0 if there are several."""
        p, rows = self.problem, self._rows(n)
        if not hasattr(self.base, "sample_given"):
            check_heat_consistent(f"the reverse diffusion of {p.name}", self.base)
            flat = p.xp.reshape(rows, (n, -1))
            return p.events(diffuse(p, self._base_score, flat, self.std, first_chain))
        return p.events(p.draws_given(self.base, rows, self.std, first_chain))

    def _rows(self, n: int) -> Array:
        """x0 for n chains."""
        return self.problem.xp.broadcast_to(self.x0, (n, *self.event_shape))

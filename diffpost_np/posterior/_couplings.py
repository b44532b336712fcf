"""The coupling of every sweep of `split_gibbs`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import flag, integer, number
from ._given_latent import BySolving, InEigenbasis
from ._problem import Problem

_FRACTION = 0.5
"""Of the limit: with bias it is as if the variance of the noise were at most a quarter larger."""


@dataclass(frozen=True)
class Couplings:
    """The coupling `rho` of every sweep, `n_falling` of which are not kept.

    Those up to `limit` leave to z all the noise of y; it is 0 where none does.
    """

    rho: np.ndarray
    n_falling: int
    limit: float

    @property
    def unbiased(self) -> np.ndarray:
        """For every sweep whether it is without bias."""
        return self.rho <= self.limit


def couplings(
    problem: Problem,
    step: InEigenbasis | BySolving,
    n_kept: int,
    rho: Any,
    rho_max: Any,
    n_levels: Any,
    sweeps_per_level: Any,
    unbiased: Any,
) -> Couplings:
    """From the first coupling down to the last one, and that for all sweeps to be kept."""
    levels, each = integer("n_levels", n_levels), integer("sweeps_per_level", sweeps_per_level)
    wanted = None if unbiased is None else flag("unbiased", unbiased)
    last, limit = _last(step, rho, wanted)
    first = 10 * last if rho_max is None else number("rho_max", rho_max, at_least=last)
    problem.fix(rho=last, rho_max=first, n_levels=levels, sweeps_per_level=each)
    problem.fix(unbiased=last <= limit)
    falling = np.repeat(np.geomspace(first, last, levels), each)
    return Couplings(np.concatenate([falling, np.full(n_kept, last)]), falling.size, limit)


def _last(step: InEigenbasis | BySolving, rho: Any, unbiased: bool | None) -> tuple[float, float]:
    """The last coupling, and the largest without bias."""
    possible = isinstance(step, InEigenbasis)
    if unbiased and not possible:
        raise ValueError("unbiased must be False: the operator has no eigenform")
    edge = step.largest**-0.5 if step.largest > 0 else math.inf
    limit = 0.0 if unbiased is False or not possible else edge * (1 + 1e-6)
    if rho is None and edge == math.inf:
        raise ValueError("rho must be given: the measurement does not depend on x")
    default = edge if limit else _FRACTION * edge
    last = default if rho is None else number("rho", rho, above=0.0)
    if unbiased and last > limit:
        raise ValueError(
            f"rho must be at most {limit:.3g}, the noise over the norm of A, for unbiased=True, "
            f"got {last:g}"
        )
    return last, limit

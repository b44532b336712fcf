"""SEEDS-2: a stage with noise that the step reuses, exact in y.

Second order in law on Gaussian priors (the paper proves the first); at eta = 0 it is
DPM-Solver++ 2S.
"""

from __future__ import annotations

import math
from typing import Any

from .._steps.method import Method
from .._steps.step import Step


def step(s: Step, *, r: float = 0.5, eta: float = 1.0) -> Any:
    """A stage at the share r of the step, with its share of the noise."""
    denoised, inner, outer = s.denoise(), s.ratio**r, s.ratio ** (1 - r)
    middle_sigma = s.sigma * inner
    first = _spread(inner, eta) * s.noise() if eta else 0 * s.y
    rest = inner ** (1 + eta)
    middle = rest * s.y + (1 - rest) * denoised + middle_sigma * first
    slope = (s.denoise(middle, middle_sigma) - denoised) / (2 * r)
    rest = s.ratio ** (1 + eta)
    new = rest * s.y + (1 - rest) * (denoised + slope)
    if not eta:
        return new
    return new + s.next * outer**eta * first + s.next * _spread(outer, eta) * s.noise()


def _spread(ratio: float, eta: float) -> float:
    """Standard deviation of the fresh noise, relative to the level."""
    return math.sqrt(1 - ratio ** (2 * eta))


SEEDS_2 = Method(
    name="seeds_2",
    step=step,
    order=2,
    evals_per_step=2,
    stochastic=True,
    source="Gonzalez, Fernandez, Tran, Gherbi, Hajri, Masmoudi, arXiv 2305.14267, algorithm 2",
    limits={"r": (0.01, 1.0), "eta": (0.0, 1.0)},
)

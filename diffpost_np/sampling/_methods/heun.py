"""Heun's method on the probability flow in sigma, after noise is added if `s_churn` says so.

Second order; with churn in law, as long as `s_churn` is the same for every number of steps.
"""

from __future__ import annotations

import math
from typing import Any

from .._steps.method import Method
from .._steps.step import Step

_MOST = math.sqrt(2) - 1


def step(
    s: Step,
    *,
    s_churn: float = 0.0,
    s_min: float = 0.0,
    s_max: float = math.inf,
    s_noise: float = 1.0,
) -> Any:
    """Slopes (y - D) / sigma at both ends, and their mean."""
    y, sigma = s.y, s.sigma
    if s_churn and s_min <= sigma <= s_max:
        sigma *= 1 + min(s_churn / s.n_steps, _MOST)
        y = y + s_noise * math.sqrt(sigma**2 - s.sigma**2) * s.noise()
    slope = (y - s.denoise(y, sigma)) / sigma
    ahead = y + (s.next - sigma) * slope
    slope_ahead = (ahead - s.denoise(ahead, s.next)) / s.next
    return y + (s.next - sigma) / 2 * (slope + slope_ahead)


HEUN = Method(
    name="heun",
    step=step,
    order=2,
    evals_per_step=2,
    source="Karras, Aittala, Aila, Laine, arXiv 2206.00364, algorithms 1 and 2",
)

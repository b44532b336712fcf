"""The classical Runge-Kutta method on the flow dy = (D - y) dl, l = log(1 / sigma); a reference."""

from __future__ import annotations

import math
from typing import Any

from .._steps.method import Method
from .._steps.step import Step


def step(s: Step) -> Any:
    """Slopes at the start, twice in the middle, and at the end."""
    h, middle = s.h, math.sqrt(s.sigma * s.next)

    def slope(point: Any, sigma: float) -> Any:
        return s.denoise(point, sigma) - point

    k1 = slope(s.y, s.sigma)
    k2 = slope(s.y + h / 2 * k1, middle)
    k3 = slope(s.y + h / 2 * k2, middle)
    k4 = slope(s.y + h * k3, s.next)
    return s.y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


RK4 = Method(
    name="rk4",
    step=step,
    order=4,
    evals_per_step=4,
    source="Kutta 1901",
)

"""SA-Solver: Adams-Bashforth and Adams-Moulton rules for the diffusion with `tau` times the noise.

The denoised point is the polynomial in log sigma through those of earlier steps. At tau = 0 it is
of order p on the flow; in law of order min(p, 2) beyond.
"""

from __future__ import annotations

import math
from typing import Any

from .._steps.method import Method
from .._steps.step import Step
from .weights import adams


def step(s: Step, *, p: int = 2, corrector: int = 0, tau: float = 1.0) -> Any:
    """y' = e^(-(1+tau^2) h) y + (1 + tau^2) sum_j W_j D_j + noise; a corrector adds D ahead."""
    if not (corrector and s.past):
        s.denoise()
    noise = s.next * math.sqrt(-math.expm1(-2 * tau**2 * s.h)) * s.noise() if tau else None
    known = [(math.log(s.sigma / e.sigma), e.value) for e in s.past[: max(p, corrector)]]
    new = _advanced(s, known[:p], tau, noise)
    if not corrector:
        return new
    ahead = s.h, s.denoise(new, s.next)
    return _advanced(s, [ahead, *known[:corrector]], tau, noise)


def _advanced(s: Step, points: list[tuple[float, Any]], tau: float, noise: Any) -> Any:
    rate = 1 + tau**2
    new = math.exp(-rate * s.h) * s.y
    places, values = zip(*points, strict=True)
    for weight, value in zip(adams(places, s.h, rate), values, strict=True):
        new = new + weight * value
    return new if noise is None else new + noise


SA_SOLVER = Method(
    name="sa_solver",
    step=step,
    order=2,
    stochastic=True,
    source="Xue, Yi, Luo, Zhang, Sun, Li, Ma, arXiv 2309.05019, algorithm 1",
    limits={"p": (1, 4), "corrector": (0, 4), "tau": (0.0, 2.0)},
)

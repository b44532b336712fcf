"""Predictors along the flow dx = (x + s) dt of the Ornstein-Uhlenbeck process run backwards, with
a corrector at the end of each window of length 1 / L, L the smoothness of the densities.

L is a number for all times, or by default that of the noise alone, which shrinks windows towards
the data. The flow keeps distances small, the corrector makes densities close. DPOM and DPUM
freeze the score and correct by overdamped and by underdamped Langevin. Randomized midpoints
evaluate it at random times instead, each chain at its own: bias of order 2, error of order 3/2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from .._langevin.correctors import CORRECTORS
from .._steps.method import Method
from .._steps.step import Step
from .reverse_diffusion import time

Predictor = Callable[[Any, Any, float, float], Any]


def score(s: Step, x: Any, t: Any) -> Any:
    """Score on the scale of the process at a time: a number, or a column for the chains."""
    if isinstance(t, float):
        scale, sigma = math.exp(t), math.sqrt(math.expm1(2 * t))
        return (s.denoise(scale * x, sigma) - scale * x) * (scale / sigma**2)
    xp = s.xp
    scale, sigma = xp.exp(t), xp.sqrt(xp.expm1(2 * t))
    return (s.denoise(scale * x, sigma[:, 0]) - scale * x) * (scale / sigma**2)


def frozen(s: Any, x: Any, t: float, h: float) -> Any:
    """e^h x + (e^h - 1) s(x)."""
    return math.exp(h) * x + math.expm1(h) * score(s, x, t)


def midpoint(s: Any, x: Any, t: float, h: float) -> Any:
    """e^h x + h e^(h - u) s(z), z the frozen step of length u, u uniform in the step."""
    u = h * s.uniform()
    z = s.xp.exp(u) * x + s.xp.expm1(u) * score(s, x, t)
    return math.exp(h) * x + h * s.xp.exp(h - u) * score(s, z, t - u)


def step(
    s: Any,
    *,
    predictor: Predictor,
    corrector: str = "randomized_midpoint",
    smoothness: float | None = None,
    n_corrections: int = 10,
    correction_time: float | None = None,
) -> Any:
    """Predict; then, at the end of a window, correct for 1 / sqrt(L), or 1 / L if overdamped."""
    t, end = time(s.sigma), time(s.next)
    x = predictor(s, math.exp(-t) * s.y, t, t - end)
    correct = CORRECTORS[corrector]
    if correct is not None and _ends_window(s, smoothness):
        bound = smoothness_at(smoothness, s.next)
        friction = 2 * math.sqrt(bound)
        duration = 1 / bound if corrector == "overdamped" else 2 / friction
        duration = duration if correction_time is None else correction_time
        x = correct(s, x, partial(score, s, t=end), duration, n_corrections, friction)
    return math.exp(end) * x


def smoothness_at(given: float | None, sigma: Any) -> Any:
    """L as given, or 1 / (1 - e^-2t), which holds at time t whatever log-concave law has noise."""
    return (1 + sigma**2) / sigma**2 if given is None else given


def _ends_window(s: Step, smoothness: float | None) -> bool:
    """Whether a whole number of windows ends here; the last goes on to the last step.

    A window lasts 1 / L in time, so a unit of log sigma where L is that of the noise.
    """
    if s.is_last:
        return True
    if smoothness is None:
        places = [math.log(float(s.levels[0]) / sigma) for sigma in (s.sigma, s.next)]
    else:
        first = time(float(s.levels[0]))
        places = [(first - time(sigma)) * smoothness for sigma in (s.sigma, s.next)]
        if time(s.next) * smoothness < 1 - 1e-9:
            return False
    return math.floor(places[1] + 1e-9) > math.floor(places[0] + 1e-9)


def euler(s: Any) -> Any:
    """The frozen predictor alone."""
    t, end = time(s.sigma), time(s.next)
    return math.exp(end) * frozen(s, math.exp(-t) * s.y, t, t - end)


LIMITS: dict[str, tuple[Any, ...]] = {
    "smoothness": (1e-6, 1e300),
    "n_corrections": (1, 1000),
    "correction_time": (1e-12, 1e12),
    "corrector": tuple(CORRECTORS),
}
_FLOW = "Chen, Chewi, Lee, Li, Lu, Salim, arXiv 2305.11798"
MIDPOINTS = "Gupta, Cai, Chen, arXiv 2406.00924"

EXPONENTIAL_EULER = Method(
    name="exponential_euler", step=euler, order=1, source=f"{_FLOW}, section 3.1"
)
windowed = partial(
    Method, stochastic=True, evals_per_step=None, limits=LIMITS, traced=False, corrected=True
)
DPOM = windowed(
    name="dpom",
    step=partial(step, predictor=frozen, corrector="overdamped"),
    order=1,
    source=f"{_FLOW}, algorithm 1",
)
DPUM = windowed(
    name="dpum",
    step=partial(step, predictor=frozen, corrector="underdamped"),
    order=1,
    source=f"{_FLOW}, algorithm 2",
)
RANDOMIZED_MIDPOINT = windowed(
    name="randomized_midpoint",
    step=partial(step, predictor=midpoint),
    order=2,
    strong_order=1.5,
    source=f"{MIDPOINTS}, algorithms 1 to 3",
)

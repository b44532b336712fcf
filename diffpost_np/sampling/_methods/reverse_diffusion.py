"""Schemes for dx = (x + 2 s) dt + sqrt(2) dB, the Ornstein-Uhlenbeck process run backwards.

They step in its time t, sigma^2 = e^2t - 1, and in its scale x = e^-t y, where
s = e^t (D - y) / sigma^2. Euler-Maruyama and its exponential variant, which is exact for a frozen
score, are of first order; Heun's scheme is of second order in law, SRA1 of order 1.5 along the
path, too.
"""

from __future__ import annotations

import math
from typing import Any

from .._steps.method import Method
from .._steps.step import Step


def time(sigma: float) -> float:
    """Time t of the process at a noise level: sigma^2 = e^2t - 1."""
    return 0.5 * math.log1p(sigma**2)


def _drift(s: Step, x: Any, sigma: float) -> Any:
    """x + 2 s at a point on the scale of the process."""
    scale = math.sqrt(1 + sigma**2)
    y = scale * x
    return x + 2 * scale / sigma**2 * (s.denoise(y, sigma) - y)


def euler_maruyama(s: Step) -> Any:
    """x' = x + k (x + 2 s) + sqrt(2 k) xi."""
    k, x = _start(s)
    return _to_data(s, x + k * _drift(s, x, s.sigma) + math.sqrt(2 * k) * s.noise())


def exponential(s: Step) -> Any:
    """x' = e^k x + 2 (e^k - 1) s + sqrt(e^2k - 1) xi."""
    k = time(s.sigma) - time(s.next)
    pull = -2 * math.expm1(-k) * (1 + s.sigma**2) / s.sigma**2
    noise = math.sqrt(s.sigma**2 - s.next**2) * s.noise()
    return (1 - pull) * s.y + pull * s.denoise() + noise


def heun(s: Step) -> Any:
    """The mean of the drifts at both ends, one increment of the noise."""
    k, x = _start(s)
    noise, drift = math.sqrt(2 * k) * s.noise(), _drift(s, x, s.sigma)
    ahead = _drift(s, x + k * drift + noise, s.next)
    return _to_data(s, x + k / 2 * (drift + ahead) + noise)


def sra1(s: Step) -> Any:
    """A stage at three quarters of the step, with the integral of the path up to there."""
    k, x = _start(s)
    z1, z2 = s.noise(), s.noise()
    area = math.sqrt(k) / 2 * (z1 + z2 / math.sqrt(3))  # the path's integral over k
    drift = _drift(s, x, s.sigma)
    inner = math.sqrt(math.expm1(2 * (time(s.sigma) - 0.75 * k)))
    stage = _drift(s, x + 0.75 * k * drift + 1.5 * math.sqrt(2) * area, inner)
    return _to_data(s, x + k / 3 * (drift + 2 * stage) + math.sqrt(2 * k) * z1)


def _start(s: Step) -> tuple[float, Any]:
    """Length of the step in time, and the state on the scale of the process."""
    return time(s.sigma) - time(s.next), s.y / math.sqrt(1 + s.sigma**2)


def _to_data(s: Step, x: Any) -> Any:
    return math.sqrt(1 + s.next**2) * x


EULER_MARUYAMA = Method(
    name="euler_maruyama",
    step=euler_maruyama,
    order=1,
    strong_order=1,
    stochastic=True,
    keeps_mean=False,
    source="Maruyama 1955; Song et al., arXiv 2011.13456",
)
EXPONENTIAL_EULER_MARUYAMA = Method(
    name="exponential_euler_maruyama",
    step=exponential,
    order=1,
    strong_order=1,
    stochastic=True,
    source="Chen, Chewi, Li, Li, Salim, Zhang, arXiv 2209.11215",
)
STOCHASTIC_HEUN = Method(
    name="stochastic_heun",
    step=heun,
    order=2,
    strong_order=1,
    evals_per_step=2,
    stochastic=True,
    keeps_mean=False,
    source="Kloeden, Platen 1992, section 14.1",
)
SRA1 = Method(
    name="sra1",
    step=sra1,
    order=2,
    strong_order=1.5,
    evals_per_step=2,
    stochastic=True,
    keeps_mean=False,
    source="Roessler, SIAM Journal on Numerical Analysis 48, 2010, SRA1",
)

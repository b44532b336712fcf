"""DDIM: the denoised point, and the noise that remains, of which a share `eta` is drawn anew.

First order on the flow (eta = 0) as on the reverse diffusion (eta = 1, which is DDPM with the
posterior's variance); exact for a prior that is a point.
"""

from __future__ import annotations

import math
from typing import Any

from .._steps.method import Method
from .._steps.step import Step


def step(s: Step, *, eta: float = 0.0) -> Any:
    """y' = D + sqrt(sigma'^2 - g^2) (y - D) / sigma + g xi."""
    fresh = eta * s.ratio * math.sqrt(s.sigma**2 - s.next**2)
    kept = math.sqrt(max(0.0, s.next**2 - fresh**2)) / s.sigma
    new = kept * s.y + (1 - kept) * s.denoise()
    return new + fresh * s.noise() if fresh else new


def ancestral(s: Step) -> Any:
    """The law of the next state given this one and x_0 = D."""
    return step(s, eta=1.0)


DDIM = Method(
    name="ddim",
    step=step,
    order=1,
    source="Song, Meng, Ermon, arXiv 2010.02502, eq. 12",
    limits={"eta": (0.0, 1.0)},
)
DDPM = Method(
    name="ddpm",
    step=ancestral,
    order=1,
    strong_order=1,
    stochastic=True,
    source="Ho, Jain, Abbeel, arXiv 2006.11239, eq. 7",
)

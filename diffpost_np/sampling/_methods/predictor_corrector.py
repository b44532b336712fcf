"""A predictor, then Langevin steps at the new noise level, whose step follows from the level alone.

The paper averages norms over the batch, which ties samples together. A score of noise has norm
sqrt(d) / sigma, for which its step is 2 (snr sigma)^2: that is what is taken here.
"""

from __future__ import annotations

import math
from typing import Any

from .._steps.method import Method
from .._steps.step import Step
from .ddim import ancestral


def step(s: Step, *, snr: float = 0.16, n_corrections: int = 1) -> Any:
    """DDPM, then y + e (D - y) / sigma^2 + sqrt(2 e) xi with e = 2 (snr sigma)^2."""
    y, share = ancestral(s), 2 * snr**2
    for _ in range(n_corrections):
        y = (1 - share) * y + share * s.denoise(y, s.next)
        y = y + math.sqrt(2 * share) * s.next * s.noise()
    return y


PREDICTOR_CORRECTOR = Method(
    name="predictor_corrector",
    step=step,
    order=1,
    evals_per_step=2,
    stochastic=True,
    source="Song et al., arXiv 2011.13456, algorithms 4 and 5; steps differ",
    corrected=True,
    limits={"snr": (0.0, 0.7), "n_corrections": (0, 100)},
)
